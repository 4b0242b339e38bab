#!/usr/bin/env bash
# Runs readers and parsers under libFuzzer with the address and undefined-behaviour sanitizers, one after the other.
# usage: scripts/fuzz.sh [TARGET|all] [RUNS]     1,000,000 runs unless said otherwise; --list names the targets. Needs
# scripts/setup.sh --fuzz. What is found is kept in build/fuzz/runs/TARGET, with the inputs that led to something new, from
# which the next run goes on.
# An input may cost a second of a processor and what its target says of memory (tests/fuzz/target.h); waiting for anything
# for FUZZ_TIMEOUT seconds (10) fails too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

asked=${1:-all} runs=${2:-1000000}
program=build/fuzz/bin/gradus_fuzz
cmake --preset fuzz --log-level=NOTICE
cmake --build build/fuzz --target gradus_fuzz

mapfile -t targets < <(GRADUS_FUZZ_TARGET='' "$program" 2>/dev/null || true)
case $asked in
  --list) printf '%s\n' "${targets[@]}"; exit ;;
  all) ;;
  *) targets=("$asked") ;;
esac

memory=/tmp
[[ -w /dev/shm ]] && memory=/dev/shm  # each input becomes a file
TMPDIR=$(mktemp -d "$memory/gradus_fuzz.XXXXXX")
export TMPDIR OMP_NUM_THREADS=1
trap 'rm -rf "$TMPDIR"' EXIT

failed=()
for target in "${targets[@]}"; do
  kept=build/fuzz/runs/$target
  mkdir -p "$kept/seeds" "$kept/corpus" "$kept/found"
  options=("-runs=$runs" "-timeout=${FUZZ_TIMEOUT:-10}" -max_len=4096 -rss_limit_mb=2048 -malloc_limit_mb=1024
           -close_fd_mask=1 -print_final_stats=1 "-artifact_prefix=$kept/found/")
  # An empty dictionary is an error.
  export GRADUS_FUZZ_TARGET=$target GRADUS_FUZZ_FOLDER=$kept
  "$program" -runs=0 "$kept/corpus" >/dev/null 2>&1 || true
  [[ -s $kept/words.dict ]] && options+=("-dict=$kept/words.dict")
  folders=("$kept/corpus" "$kept/seeds")
  [[ -d tests/fuzz/corpus/$target ]] && folders+=("tests/fuzz/corpus/$target")
  if "$program" "${options[@]}" "${folders[@]}" >"$kept/log" 2>&1; then
    echo "fuzz: $target: $(awk '/number_of_executed_units/ { print $2 }' "$kept/log") runs, nothing found"
  else
    echo "fuzz: $target: failed, see $kept/log"
    failed+=("$target")
  fi
done
(( ${#failed[@]} == 0 )) || exit 1
