#!/usr/bin/env bash
# Formats every C++ source, or with --check lists those that are not formatted and fails.
# usage: scripts/format.sh [--check]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Formatting differs between versions; 19 is in Debian 12 and 13 and Ubuntu 24.04.
tool=$(command -v clang-format-19 || command -v clang-format) || {
  echo "format: clang-format is missing (scripts/setup.sh --ci installs it)" >&2
  exit 1
}
export tool
if [[ ${1-} == --check && $("$tool" --version) != *"version 19."* ]]; then
  echo "format: not checked, for lack of clang-format 19: this is $("$tool" --version)"
  exit
fi

sources() { find . -path ./build -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0; }
unformatted() {
  for file; do
    "$tool" --dry-run --Werror "$file" 2>/dev/null || echo "$file"
    # Comments are left as they are written, so their width is checked by itself.
    LC_ALL=C.UTF-8 grep -HnP '^(?=.{121}) *//' "$file" || true
  done
}
export -f unformatted

case "${1-}" in
  '') sources | xargs -0 -r "$tool" -i ;;
  --check)
    files=$(sources | xargs -0 -r -n 16 -P "$(nproc)" bash -c 'unformatted "$@"' _)
    if [[ $files ]]; then
      printf 'format: these are not formatted (scripts/format.sh does it):\n%s\n' "$files" >&2
      exit 1
    fi
    ;;
  *) echo "usage: scripts/format.sh [--check]" >&2; exit 2 ;;
esac
