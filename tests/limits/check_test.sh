#!/usr/bin/env bash
# usage: check_test.sh scratch — check.sh accepts files within the limits and rejects each way of passing them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rm -rf "$1"
mkdir -p "$1/src"

# expect text: the outcome of the check on standard input as the only file.
expect() {
  cat > "$1/src/file.cpp"
  local out outcome=accepted wanted=rejected
  [[ $2 != "$fine" ]] || wanted=accepted
  out=$(bash "$here/check.sh" "$1" 2>&1) || outcome=rejected
  [[ $out == *"$2"* && $outcome == "$wanted" ]] || { echo "expected '$2', $wanted; got '$out', $outcome" >&2; exit 1; }
}
# repeat text n: so many lines of it.
repeat() { for ((i = 0; i < $2; ++i)); do echo "$1"; done; }
function_of() { echo "${2:-int f(int a,}"; echo "      int b) {"; repeat "  ++a;" "$(($1 - 3))"; echo "}"; }

fine="1 files are within the limits"
function_of 60 | expect "$1" "$fine"
function_of 61 | expect "$1" "file.cpp:1: a function of 61 lines, at most 60"
{ echo "/// Long: one case after the other."; function_of 61; } | expect "$1" "$fine"
{ echo "/// Long:"; function_of 61; } | expect "$1" "a function of 61 lines"
{ echo "/// Long: it is of another."; echo "int x;"; function_of 61; } | expect "$1" "a function of 61 lines"
{ echo "template <class T>"; function_of 61 "T f(T a,"; } | expect "$1" "file.cpp:2: a function of 61 lines"
{ echo "class C {"; echo "  int f() {"; repeat "    ++a;" 59; echo "  }"; echo "};"; } |
  expect "$1" "file.cpp:2: a function of 61 lines"
for opening in "  static const int table[] = {" "  return {" "  std::vector<int> list{"; do
  { echo "int f() {"; echo "$opening"; repeat "      1," 100; echo "  };"; echo "}"; } | expect "$1" "$fine"
done
{ echo "int f() {"; echo "  if (a) {"; repeat "    ++a;" 100; echo "  }"; echo "}"; } |
  expect "$1" "file.cpp:1: a function of 104 lines"
repeat "int x;" 500 | expect "$1" "$fine"
repeat "int x;" 501 | expect "$1" "file.cpp: 501 lines, at most 500"
{ echo "// Long: a table."; repeat "int x;" 500; } | expect "$1" "$fine"
echo "the limits are kept"
