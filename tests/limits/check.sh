#!/usr/bin/env bash
# usage: check.sh root — the limits of check.awk hold for every source and header of the tree.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"
find . \( -name build -o -name '.?*' -o -type d -exec test -e '{}/CMakeCache.txt' \; \) -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0 | sort -z |
  xargs -0 awk -f "$here/check.awk"
