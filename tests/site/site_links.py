#!/usr/bin/env python3
"""usage: site_links.py SITE — links between files of a site lead to files that are there, and to anchors in them, those that the search
and the tree of contents hold too."""

import html
import pathlib
import re
import sys
import urllib.parse

ANCHOR = re.compile(r'\b(?:id|name)="([^"]*)"')
HTML_LINK = re.compile(r'<(?!script|!--)[^>]*?\s(?:href|src|data)="([^"]*)"|<script[^>]* src="([^"]*)"')
JS_LINK = re.compile(r"""["'](?:\.\./)?([\w-]+\.html(?:#[\w-]*)?)["']""")


def links(path, text):
    if path.suffix == ".html":
        return {html.unescape(a or b) for a, b in HTML_LINK.findall(text)}
    return set(JS_LINK.findall(text))


def main():
    site = pathlib.Path(sys.argv[1])
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*")) if path.suffix in (".html", ".js")}
    anchors = {path: set(ANCHOR.findall(text)) for path, text in texts.items() if path.suffix == ".html"}
    wrong, count = [], 0
    for path, text in texts.items():
        for link in links(path, text):
            if re.match(r"[a-z]+:|$", link):
                continue
            count += 1
            target, _, anchor = urllib.parse.unquote(link).partition("#")
            base = path.parent if path.suffix == ".html" else site
            place = base / target.partition("?")[0] if target else path
            if not place.exists():
                wrong.append(f"{path.relative_to(site)}: {link} does not exist")
            elif anchor and anchor not in anchors.get(place, ()):
                wrong.append(f"{path.relative_to(site)}: {link} has no such anchor")
    print("\n".join(wrong[:40]) if wrong else f"{count} links within {len(texts)} files")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
