#!/usr/bin/env bash
# usage: pkg_config.sh PREFIX COMPILER [PKG_CONFIG]: compiles a program by what gradus.pc says, and runs it. Without pkg-config
# it is skipped.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}") prefix=$1 compiler=$2 tool=${3-}
if [[ ! -x $tool ]]; then
  echo "pkg_config: skipped, there is no pkg-config"
  exit 77
fi
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name gradus.pc)")
export PKG_CONFIG_PATH
read -ra flags < <("$tool" --cflags gradus)
read -ra libraries < <("$tool" --libs gradus)
"$compiler" -std=c++20 -O1 "${flags[@]}" "$here/find_package/main.cpp" "${libraries[@]}" -o "$TEST_TMPDIR/consumer"
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") "$TEST_TMPDIR/consumer"
