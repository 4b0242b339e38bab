#!/usr/bin/env bash
# From a bare Debian or Ubuntu to a trained model: installs what is missing, builds the program, runs it and writes a report.
# usage: scripts/quickstart.sh [--verbose] [arguments of `gradus train`]     --verbose shows each step of the build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=(--quiet)
if [[ -t 1 ]]; then build=(); fi  # one line that counts up
if [[ ${1-} == --verbose ]]; then
  build=(--verbose)
  shift
fi

scripts/setup.sh
cmake --preset release --log-level=NOTICE
echo "quickstart: building, which takes some minutes"
cmake --build --preset release --target gradus -- "${build[@]}"
build/release/bin/gradus train "$@"

run=runs/latest
for ((i = 1; i < $#; ++i)); do
  if [[ ${!i} == --out ]]; then
    next=$((i + 1))
    run=${!next}
  fi
done
if [[ -e $run/summary.json ]]; then
  build/release/bin/gradus report "$run" --out "$run/report.html"
  echo "quickstart: open $run/report.html in a browser, or say build/release/bin/gradus report $run --open"
fi
