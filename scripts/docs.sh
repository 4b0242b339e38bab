#!/usr/bin/env bash
# Builds the documentation site, with Doxygen: the pages of docs/ and the reference of the public headers. What is missing is installed.
# usage: scripts/docs.sh [FOLDER]     the site's folder, build/site unless given: new, empty, or an earlier site, which is replaced
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

site=$(realpath -m "${1:-build/site}")
mark=.gradus-site  # in each site
if [[ -e $site && ! -e $site/$mark ]] && ! rmdir "$site" 2>/dev/null; then
  echo "docs: expected a new folder, an empty one or an earlier site, got $site" >&2
  exit 2
fi
theme=/usr/share/doxygen-awesome-css/doxygen-awesome.css
have() { command -v "$1" >/dev/null; }
if ! have doxygen || ! have python3; then scripts/setup.sh --docs; fi
if [[ ! -e $theme ]]; then
  echo "docs: no $theme, so the site has Doxygen's own look (Debian: doxygen-awesome-css)" >&2
  theme=
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
python3 -B docs/site/prepare.py . "$stage"

mapfile -t pages < <(sed "s|^|$stage/|" "$stage/order")
mkdir "$stage/site"
cat docs/site/Doxyfile - >"$stage/Doxyfile" <<END
PROJECT_NUMBER = $(sed -nE 's/^project\(gradus VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
INPUT = ${pages[*]} docs/site/namespaces.dox $stage/topics.dox $stage/include
USE_MDFILE_AS_MAINPAGE = ${pages[0]}
STRIP_FROM_PATH = $stage
STRIP_FROM_INC_PATH = $stage/include
LAYOUT_FILE = $stage/layout.xml
HTML_OUTPUT = $stage/site
HTML_EXTRA_STYLESHEET = $theme docs/site/site.css
END
# The theme has dark and light colours of its own.
doxygen -g - | grep -q '^HTML_COLORSTYLE ' && echo "HTML_COLORSTYLE = LIGHT" >>"$stage/Doxyfile"
# What a thing is stands before what it has.
doxygen -l "$stage/layout.xml"
topics=topics  # what older versions call modules
grep -q 'type="topics"' "$stage/layout.xml" || topics=modules
sed -Ei -e "s/(type=\"$topics\" visible=\"yes\" title=\")/\1Reference/" -e 's/(type="pages" visible="yes" title=")/\1Pages/' \
  -e 's/(type="(concepts|namespacemembers|classindex|classmembers)" visible=")yes/\1no/' \
  -e '/<detaileddescription/d; s|<briefdescription.*|<detaileddescription title="Description"/>|' "$stage/layout.xml"
doxygen "$stage/Doxyfile" 2>"$stage/warnings" || {
  sed "s|$stage/||" "$stage/warnings" >&2
  exit 1
}
cp -r "$stage/pictures" "$stage/site/"
touch "$stage/site/$mark"
rm -rf "$site"
mkdir -p "$(dirname "$site")"
mv "$stage/site" "$site"
echo "docs: $site/index.html"
