"""What Doxygen reads of a Markdown page: links, headings, pictures and code in its spelling."""

import os
import re

from headers import prose, sentence_end

LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^()\s]+)\)")
LANGUAGES = {"cpp": ".cpp", "python": ".py"}
IMAGES = "pictures"


def slug(heading):
    """The anchor that a heading has on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page_id(path):
    """The name of a page's file in the site."""
    return "page_" + re.sub(r"\W", "_", re.sub(r"^docs/|\.(md|cpp)$|/$", "", path))


def title(text):
    return re.match(r"# (.*)", text)[1].replace("`", "")


def outside_code(text, change):
    """The text with `change` made to what is not `code`."""
    return "".join(part if i % 2 else change(part) for i, part in enumerate(re.split(r"(`[^`]*`)", text)))


class Page:
    """A page of the tree: `path` is relative to its root, `pages` has the titles of the site's, `headers` the topics of headers."""

    def __init__(self, path, text, pages, headers):
        self.path, self.pages, self.headers = path, pages, headers
        self.lines = text.rstrip("\n").split("\n")
        self.images = []
        self.out = []

    def convert(self):
        fence = indented = False
        self.emphasis = False
        for i, line in enumerate(self.lines):
            if indented and line.strip() and not line.startswith("    "):
                indented = False
                while not self.out[-1]:
                    self.out.pop()
                self.out += ["```", ""]
            if line.startswith("```"):
                fence = not fence
                name = line[3:].strip()
                self.out.append("```{%s}" % LANGUAGES.get(name, ".unparsed") if fence else "```")
                continue
            if fence:
                self.out.append(line)
                continue
            if not indented and line.startswith("    ") and self.begins_code(i):
                indented = True
                self.out.append("```{.unparsed}")
            self.out.append(line[4:] if indented else self.text(line))
        if indented:
            self.out.append("```")
        if sum(line.startswith("## ") for line in self.out) > 2 and self.path != "README.md":
            self.out.insert(1, "\n[TOC]")
        return "\n".join(self.out) + "\n"

    def begins_code(self, i):
        """Whether an indented line is code, not a list's."""
        before = [line for line in self.lines[:i] if line.strip()]
        return i > 0 and not self.lines[i - 1].strip() and not re.match(r"\s*(-|\d+\.) ", before[-1])

    def text(self, line):
        heading = re.match(r"(#+) (.*)$", line)
        if heading:
            own = page_id(self.path)
            label = own if len(heading[1]) == 1 else f"{own}_{slug(heading[2])}"
            if self.path == "README.md":
                if label != own:  # no entries of the contents beside the pages
                    return f"<h2>{outside_code(heading[2], self.plain)}</h2>"
                label = "mainpage"
            return f"{heading[1]} {outside_code(heading[2], self.plain)} {{#{label}}}"
        if re.match(r"\|[\s|:-]+\|$", line):
            return line
        kept = []

        def keep(found):
            kept.append(self.image(found) if found[1] else self.link(found[2], found[3]))
            return f"\0{len(kept) - 1}\0"

        line = self.emphasised(LINK.sub(keep, line))
        line = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], outside_code(line, self.plain))
        return line.replace("\1", "<em>").replace("\2", "</em>")

    def emphasised(self, line):
        """A paragraph that is emphasised as a whole, which Doxygen does not see where code is at its ends."""
        if line.startswith("*`"):
            line, self.emphasis = "\1" + line[1:], True
        if self.emphasis and line.endswith("*"):
            line, self.emphasis = line[:-1] + "\2", False
        return line

    @staticmethod
    def plain(text):
        """Prose in which Doxygen sees no commands."""
        quote, text = re.match(r"(> )?(.*)$", text, re.S).groups()
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace("\\|", "&#124;").replace("\\", "\\\\")
        return (quote or "") + re.sub(r"([@#%])(?=\w)", r"\\\1", text).replace("--", "-&zwj;-")

    def image(self, found):
        source = os.path.normpath(os.path.join(os.path.dirname(self.path), found[3]))
        name = os.path.relpath(source, "docs/pictures").replace("/", "-")
        self.images.append((source, name))
        alt = found[2].replace('"', "&quot;")
        return f'<img src="{IMAGES}/{name}" alt="{alt}"/>'

    def link(self, text, target):
        shown = outside_code(text, self.plain)
        if re.match(r"[a-z]+:", target):
            return f"[{shown}]({target})"
        inner = self.plain(text.replace("`", ""))  # Doxygen sees no code in links between pages
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(self.path), path)) if path else self.path
        if path in self.headers:
            return f"[{inner}](@ref {self.headers[path]})"
        if path not in self.pages:
            return shown
        label = "index" if path == "README.md" else page_id(path)
        if text.endswith((".md", "/")):  # a file's name, which the site does not show
            inner = self.plain(self.pages[path])
        return f"[{inner}](@ref {label + ('_' + anchor if anchor else '')})"


def first_comment(text):
    """The lines of the comment with which a program begins."""
    return re.match(r"(?://.*\n)*", text)[0]


def said(comment):
    return " ".join(line.lstrip("/ ") for line in comment.splitlines())


def first_sentence(text):
    whole = said(first_comment(text))
    return prose(whole[:sentence_end(whole)].rstrip("."))


def example(path, text):
    """A page for a program: what its first comment says, and its code."""
    comment = first_comment(text)
    heading = f"# {os.path.basename(path)} {{#{page_id(path)}}}"
    return f"{heading}\n\n{prose(said(comment))}\n\n```{{.cpp}}\n{text[len(comment):].strip()}\n```\n"
