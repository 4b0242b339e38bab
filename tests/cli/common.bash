# For the tests of the program: each runs in an empty folder of its own.
set -euo pipefail
: "${GRADUS_BIN:?the program to test}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

gradus() { PATH=${PROGRAM_PATH-$PATH} "$GRADUS_BIN" "$@" </dev/null; }

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

finish() {
  ((failures == 0)) || { echo "$failures failed"; exit 1; }
  echo "passed"
}

# begun LINE ARGUMENT…: starts the program, as $child, and waits until a line of its output, $work.out, begins with LINE
begun() {
  local line=$1 i
  shift
  : >"$work.out"
  "$GRADUS_BIN" "$@" >"$work.out" 2>"$work.err" </dev/null &
  child=$!
  for ((i = 0; i < 600; ++i)); do
    grep -q "^$line" "$work.out" && return
    sleep 0.05
  done
  fail "no line $line: $(cat "$work.out" "$work.err")"
}

# All there is in the folder, hidden files too, with checksums and targets of links.
inventory() { find . -mindepth 1 \( -type f -exec md5sum {} + -o -printf '%p %y %l\n' \) | sort; }

# refused REGEX ARGUMENT…: the program ends with code 2 and one line on stderr that matches; no file changes.
refused() {
  local pattern=$1 before code=0
  shift
  before=$(inventory)
  gradus "$@" >"$work.out" 2>"$work.err" || code=$?
  [[ $code == 2 ]] || fail "gradus $*: expected exit code 2, got $code"
  [[ $(wc -l <"$work.err") == 1 ]] || fail "gradus $*: expected one line on stderr, got: $(cat "$work.err")"
  [[ $(cat "$work.err") =~ ^gradus:\ .*$pattern ]] || fail "gradus $*: expected '$pattern', got: $(cat "$work.err")"
  [[ $(inventory) == "$before" ]] || fail "gradus $*: files have changed: $(diff <(echo "$before") <(inventory))"
  rm -f "$work.out" "$work.err"
}

# value FILE KEY: what stands behind a key in a JSON file with a line for each key.
value() { sed -n "s/^ *\"$2\": *\(.*[^,]\),\{0,1\}$/\1/p" "$1"; }

# above A B: as numbers
above() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }'; }

# u32 N: four bytes, big-endian
u32() { printf "\\x$(printf %02x $(($1 >> 24 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 & 255)))"; }

# mnist_folder DIR [LABEL]: a small data set in the form of MNIST; LABEL takes the place of the first label
mnist_folder() {
  local part count i
  mkdir -p "$1"
  for part in train t10k; do
    count=20
    {
      u32 2051; u32 $count; u32 3; u32 3
      for ((i = 0; i < count * 9; ++i)); do printf "\\x$(printf %02x $((i * 37 % 256)))"; done
    } >"$1/$part-images-idx3-ubyte"
    {
      u32 2049; u32 $count
      for ((i = 0; i < count; ++i)); do printf "\\x$(printf %02x $((i == 0 ? ${2:-0} : i % 10)))"; done
    } >"$1/$part-labels-idx1-ubyte"
  done
}
