#!/usr/bin/env python3
"""usage: prepare.py ROOT STAGE — writes what Doxygen reads: public headers and pages of the tree ROOT, by room and in order."""

import pathlib
import re
import shutil
import sys

import headers
import pages


def read(path):
    return path.read_text(encoding="utf-8")


def rooms(root):
    """Rooms and what they hold, as the table of docs/design.md says."""
    found = re.findall(r"^\| `(\w+)/` \| (.*) \|$", read(root / "docs/design.md"), re.M)
    return {name: text for name, text in found if (root / name / "include").exists()}


def topic(path):
    """The name of the topic that holds a header's names."""
    return "header_" + re.sub(r"\W", "_", path.split("include/gradus/")[-1].removesuffix(".h"))


def public_headers(root):
    found = sorted(root.glob("*/include/gradus/**/*.h")) + sorted((root / "include/gradus").glob("*.h"))
    return [path.relative_to(root).as_posix() for path in found]


def write_headers(root, stage):
    """The headers, and topics.dox with a topic for each that declares something, below that of its room."""
    held, topics, text = rooms(root), {}, []
    for path in public_headers(root):
        name = path.split("include/")[-1]
        header = headers.Header(read(root / path), f" @ingroup {topic(path)}")
        target = stage / "include" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(header.convert(), encoding="utf-8")
        if header.begun:
            topics[path] = topic(path)
            about = "\n".join(header.about)
            text.append(f"@defgroup {topic(path)} {name.removeprefix('gradus/')}\n@ingroup room_{path.split('/')[0]}\n"
                        f"@code{{.cpp}}\n#include <{name}>\n@endcode\n{about}")
    for name, said in held.items():
        write = headers.prose(said[0].upper() + said[1:])
        text.append(f"@defgroup room_{name} {name}\n@brief {write}.\n@details\n@code{{.cpp}}\n#include <gradus/{name}.h>\n@endcode")
    text.append("@defgroup room_include gradus\n@brief Everything at once, and the names of daily use.")
    write_dox(stage / "topics.dox", text)
    return topics


def write_dox(path, comments):
    path.write_text("".join("/**\n" + text.replace("*/", "*&#47;") + "\n*/\n\n" for text in comments), encoding="utf-8")


def page_order(root):
    """README, the pages in the order in which it names them, and those that it does not name."""
    listed = "\n".join(re.findall(r"^- .*$", read(root / "README.md"), re.M))
    named = [link[3] for link in pages.LINK.finditer(listed) if link[3].endswith(".md")]
    found = sorted(path.relative_to(root).as_posix() for path in root.glob("docs/*.md"))
    named = [name for name in named if (root / name).exists()]
    return list(dict.fromkeys(["README.md"] + named + found + ["CONTRIBUTING.md", "CHANGELOG.md"]))


def write_list(stage, path, title, said, entries):
    """A page above others, `entries`: their paths and what is said of them."""
    lines = [f"# {title} {{#{pages.page_id(path)}}}", "", said, ""]
    lines += [f"- @subpage {pages.page_id(entry)}{' <br/>' + text if text else ''}" for entry, text in entries]
    (stage / f"{pages.page_id(path)}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_pages(root, stage, topics):
    order = page_order(root)
    decisions = sorted(path.relative_to(root).as_posix() for path in root.glob("docs/decisions/*.md"))
    examples = sorted(path.relative_to(root).as_posix() for path in root.glob("examples/*.cpp"))
    known = {path: pages.title(read(root / path)) for path in order + decisions}
    known |= {path: path for path in examples} | {"docs/decisions": "Decisions", "examples": "Examples"}
    files, images = [], {}
    for path in order + decisions:
        page = pages.Page(path, read(root / path), known, topics)
        name = f"{pages.page_id(path)}.md"
        (stage / name).write_text(page.convert(), encoding="utf-8")
        images |= {name: root / source for source, name in page.images}
        files.append(name)
    for path in examples:
        name = f"{pages.page_id(path)}.md"
        (stage / name).write_text(pages.example(path, read(root / path)), encoding="utf-8")
        files.append(name)
    write_list(stage, "examples", "Examples", "Each is one program, which the tests run.",
               [(path, pages.first_sentence(read(root / path))) for path in examples])
    write_list(stage, "docs/decisions", "Decisions", "What was decided, and why.", [(path, "") for path in decisions])
    (stage / "pictures").mkdir(exist_ok=True)
    for name, source in images.items():
        shutil.copyfile(source, stage / "pictures" / name)
    position = len(order)
    files[position:position] = [f"{pages.page_id('docs/decisions')}.md", f"{pages.page_id('examples')}.md"]
    (stage / "order").write_text("\n".join(files) + "\n", encoding="utf-8")


def main():
    root, stage = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    write_pages(root, stage, write_headers(root, stage))


if __name__ == "__main__":
    main()
