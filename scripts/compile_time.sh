#!/usr/bin/env bash
# Processor time that a program of a user's own takes to compile at -O2: examples/custom_model.cpp, three times.
set -euo pipefail
cd "$(dirname "$0")/.."

generated=build/release/tensor/include  # made when the preset is configured
[[ -d $generated ]] || cmake --preset release --log-level=NOTICE
includes=(-isystem /usr/include/eigen3 -Iinclude "-I$generated")
for room in tensor kernels graph inspect ops autograd nn exchange optim data train report; do includes+=("-I$room/include"); done
TIMEFORMAT='%U s'
for _ in 1 2 3; do
  time "${CXX:-c++}" -std=c++20 -O2 -march=native "${includes[@]}" -c examples/custom_model.cpp -o /dev/null
done
printf '%s lines of code\n' "$(grep -cvE '^[[:space:]]*(//|$)' examples/custom_model.cpp)"
