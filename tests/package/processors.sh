#!/usr/bin/env bash
# usage: processors.sh PROGRAM FOLDER: runs the program, which prints numbers, with the libraries in FOLDER and with each of those in
# FOLDER/glibc-hwcaps that are for this processor. The loader has to take them, of itself the best; numbers may differ by 1e-5 from
# those of the first.
set -euo pipefail
program=$1 folder=$2 work=${TEST_TMPDIR:-/tmp}/processors
loader=/lib64/ld-linux-x86-64.so.2
if [[ ! -d $folder/glibc-hwcaps ]]; then
  echo "processors: skipped, $folder has libraries for one kind of processor only"
  exit 77
fi
fail() {
  echo "processors: $*" >&2
  exit 1
}
rm -rf "$work"
mkdir -p "$work"

# taken LOG: where the loader found the library of ops.
taken() { sed -n 's/.*calling init: \(.*\)\/libgradus_ops.*/\1/p' "$1"; }

# with LEVEL: runs the program with that kind of libraries and no other.
with() {
  LD_DEBUG=libs "$loader" --glibc-hwcaps-mask "$1" "$program" >"$work/$1" 2>"$work/$1.log" || fail "$(tail -n 3 "$work/$1.log")"
  [[ $(taken "$work/$1.log") -ef $2 ]] || fail "expected the libraries of $2, got those of '$(taken "$work/$1.log")'"
}

with none "$folder"
(( $(wc -l <"$work/none") > 1000 )) || fail "expected more numbers than $(wc -l <"$work/none")"
best=$folder
for level in x86-64-v2 x86-64-v3 x86-64-v4; do
  [[ $(find "$folder/glibc-hwcaps/$level" -name 'libgradus_ops.*' 2>/dev/null) ]] || continue
  if ! "$loader" --help | grep -q "$level (supported"; then
    echo "processors: $level is not this processor's"
    continue
  fi
  best=$folder/glibc-hwcaps/$level
  with "$level" "$best"
  paste "$work/none" "$work/$level" | awk -v level="$level" '
    { d = $1 > $2 ? $1 - $2 : $2 - $1; if (!(d <= most)) most = d }
    END {
      printf "processors: %s: %d numbers, the largest difference is %.1e\n", level, NR, most
      exit !(most <= 1e-5)
    }' || fail "expected numbers of $level that differ by 1e-5 at most"
done
LD_DEBUG=libs "$program" 2>"$work/own.log" >"$work/own"
[[ $(taken "$work/own.log") -ef $best ]] || fail "expected that the loader takes $best, got '$(taken "$work/own.log")'"
echo "processors: the loader takes $best"
