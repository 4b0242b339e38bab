#!/usr/bin/env python3
"""Mutation test: changes one operator or constant in random code lines and sees whether a test fails.

A mutant is found if a test fails, crashes or takes a minute and ten times as long as it should. One that does not compile is replaced by another.
Works on a clone of HEAD in a folder of its own with a build of its own, and goes on where it was stopped: each mutant is a
line of FOLDER/mutants.jsonl. docs/testing.md says how lines are drawn and what is done with survivors.
"""

import argparse
import functools
import itertools
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
EQUIVALENT = REPO / "tests/mutation/equivalent.txt"

# Bottom to top, as in CMakeLists.txt: a room's code is run by its own program, the likeliest to notice, and by those above.
ROOMS = "tensor kernels graph inspect ops testing autograd nn exchange optim data train report oracle".split()
MUTATED = [room for room in ROOMS if room not in ("testing", "oracle")]

# ---- mutations -----------------------------------------------------------------------------------

SWAPS = {
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
    "true": "false", "false": "true", "min": "max", "max": "min", "++": "--", "--": "++",
}  # fmt: skip

# Operators stand between spaces, brackets of templates do not (clang-format sees to it).
PLACES = re.compile(
    r"(?<= )(?P<binary>[-+*/]=|<=|>=|==|!=|&&|\|\||<<|>>|[-+*/%<>&|])(?= )"
    r"|(?P<step>\+\+|--)"
    r"|\b(?P<word>true|false)\b"
    r"|\b(?P<extreme>min|max)(?=[(<])"
    r"|(?P<sign>(?<=[(\[{ ])[-!])(?=[\w(])"
    r"|(?<![\w.<])(?P<number>\d[\d']*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)(?![\w.'>])"
)


def another_number(text):
    plain = text.replace("'", "")
    return str(int(plain) + 1) if plain.isdigit() else repr(2 * float(plain) or 1.0)


def mutations(code):
    """(start, end, replacement) of every place in a line whose comments and strings are blanked."""
    for match in PLACES.finditer(code):
        if match["sign"]:
            yield match.start(), match.end(), ""
        elif match["number"]:
            yield match.start(), match.end(), another_number(match[0])
        else:
            yield match.start(), match.end(), SWAPS[match[0]]


# ---- code lines ----------------------------------------------------------------------------------

# What is not code: comments, strings, preprocessor lines, static assertions, template parameters, domains that examples are drawn from.
BLANK = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\''
    r"|^[ ]*#(?:[^\n]*\\\n)*[^\n]*|\bstatic_assert\(.*?;|\btemplate <[^\n]*?>(?= |\n)|\bdomain\([^;\n]*?\)(?=[,;}])|\bDomain k[^;]*;",
    re.DOTALL | re.MULTILINE,
)
# Tables of examples: from the head of a function to the brace that closes it.
EXAMPLES = re.compile(
    r"^(?:static )?(?:std::span<const OpEntry>|std::vector<Example>|Examples|OpEntry) [\w:]+\((?:[^;\n]|\n )*\{\n.*?^\}", re.DOTALL | re.MULTILINE
)


def blanked(match):
    return re.sub(r"[^\n]", " ", match[0])


@functools.cache
def code_lines(path):
    """The lines of a file, and the same with all but code blanked."""
    text = path.read_text()
    return text.split("\n"), EXAMPLES.sub(blanked, BLANK.sub(blanked, text)).split("\n")


def candidates(tree, room):
    """(path, line) of every line of a room with something to change."""
    for path in sorted((tree / room).rglob("*")):
        if path.suffix in (".h", ".cpp") and "examples" not in path.parts:
            for number, code in enumerate(code_lines(path)[1]):
                if any(mutations(code)):
                    yield path.relative_to(tree).as_posix(), number


def draw(tree, room, seed):
    """The room's mutants in random order, one of each line. A line's place in it depends on the line's text alone."""
    drawn, seen = [], {}
    for path, number in candidates(tree, room):
        text, code = code_lines(tree / path)
        before = text[number]
        seen[before] = seen.get(before, 0) + 1
        dice = random.Random(f"{seed} {seen[before]} {before}")
        place = dice.random()
        start, end, new = dice.choice(list(mutations(code[number])))
        drawn.append((place, {"room": room, "path": path, "line": number + 1, "before": before.strip(),
                              "after": (before[:start] + new + before[end:]).strip(), "seed": seed}))  # fmt: skip
    return (mutant for place, mutant in sorted(drawn, key=lambda pair: pair[0]))


