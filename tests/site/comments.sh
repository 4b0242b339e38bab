#!/usr/bin/env bash
# Every name that a public header declares in a namespace has a comment: functions, classes, structs, enums, aliases, constants,
# concepts. Some share one: docs/site/headers.py says which. Not asked for: members and specialisations, operators (they are the
# functions of the same meaning), and gradus::lane, whose functions are called as the ops are. A struct …Options is described by
# what takes it.
# usage: comments.sh ROOT SOURCE     the headers of the tree SOURCE, read as docs/site of ROOT does
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
needs doxygen python3
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
python3 -B "$1/docs/site/prepare.py" "$2" "$stage/in"
cat "$1/docs/site/Doxyfile" - >"$stage/Doxyfile" <<END
INPUT = $1/docs/site/namespaces.dox $stage/in/topics.dox $stage/in/include
STRIP_FROM_PATH = $stage/in
WARN_IF_UNDOCUMENTED = YES
WARN_AS_ERROR = NO
GENERATE_HTML = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
OUTPUT_DIRECTORY = $stage/out
END
mkdir "$stage/out"
doxygen "$stage/Doxyfile" 2>"$stage/warnings"
xml=$stage/out/xml
names=$(( $(cat "$xml"/group__header*.xml | grep -c '<memberdef ') + $(find "$xml" -regex '.*/\(class\|struct\|concept\)[^/]*' | wc -l) ))
(( names > 0 )) || fail "Doxygen sees no names"
{
  grep -E ': warning: (Compound|Member .* of namespace)' "$stage/warnings" |
    grep -vE 'gradus::lane|operator ?[^a-z]|Compound .*(::[A-Z]\w*::|<)' | sed -E "s|^$stage/in/||; s/ warning://" || true
  # Doxygen has no warning for concepts.
  while IFS=: read -r file line name; do
    cat "$xml"/concept*_1_1"${name#concept }.xml" | grep -q '<para>' || echo "$file:$line: $name is not documented."
  done < <(cd "$stage/in" && grep -rnoE '^concept \w+' include)
} | sort -t: -k1,1 -k2,2n >"$stage/bare"
cat "$stage/bare"
[[ ! -s $stage/bare ]] || fail "$(wc -l <"$stage/bare") of $names names have no comment"
echo "$names names, none of those that need one without a comment"
