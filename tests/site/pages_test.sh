#!/usr/bin/env bash
# usage: pages_test.sh PYTHON SCRATCH — pages.py accepts right pages and rejects each kind of wrong ones.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$1
scratch=$2

# expect text: what is said of the page on standard input, beside another one.
fine="2 pages are as they should be"
expect() {
  rm -rf "$scratch"
  mkdir -p "$scratch/docs"
  printf '# Other\n\nHere you can read on.\n\n## One `word` and more\n' >"$scratch/docs/other.md"
  cat >"$scratch/docs/page.md"
  local out outcome=accepted wanted=rejected
  [[ $1 != "$fine" ]] || wanted=accepted
  out=$("$python" -B "$here/pages.py" "$scratch" 2>&1) || outcome=rejected
  [[ $out == *"$1"* && $outcome == "$wanted" ]] || { echo "expected '$1', $wanted; got '$out', $outcome" >&2; exit 1; }
}
page() { printf '# Page\n\nWith this page you can do it.\n\n%s\n' "$1"; }

page '[this](other.md), [that](other.md#one-word-and-more), [`code`](https://example.org), ![](../docs)' | expect "$fine"
page '`[](auto x) { return x; }` and `a[i](b)`' | expect "$fine"
printf '# Page\n\nWith this page you can.\n\n```cpp\nf([](auto x) { return x; });\n```\n' | expect "$fine"
page '[gone](gone.md)' | expect "docs/page.md:5: gone.md does not exist"
page '[`gone`](gone.md)' | expect "docs/page.md:5: gone.md does not exist"
page '![gone](pictures/gone.png)' | expect "pictures/gone.png does not exist"
page '[gone](other.md#two)' | expect "docs/page.md:5: other.md#two: no heading #two"
page '[gone](#two)' | expect "#two: no heading #two"
page '[out](../../../)' | expect "is outside of the tree"
page '[wrong](https:/example.org)' | expect "https:/example.org is no address"
printf 'No title, you see.\n' | expect "docs/page.md:1: begins without a title"
printf '# Page\n' | expect "begins without a paragraph"
printf '# Page\n\n    code of yours\n' | expect "begins without a paragraph"
printf '# Page\n\n## Part\n\nHere you can.\n' | expect "begins without a paragraph"
printf '# Page\n\nAll code is one program.\n' | expect "what \"you can\" do with it"
echo "pages are judged rightly"