def put(tree, mutant):
    """Writes a mutant into the tree; the text that was there, or None if the line has gone."""
    path = tree / mutant["path"]
    text = path.read_text() if path.exists() else ""
    lines = text.split("\n")
    at = [i for i, line in enumerate(lines) if line.strip() == mutant["before"]]
    if not at:
        return None
    i = min(at, key=lambda i: abs(i + 1 - mutant["line"]))
    lines[i] = lines[i].replace(mutant["before"], mutant["after"])
    path.write_text("\n".join(lines))
    return text


# ---- building and running ------------------------------------------------------------------------


def limit_memory():
    """A mutant may grow a list for ever."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


class Bench:
    """A clone of HEAD and its build."""

    def __init__(self, folder, jobs):
        self.tree, self.build, self.jobs = folder / "tree", folder / "build", jobs
        self.log = folder / "log"
        self.environment = dict(os.environ, GTEST_BRIEF="1", GTEST_FAIL_FAST="1", OMP_NUM_THREADS="2", OMP_WAIT_POLICY="PASSIVE")
        self.shared = Path(os.environ.get("GRADUS_SHARED_DIR") or REPO.parent / "shared").resolve()
        self.environment.update(GRADUS_SHARED_DIR=str(self.shared), GRADUS_SOURCE_DIR=str(self.tree))

    def call(self, *command, check=True, **options):
        with self.log.open("w") as log:
            run = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=self.environment, **options)
        if check and run.returncode:
            sys.exit(f"mutate: {' '.join(map(str, command))} failed, see {self.log}")
        return run.returncode == 0

    def update(self):
        commit = subprocess.check_output(["git", "-C", REPO, "rev-parse", "HEAD"], text=True).strip()
        if not self.tree.exists():
            self.call("git", "clone", "--quiet", "--shared", REPO, self.tree)
        self.call("git", "-C", self.tree, "fetch", "--quiet", REPO, commit)
        self.call("git", "-C", self.tree, "checkout", "--quiet", "--force", "--detach", commit)
        self.call("git", "-C", self.tree, "clean", "--quiet", "-fd")
        # Shared libraries: a mutant of a source is compiled and its room's library linked, nothing else.
        self.call(
            "cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "--log-level=NOTICE", "-DCMAKE_BUILD_TYPE=Debug",
            "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -D_GLIBCXX_ASSERTIONS", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_LINK_DEPENDS_NO_SHARED=ON",
            "-DGRADUS_BUILD_EXAMPLES=OFF", "-DGRADUS_BUILD_BENCH=OFF", "-DGRADUS_BUILD_CLI=OFF", f"-DGRADUS_SHARED_DIR={self.shared}",
        )  # fmt: skip
        return commit

    def programs(self, room):
        """(target, commands): the op suite is run by as many processes as there are jobs."""
        for name in ROOMS[ROOMS.index(room) :]:
            if name != "oracle":
                target = f"gradus_{name}_test"
                yield target, [[self.build / "bin" / target]] * (self.jobs if name == "testing" else 1)
            elif (self.shared / "oracle/index.json").exists():
                yield "gradus_oracle", [[self.build / "bin/gradus_oracle", self.shared / "oracle"]]

    def compiles(self, target):
        return self.call("ninja", "-C", self.build, f"-j{self.jobs}", target, check=False)

    def passes(self, commands, timeout):
        """Whether all do, in time; the first that fails ends the others."""
        end = time.monotonic() + timeout
        with self.log.open("w") as log:
            running = [
                subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.build, start_new_session=True,
                                 preexec_fn=limit_memory, env=dict(self.environment, GTEST_TOTAL_SHARDS=str(len(commands)), GTEST_SHARD_INDEX=str(shard)))
                for shard, command in enumerate(commands)
            ]  # fmt: skip
            good = True
            while running and good and time.monotonic() < end:
                time.sleep(0.05)
                codes = [process.poll() for process in running]
                good = not any(codes)
                running = [process for process, code in zip(running, codes) if code is None]
            for process in running:
                os.killpg(process.pid, 9)
                process.wait()
        return good and not running

    def times(self, rooms, commit):
        """Seconds that each program takes on the tree as it is; measured once for a commit."""
        file = self.tree.parent / "seconds.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        seconds = known.get(commit, {})
        for room in rooms:
            for target, commands in self.programs(room):
                if target in seconds:
                    continue
                print(f"building and running {target}", flush=True)
                compiled = self.compiles(target)
                start = time.monotonic()
                if not compiled or not self.passes(commands, 3600):
                    sys.exit(f"mutate: {target} fails without a mutant, see {self.log}")
                seconds[target] = round(time.monotonic() - start, 1)
                file.write_text(json.dumps({commit: seconds}))
        return seconds

    def outcome(self, mutant, seconds):
        """"found", "survived" or "no mutant" (it does not compile, or its line has gone); and the program that found it."""
        text = put(self.tree, mutant)
        if text is None:
            return "no mutant", None
        try:
            for target, commands in self.programs(mutant["room"]):
                if not self.compiles(target):
                    return "no mutant", target
                if not self.passes(commands, 60 + 10 * seconds[target]):
                    return "found", target
            return "survived", None
        finally:
            (self.tree / mutant["path"]).write_text(text)


# ---- results -------------------------------------------------------------------------------------


def key(mutant):
    return mutant["path"], mutant["line"], mutant["before"], mutant["after"]


def diff(mutant):
    return f"{mutant['path']}\n- {mutant['before']}\n+ {mutant['after']}"


def read_results(path):
    """The last outcome of each mutant, in order."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {key(mutant): mutant for mutant in map(json.loads, lines)}


