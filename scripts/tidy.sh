#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over the sources of the rooms, or over the files given.
# usage: scripts/tidy.sh [file…]     needs clang-tidy and a configured preset dev
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(command -v clang-tidy-16 || command -v clang-tidy) || { echo "tidy: clang-tidy is missing" >&2; exit 1; }
if (( $# )); then files=("$@"); else files=(*/src/*.cpp); fi
[[ -f build/dev/compile_commands.json ]] || cmake --preset dev --log-level=NOTICE
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" "$tool" -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option
