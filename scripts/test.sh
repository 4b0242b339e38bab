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

scripts/setup.sh
if [[ $preset == ci ]]; then scripts/format.sh --check; fi
cmake --preset "$preset" --log-level=NOTICE
cmake --build --preset "$preset"

code=0
ctest --preset "$preset" --parallel "$(nproc)" "$@" || code=$?

# The cases inside the test programs, which ctest does not count, and why some were skipped.
awk '/^\[  PASSED  \]/ { passed += $4 }
     /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
     /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
     /: Skipped$/ { getline; ++reasons[$0] }
     END {
       printf "GoogleTest cases: %d passed, %d skipped, %d failed\n", passed, skipped, failed
       for (reason in reasons) printf "  skipped %d: %s\n", reasons[reason], reason
     }' "build/$preset/Testing/Temporary/LastTest.log"
exit "$code"
