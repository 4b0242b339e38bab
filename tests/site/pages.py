#!/usr/bin/env python3
"""usage: pages.py ROOT — links of all Markdown pages of the tree lead somewhere, to the heading too, and each page of docs/ begins by
telling its reader, "you", what it is good for. Links to other sites are not followed."""

import os
import pathlib
import re
import sys

LINK = re.compile(r"!?\[((?:`[^`]*`|[^\]`])*)\]\(([^()\s]*)\)")


def lines_of(path):
    """The lines of a page, those of code blocks empty; code within a line too, but for links' texts."""
    lines, fence = [], False
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("```"):
            fence, line = not fence, ""
        lines.append("" if fence or line.startswith("    ") else line)
    return lines


def anchors(path):
    """The anchors that headings have on GitHub."""
    found = {}
    for line in lines_of(path):
        heading = re.match(r"#+ (.*)$", line)
        if heading:
            name = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            found[name] = found.get(name, -1) + 1
            if found[name]:
                found[f"{name}-{found[name]}"] = 0
    return found


def wrong_links(root, path):
    for number, line in enumerate(lines_of(path), 1):
        shown = re.sub(r"`[^`]*`", lambda code: code[0].replace("](", "] ("), line)
        for link in LINK.finditer(shown):
            target, _, anchor = link[2].partition("#")
            if re.match(r"[a-z]+:", link[2]):
                if not re.match(r"https?://[\w.-]+\.\w+(/|$)|mailto:.+@", link[2]):
                    yield number, f"{link[2]} is no address"
                continue
            place = (path.parent / target).resolve() if target else path.resolve()
            if not place.exists():
                yield number, f"{link[2]} does not exist"
            elif not place.is_relative_to(root):
                yield number, f"{link[2]} is outside of the tree"
            elif anchor and (place.suffix != ".md" or anchor not in anchors(place)):
                yield number, f"{link[2]}: no heading #{anchor}"


def first_paragraph(path):
    """The lines below the title up to an empty one."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if not lines[0].startswith("# "):
        return None
    text = []
    for line in lines[1:]:
        if not line.strip() and text:
            break
        if line.strip():
            text.append(line)
    return "\n".join(text)


def wrong_beginning(path):
    text = first_paragraph(path)
    if text is None:
        return "begins without a title"
    if not text or re.match(r"[#|>!-]|```|    |\d+\.", text):
        return "begins without a paragraph"
    return None if re.search(r"\byou\b", text, re.I) else 'its first paragraph does not tell the reader what "you can" do with it'


def pages_below(root):
    """Its Markdown pages, but for those in folders that are hidden or that are built in."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != "build" and name[0] != "."
                      and not os.path.exists(os.path.join(folder, name, "CMakeCache.txt"))]
        yield from (pathlib.Path(folder, name) for name in files if name.endswith(".md"))


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    pages = sorted(pages_below(root))
    wrong = [f"{path.relative_to(root)}:{number}: {what}" for path in pages for number, what in wrong_links(root, path)]
    wrong += [f"{path.relative_to(root)}:1: {what}" for path in sorted(root.glob("docs/*.md")) if (what := wrong_beginning(path))]
    print("\n".join(wrong) if wrong else f"{len(pages)} pages are as they should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
