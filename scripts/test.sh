#!/usr/bin/env bash
# Installs what is missing, builds everything and runs the tests.
# usage: scripts/test.sh [release|dev|asan|tsan|ci] [arguments of ctest]
# With the preset ci, warnings are errors and the formatting of the sources is checked too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
if [[ ${1-} && ${1-} != -* ]]; then
  preset=$1
  shift
fi

if [[ $preset == ci ]]; then
  scripts/setup.sh --ci
  scripts/format.sh --check
else
  scripts/setup.sh
fi
cmake --preset "$preset" --log-level=NOTICE
cmake --build --preset "$preset"

code=0
ctest --preset "$preset" --parallel "$(nproc)" "$@" || code=$?

awk -f scripts/cases.awk "build/$preset/Testing/Temporary/LastTest.log"
exit "$code"
