#!/usr/bin/env bash
# node_cases.sh PROGRAM: the tests of single operators of the ONNX standard, written by Python's onnx, with the program.
set -euo pipefail
if ! /usr/bin/python3 -c 'import onnx' 2>/dev/null; then
  echo "skipped: no Python package onnx"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 "$(dirname "$0")/node_cases.py" "$folder"
"$1" "$folder"
