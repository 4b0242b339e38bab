#!/usr/bin/env bash
# summary.sh PROGRAM AWK CTEST FOLDER: what scripts/test.sh says of failed, skipped and unfinished programs is true.
set -euo pipefail
program=$1 awk=$2 ctest=$3 folder=$4

rm -rf "$folder"
mkdir -p "$folder"
cat >"$folder/CTestTestfile.cmake" <<TEXT
add_test(outcomes "$program" --gtest_brief=1)
add_test(good "$program" --gtest_brief=1 --gtest_filter=Sample.Passes)
add_test(dead "$program" --gtest_brief=1 --gtest_filter=Sample.Dies)
set_tests_properties(dead PROPERTIES ENVIRONMENT DIE=1)
TEXT
"$ctest" --test-dir "$folder" >/dev/null 2>&1 && { echo "summary: ctest should have failed"; exit 1; }

got=$(awk -f "$awk" "$folder/Testing/Temporary/LastTest.log" | sed 's/ ([0-9]* ms)$//')
expected='GoogleTest cases: 4 passed, 1 skipped, 2 failed
  failed: Sample.Fails
  failed: All/Numbered.IsTwo/0, where GetParam() = 1
  failed as a whole: dead
  skipped 1: no data'
[[ $got == "$expected" ]] || { diff <(echo "$expected") <(echo "$got"); exit 1; }