def equivalent():
    """The reasons in tests/mutation/equivalent.txt, by what diff() prints."""
    text = EQUIVALENT.read_text() if EQUIVALENT.exists() else ""
    blocks = [block.strip().split("\n") for block in text.split("\n\n")]
    return {"\n".join(block[:3]): block[3:] for block in blocks if len(block) > 3}


def report(results, rooms, seed):
    reasons = equivalent()
    survivors = []
    for room in rooms:
        counted = [m for m in results if m["room"] == room and m["seed"] == seed and m["outcome"] in ("found", "survived")]
        lost = [m for m in counted if m["outcome"] == "survived"]
        same = sum(diff(m) in reasons for m in lost)
        survivors += [m for m in lost if diff(m) not in reasons]
        found, able = len(counted) - len(lost), len(counted) - same
        share = f"{100 * found / able:.0f} %" if able else "-"
        print(f"{room}: {found} of {able} found, {share}; {same} more change nothing that can be seen")
    for mutant in survivors:
        print(f"\n{diff(mutant)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", default="ops,autograd,nn", help="divided by commas (default %(default)s)")
    parser.add_argument("--count", type=int, default=100, help="mutants, as many of each room (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=REPO / "build/mutate", help="where to work (default build/mutate)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at once (default %(default)s)")
    parser.add_argument("--again", action="store_true", help="only those that survived, with the tests of today")
    parser.add_argument("--report", action="store_true", help="only say what is known")
    args = parser.parse_args()
    rooms = args.rooms.split(",")
    if unknown := [room for room in rooms if room not in MUTATED]:
        parser.error(f"no room {unknown[0]}, expected some of {', '.join(MUTATED)}")

    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "mutants.jsonl"
    results = read_results(file)
    if not args.report:
        bench = Bench(folder, args.jobs)
        commit = bench.update()
        seconds = bench.times(rooms, commit)

        def run(mutant):
            start = time.monotonic()
            outcome, program = bench.outcome(mutant, seconds)
            mutant.update(outcome=outcome, program=program, commit=commit, seconds=round(time.monotonic() - start))
            results[key(mutant)] = mutant
            with file.open("a") as out:
                out.write(json.dumps(mutant) + "\n")
            print(f"{outcome}{f' by {program}' if program else ''}, {mutant['seconds']} s: {diff(mutant)}", flush=True)

        if args.again:
            for mutant in [m for m in results.values() if m["outcome"] == "survived" and m["room"] in rooms and m["seed"] == args.seed]:
                run(mutant)
        else:
            # In turn, so that a run that was stopped has some of each room; headers that all include last, as they take long.
            drawn = {room: draw(bench.tree, room, args.seed) for room in rooms}
            pending = [next(drawn[room], None) for room in itertools.islice(itertools.cycle(rooms), args.count)]
            while pending := [mutant for mutant in pending if mutant]:
                mutant = min(pending, key=lambda mutant: "/include/" in mutant["path"])
                pending.remove(mutant)
                if key(mutant) not in results:
                    run(mutant)
                if results[key(mutant)]["outcome"] == "no mutant":
                    pending.append(next(drawn[mutant["room"]], None))
    report(list(results.values()), rooms, args.seed)


if __name__ == "__main__":
    main()
