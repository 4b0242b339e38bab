#!/usr/bin/env bash
# Builds the site, follows the links between its files, and opens some of its pages in headless Chromium at 1280 and 390 px: walk.js.
# usage: browser.sh ROOT     SITE=DIR takes a site that was built before
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/tools.bash"
needs doxygen python3
[[ -e /usr/share/doxygen-awesome-css ]] || { echo "skipped: no theme (Debian: doxygen-awesome-css)"; exit 77; }
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no Chromium (Debian: chromium)"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

site=${SITE-}
if [[ ! $site ]]; then
  site=$work/site
  "$1/scripts/docs.sh" "$site"
fi
python3 -B "$here/site_links.py" "$site"
python3 -B "$here/site_links_test.py" "$work/links"

# The main page; pages with a wide table, with pictures and with long code; a topic and a class of the reference.
pages=(index.html page_ops.html page_lecture6.html page_errors.html group__header__ops__norm.html classgradus_1_1nn_1_1Linear.html)
{
  echo '<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><script>'
  printf 'const site = "file://%s/", pages = [' "$site"
  printf '"%s",' "${pages[@]}"
  echo '];'
  cat "$here/walk.js"
  echo '</script>'
} >"$work/walk.html"
flags=(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files --user-data-dir="$work/profile"
  --enable-logging=stderr --v=0)
timeout 300 "$browser" "${flags[@]}" --window-size=1400,1000 --virtual-time-budget=15000 --dump-dom "file://$work/walk.html" \
  >"$work/dom" 2>"$work/log" || fail "the browser ended with $?: $(tail -3 "$work/log")"
if grep 'CONSOLE' "$work/log"; then fail "something is written to the console"; fi
seen=$(grep -o 'data-done="[^"]*"' "$work/dom" || true)
problems=$(tr '\n' '|' <"$work/dom" | grep -o 'data-wrong="[^"]*"' || true)
echo "$seen"
[[ $seen == *"\"$((2 * ${#pages[@]})) pages"* && $problems == 'data-wrong=""' ]] || fail "$(tr '|' '\n' <<<"$problems")"
echo passed
