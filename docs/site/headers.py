"""What Doxygen reads of a public header: the house's comments as its own, line by line, so that its warnings name the right ones.

A comment stands for what it is on and for what follows without an empty line, if that is
- an overload, but of a constructor; conv1d, conv2d, … count as such,
- a function that gives or takes the type that the comment is on,
- of the same kind, and the comment begins with `//` or speaks of several: "The largest, or smallest, …".
`//` above an empty line is about the header. Left out are names in `detail`, what is private, friends without a comment, definitions
of members, and specialisations of the standard library's templates.
"""

import re

FACT = re.compile(r"   ([a-z_]+|f|xs) {2,}(\S.*)$")  # "   shapes    x [N, C]": a fact, which lines that are further in go on
CODE = " " * 5
MEMBER = re.compile(r"(?:template *<[^{;]*?> *)*(?!namespace|enum|class|struct|union|using|extern|GRADUS_EXPORT|\})"
                    r"[^({;=]*\b[A-Z]\w*(?:<[^<>]*>)?::~?(?:operator\W+|\w+) *\(")
PAIR = re.compile(r", or (not )?\w+,")
HIDDEN = re.compile(r"namespace (\w+::)*detail \{|(template <.*>\n)?struct std::")
VERBATIM = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {c: "\\" + c for c in "\\@#%"})
ESCAPED = VERBATIM | str.maketrans({c: "\\" + c for c in "*_~$[]"})


