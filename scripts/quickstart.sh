#!/usr/bin/env bash
# From a bare Debian 12 to a trained model: installs what is missing, builds the program and runs it.
# usage: scripts/quickstart.sh [arguments of `gradus train`]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
cmake --preset release --log-level=NOTICE
cmake --build --preset release --target gradus
build/release/bin/gradus train "$@"
