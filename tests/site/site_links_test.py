#!/usr/bin/env python3
"""usage: site_links_test.py SCRATCH — site_links.py accepts a small site, and finds each kind of broken link in it."""

import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
site = pathlib.Path(sys.argv[1])
(site / "search").mkdir(parents=True)
RIGHT = {
    "index.html": '<a href="page.html#part">page</a><a href="https://example.org/none">away</a><img src="a%20b.svg"/>',
    "page.html": '<h1 id="part">Page</h1><a href="index.html">up</a><a name="old"></a><a href="#old">here</a>',
    "a b.svg": "",
    "search/all_0.js": "var searchData=[['part_0',['part',['../page.html#part',1,'']]]];",
    "tree.js": 'var TREE=[["Page","page.html",null]];',
}


def check(path, text):
    for name, right in RIGHT.items():
        (site / name).write_text(text if name == path else right, encoding="utf-8")
    return subprocess.run([sys.executable, "-B", here / "site_links.py", site], capture_output=True, text=True)


def expect(path, old, new, said):
    done = check(path, RIGHT[path].replace(old, new, 1))
    assert done.returncode == 1 and said in done.stdout, f"expected '{said}', got {done.returncode}: {done.stdout}{done.stderr}"


fine = check("", "")
assert fine.returncode == 0 and "6 links" in fine.stdout, fine.stdout + fine.stderr
expect("index.html", "page.html", "pages.html", "index.html: pages.html#part does not exist")
expect("index.html", "#part", "#parts", "index.html: page.html#parts has no such anchor")
expect("index.html", ".svg", ".png", "index.html: a%20b.png does not exist")
expect("page.html", "#old", "#new", "page.html: #new has no such anchor")
expect("search/all_0.js", "#part", "#parts", "search/all_0.js: page.html#parts has no such anchor")
expect("tree.js", "page.html", "gone.html", "tree.js: gone.html does not exist")