def prose(text):
    """Text outside of `code` as Doxygen shows it unchanged."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["\\`".join(parts[-2:])]
    plain = ["`" + part + "`" if i % 2 else part.translate(ESCAPED).replace("--", "-&zwj;-") for i, part in enumerate(parts)]
    return re.sub(r"(^|\. )([A-Z][a-z]+)(?= )", r"\1%\2", "".join(plain))  # a word that begins a sentence is no name


def sentence_end(text):
    """Where the first sentence ends."""
    found = re.search(r"(?<!\bal)[.?!](?= [^a-z])", text)
    return found.end() if found else len(text)


def kind_of(line):
    """What a line of a comment is, without its slashes: empty, a fact, more of one, code, a formula or prose."""
    if not line.strip():
        return "empty"
    if FACT.match(line):
        return "fact"
    if line.startswith(" " * 10):
        return "more"
    return "code" if line.startswith(CODE) else "formula" if line.startswith("   ") else "prose"


def with_kinds(lines):
    """Lines and their kinds; within code and formulas, what is further in belongs to them."""
    last, result = "prose", []
    for line in lines:
        kind = kind_of(line)
        if last in ("code", "formula") and kind in ("more", "code", "fact"):
            kind = last if kind != "fact" or last == "code" else kind
        elif kind == "more" and last not in ("fact", "more"):
            kind = "code"
        elif kind == "code" and last in ("fact", "more"):
            kind = "more"
        result.append((kind, line))
        last = kind
    return result


class Comment:
    """A comment as lines for Doxygen, as many as it had."""

    def __init__(self, lines, group=""):
        self.lines = []
        self.group = group
        kinds = with_kinds(lines)
        brief = sentence_end(" ".join(line.strip() for kind, line in self.paragraph(kinds)))
        done = self.brief_lines(kinds, brief)
        for i in range(done, len(kinds)):
            self.lines.append(self.line(kinds, i))
        self.lines[0] = "@brief " + self.lines[0]
        self.lines[-1] += group

    @staticmethod
    def paragraph(kinds):
        for kind, line in kinds:
            if kind != "prose":
                return
            yield kind, line

    def brief_lines(self, kinds, end):
        """Takes in the lines with the first sentence; `end` is its length."""
        done = 0
        for kind, line in self.paragraph(kinds):
            text = line.strip()
            done += 1
            if end < len(text):
                self.lines.append(prose(text[:end]) + " @details " + prose(text[end:].strip()))
                return done
            self.lines.append(prose(text))
            end -= len(text) + 1
            if end <= 0:
                break
        if self.lines and done < len(kinds):
            self.lines[-1] += " @details"
        return done

    @staticmethod
    def line(kinds, i):
        kind, line = kinds[i]
        text = line.strip()
        before = kinds[i - 1][0] if i else ""
        after = kinds[i + 1][0] if i + 1 < len(kinds) else ""
        if kind == "empty":
            return ""
        if kind == "prose":
            return prose(text)
        if kind in ("code", "formula"):
            opening = '@code{.cpp}' if kind == "code" else '<pre class="formula">'
            closing = "@endcode" if kind == "code" else "</pre>"
            cut = 4 if kind == "code" else 2
            shown = line[cut:] if kind == "code" else line[cut:].translate(VERBATIM)
            return (opening if before != kind else "") + shown + (" " + closing if after != kind else "")
        first = ""
        if kind == "fact":
            name, text = FACT.match(line).groups()
            first = ('<dl class="facts">' if before not in ("fact", "more") else "") + f"<dt>{name}</dt><dd>"
        last = "" if after == "more" else "</dd>"
        if after not in ("fact", "more"):
            last += "</dl>"
        return first + prose(text) + last

    def inline(self):
        """The same within a line of code: the first sentence and the facts, without code."""
        text = " ".join(line for line in self.lines if line)
        text = re.sub(r"@code.*?@endcode|<pre.*?</pre>", "", text, flags=re.S)
        return "/** " + text.replace("*/", "*&#47;").replace("/*", "&#47;*") + " */ "


def strip_literals(code):
    """A line of code without comment, and with empty literals."""
    code = re.sub(r'"(\\.|[^"\\])*"', '""', code)
    code = re.sub(r"'(\\.|[^'\\])'", "' '", code)
    return re.sub(r"/\*.*?\*/", "", code).split("//")[0].rstrip()


def without_template(text):
    """A declaration without the parameters of a template."""
    text = text.lstrip()
    while re.match(r"template\s*<", text):
        depth = 0
        for i, c in enumerate(text):
            depth += (c == "<") - (c == ">")
            if c == ">" and depth == 0:
                break
        text = text[i + 1:].lstrip()
    return text


def kind_of_declaration(text):
    """namespace, enum, class, function or value."""
    text = without_template(text)
    text = re.sub(r"\[\[.*?\]\]|alignas\([^)]*\)", "", text)
    text = re.sub(r"^\s*GRADUS_\w+\s+|^\s*requires [\w:<>]+ ", "", text)
    found = re.match(r"\s*(namespace|enum|class|struct|union)\b", text)
    if found:
        return found[1] if found[1] in ("namespace", "enum") else "class"
    if re.match(r"\s*(using|typedef|friend (class|struct))\b", text) or re.search(r"\bconcept\b", text):
        return "value"
    return "function" if "(" in text.split("=")[0].split("{")[0] or "operator" in text else "value"


def takers(options, text):
    """Functions and classes that are given some type of options, as Doxygen links them."""
    found = re.findall(rf"\b(?:class|struct) (\w+)[^;{{]*<[^;{{]*\b{options}\b|\b(\w+)\((?:[^();]|\([^()]*\))*\b{options}\b", text)
    return [name + "()" * name.islower() for name in dict.fromkeys(a or b for a, b in found) if name not in ("OptimizerOf", "check", "start", "update", options)]


def with_values(line, bare, scope):
    """A line with enumerators, each of which has a note, so that Doxygen shows it."""
    inner = re.search(r"\benum\b[^{]*\{(.+)\}", bare)
    if inner:
        noted = re.sub(r"\w[^,]*", lambda value: value[0].rstrip() + " /**< &zwj; */", inner[1])
        return line.replace(inner[1], noted)
    if scope == "enum" and "///<" not in line:
        return re.sub(r"(\w[^,]*),", r"\1, /**< &zwj; */", line)
    return line


class Header:
    """Goes over the lines of a header and keeps which scope they are in."""

    def __init__(self, text, group):
        self.source = text.split("\n")
        self.group = group
        self.about = []       # lines for Doxygen on the header as a whole
        self.begun = False    # whether there was a declaration
        self.dropped = None   # the number of scopes around a declaration that is left out
        self.hidden = None    # the number of scopes around what is private
        self.scopes = []      # kinds: namespace, class, enum, body
        self.current = [None]  # for each scope the comment in force, what it is on, and whether that is all of a kind
        self.statement = ""   # what has been read of a declaration
        self.depth = 0        # of parentheses
        self.out = []

    def scope(self):
        return self.scopes[-1] if self.scopes else "namespace"

    def convert(self):
        i = 0
        while i < len(self.source):
            line = self.source[i]
            if self.hidden is None and re.match(r"\s*///?(?!/)", line) and self.scope() != "body" and not self.statement:
                i = self.comment(i)
            elif HIDDEN.match("\n".join(self.source[i:i + 2])):
                i = self.skip(i)
            else:
                self.code(line)
                i += 1
        return "\n".join(self.out)

    def skip(self, i):
        depth, seen = 0, False
        while not seen or depth:
            bare = strip_literals(self.source[i])
            depth += bare.count("{") - bare.count("}")
            seen = seen or "{" in bare
            self.out.append("")
            i += 1
        self.current[-1] = None
        return i

    def comment(self, i):
        slashes = re.match(r"\s*(///?)", self.source[i])[1]
        lines = []
        while i < len(self.source) and re.match(r"\s*" + slashes + r"(?!/)", self.source[i]):
            lines.append(self.source[i].strip()[len(slashes):])
            i += 1
        below = self.source[i] if i < len(self.source) else ""
        is_mark = re.match(r" (clang-format|NOLINT|---- )", lines[0]) or slashes == "//" and lines[0].startswith(" (")
        if is_mark or not below.strip() or below.startswith(("namespace", "#", "GRADUS_EXPORT")):
            if not is_mark or len(lines) > 1:
                self.add_about([l for l in lines if not re.match(r" (clang-format|NOLINT|----)", l)])
            self.out += [""] * len(lines)
            if not re.match(r" clang-format", lines[0]):
                self.current[-1] = None
            return i
        if re.match(r" (clang-format|NOLINT)", lines[-1]):
            lines[-1] = ""
        comment = Comment(lines, self.group if self.scope() == "namespace" else "")
        self.out += ["/// " + line for line in comment.lines]
        self.current[-1] = [comment, None, slashes == "//" or PAIR.search(lines[0]) is not None]
        return i

    def add_about(self, lines):
        """What comes first is said first; what stands over later names follows."""
        said = Comment(lines).lines
        if self.about or self.begun:
            said = [line.removeprefix("@brief ").replace(" @details", "") for line in said]
        self.about += [""] + said

    def code(self, line):
        bare = strip_literals(line)
        if not bare.strip():
            self.out.append("" if "//" in line else line)
            if not line.strip():
                self.current[-1] = None
            return
        access = re.match(r"\s*(public|private|protected):", bare)
        if access and self.hidden in (None, len(self.scopes)):
            self.hidden = len(self.scopes) if access[1] == "private" else None
        if self.hidden is not None and not access:
            self.read(bare)
            if len(self.scopes) < self.hidden:  # the class ends
                self.hidden = None
            self.out.append("" if self.hidden else line)
            return
        if bare.lstrip().startswith("#") or access:
            self.current[-1] = None
            self.out.append(line)
            return
        if self.dropped is None and not self.statement and self.is_dropped(bare):
            self.dropped = len(self.scopes)
        if self.dropped is not None:
            self.read(bare)
            self.out.append("")
            if not self.statement and len(self.scopes) == self.dropped:
                self.dropped = None
            return
        line = re.sub(r"^( *)friend ", r"\1", line)  # those with a comment: shown as members
        prefix = ""
        fresh = self.current[-1] and self.current[-1][1] is None
        if not self.statement and self.scope() in ("namespace", "class") and not re.match(r"\s*[})]|GRADUS_EXPORT", bare):
            declaration = self.declaration(bare)
            self.begun = self.begun or declaration[0] != "namespace"
            prefix = self.inherited(declaration)
            options = re.match(r"struct (\w+Options)\b", bare)
            if options and not self.current[-1] and not prefix:
                names = takers(options[1], "\n".join(self.source))
                prefix = Comment([" Options of " + ", ".join(names) + "."], self.group).inline() if names else ""
        scope = self.scope()
        self.read(bare)
        note = re.search(r"(?<![:\"])//+ (?!namespace|NOLINT|clang-format)(.*)$", line)
        if note and scope in ("namespace", "class", "enum") and not prefix:
            own = self.current[-1] and fresh
            line = line[:note.start()] + ("" if own else "///< " + prose(note[1]) + (self.group if scope == "namespace" else ""))
        self.out.append(prefix + with_values(line, bare, scope))

    def ahead(self):
        return " ".join(strip_literals(line) for line in self.source[len(self.out):len(self.out) + 4])

    def is_dropped(self, bare):
        """Definitions of members, which are declared elsewhere, and friends without a comment."""
        if self.scope() == "class":
            return bare.lstrip().startswith("friend ") and not (self.current[-1] and self.current[-1][1] is None)
        return self.scope() == "namespace" and MEMBER.match(self.ahead()) is not None

    def declaration(self, bare):
        """The kind of the declaration that begins here, seen over its first lines, and its name without the number of dimensions."""
        ahead = self.ahead()
        text = ahead if re.match(r"\s*(template|requires)", bare) else bare
        kind = kind_of_declaration(text)
        bare_text = re.sub(r"\bdecltype\(auto\)|\[\[.*?\]\]|\brequires\(.*\) ", "", without_template(text))
        name = re.search(r"(operator *[^\s\w]+|\w+) *\(", bare_text)
        return kind, re.sub(r"[123]d(?=_|$)", "", name[1]) if kind == "function" and name else text

    def inherited(self, declaration):
        current = self.current[-1]
        if current is None:
            return ""
        shared = current[2]
        if current[1] is None:
            current[1] = declaration
            return ""
        described = re.search(r"\b(?:struct|class|using) (\w+)", current[1][1]) if current[1][0] in ("class", "value") else None
        if described and declaration[0] == "function" and re.search(rf"\b{described[1]}\b", self.ahead()):
            current[1] = declaration
        is_same = current[1] == declaration and declaration[0] == "function" and not declaration[1][0].isupper()
        if not is_same and (not shared or self.scope() == "class" or current[1][0] != declaration[0]):
            self.current[-1] = None
            return ""
        return current[0].inline()

    def read(self, bare):
        for c in bare:
            if c in "([":
                self.depth += 1
            elif c in ")]":
                self.depth -= 1
            elif c == "{":
                kind = "body" if self.depth or self.scope() == "body" else kind_of_declaration(self.statement)
                self.scopes.append(kind if kind in ("namespace", "class", "enum") else "body")
                self.current.append(None)
                self.held = getattr(self, "held", []) + [(self.statement, self.depth)]
                self.statement, self.depth = "", 0
                continue
            elif c == "}":
                if self.scopes:
                    kind = self.scopes.pop()
                    self.current.pop()
                    self.statement, self.depth = self.held.pop()
                    if kind == "body" and not self.depth and self.scope() != "body" and kind_of_declaration(self.statement) == "function":
                        self.statement = ""
                    elif kind == "namespace":
                        self.statement = ""
                continue
            elif c == ";" and not self.depth:
                self.statement = ""
                continue
            elif c == "," and self.scope() == "enum" and not self.depth:
                self.statement = ""
                continue
            if self.statement or not c.isspace():
                self.statement += c
        if self.statement:
            self.statement += " "
