"""format.py [--check] [FILE...] - lay out C files as .clang-format says, by clang-format, but leave what is inside a line to its author.

clang-format knows one distance around operators and no columns; here a*b + c shows what binds, and equations and tables are
set in columns. So of what it proposes this takes: the indentation of statements and declarations, no blanks at ends
of lines, and its breaks where a line is longer than 130. --check: change nothing, name the lines, fail if there are any.
Versions of clang-format break lines differently: it is version 14 here, and with none of that there is nothing to do (77)."""
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COLUMNS = 130
VERSION = 14
ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["src", "include", "cli", "examples", "tests", "bench", "tools", "python", "web"]


def clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
            if f"version {VERSION}." in version:
                return name
    return None


# What begins a block; loops over pixels and frames are macros (kernel.h), EACH is one of some files.
HEAD = re.compile(r"\b(?:if|for|while|CONVIS_(?:PIXELS|FRAMES|FRAMES_BACK|SCAN|SCAN_BACK|GROUPS|SHARE)|HEAT_SPANS) ?\(|\bEACH\w*\b")


def one_loop(line):
    """`for (...) CONVIS_PIXELS(i) {` is one block here, and two to clang-format: it gets one loop instead."""
    code = line.rstrip()
    heads = HEAD.findall(code)
    if code.endswith("{") and (len(heads) > 1 or "EACH" in code) and HEAD.match(code.strip()):
        return code[:len(code) - len(code.lstrip())] + "for (;;) {\n"
    return line


def proposals(program, paths):
    """What clang-format makes of each file, as lines: one call on copies, as starting it takes longer than its work."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / f"{k}{path.suffix}" for k, path in enumerate(paths)]
        for path, copy in zip(paths, copies):
            copy.write_text("".join(one_loop(line) for line in path.read_text().splitlines(keepends=True)))
        subprocess.run([program, "-i", f"--style=file:{ROOT / '.clang-format'}", *map(str, copies)], check=True)
        return [copy.read_text().splitlines() for copy in copies]


def starts(lines):
    """For each line: does a statement, a declaration or a brace begin there? Not: continued lines, comments, macros."""
    found, comment, macro, open_brackets, ended = [], False, False, 0, True
    for line in lines:
        code = line.strip()
        plain = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', '""', code)
        plain = re.sub(r"/\*.*?\*/", "", plain).strip()
        hash_line = not comment and code.startswith("#")
        found.append(bool(plain) and not comment and not macro and not hash_line and ended and open_brackets == 0)
        macro = (macro or hash_line) and code.endswith("\\")
        if comment:
            if "*/" not in plain:
                continue
            comment, plain = False, plain.split("*/", 1)[1].strip()
        if "/*" in plain:
            comment, plain = True, plain.split("/*", 1)[0].strip()
        if hash_line or macro or not plain:
            continue
        open_brackets = max(0, open_brackets + sum(plain.count(c) for c in "([") - sum(plain.count(c) for c in ")]"))
        ended = plain[-1] in ";{}:"
    return found


TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|\w+|\S', re.S)


def respaced(old, new):
    """The lines of `new` with the blanks between tokens that they have in `old`; None where the tokens are not the same."""
    text = "\n".join(old)
    before = list(TOKEN.finditer(text))
    gaps = [text[a.end():b.start()] for a, b in zip(before, before[1:])]
    out, at = [], 0
    for line in new:
        tokens = list(TOKEN.finditer(line))
        built = line[:len(line) - len(line.lstrip())]
        for k, token in enumerate(tokens):
            if at >= len(before) or before[at][0] != token[0]:
                return None
            if k:
                gap = gaps[at - 1]
                built += gap if "\n" not in gap else line[tokens[k - 1].end():token.start()]
            built += token[0]
            at += 1
        out.append(built)
    return out if at == len(before) else None


def broken(old, new):
    """What is too long, broken where clang-format does; but not into one word a line, as it does with tables."""
    if max(map(len, old)) <= COLUMNS or len(new) > 2*len(old) + 1 or any(re.search(r"(= \{|\\)$", line) for line in old):
        return None
    lines = respaced(old, new)
    return lines if lines and max(map(len, lines)) <= COLUMNS else None


def laid_out(old, new):
    key = lambda line: re.sub(r"\s+", "", line)
    first = starts(old)
    out = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, list(map(key, old)), list(map(key, new)), autojunk=False).get_opcodes():
        if kind == "equal":
            for i, j in zip(range(a, b), range(c, d)):
                text = old[i].strip()
                indent = new[j] if first[i] else old[i]
                out.append(indent[:len(indent) - len(indent.lstrip())] + text if text else "")
        elif b > a:
            out += d > c and broken(old[a:b], new[c:d]) or [line.rstrip() for line in old[a:b]]
    return "\n".join(out) + "\n"


def main():
    check = "--check" in sys.argv
    paths = [Path(a) for a in sys.argv[1:] if a != "--check"]
    paths = paths or sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.[ch]") if "build" not in p.parts)
    program = clang_format()
    if not program:
        print(f"format: there is no clang-format {VERSION} here")
        return 77
    lines = 0
    for path, proposal in zip(paths, proposals(program, paths)):
        old = path.read_text()
        text = laid_out(old.splitlines(), proposal)
        if text == old:
            continue
        for line in difflib.unified_diff(old.splitlines(), text.splitlines(), str(path), "make format", n=0, lineterm=""):
            if check:
                print(line)
            lines += line.startswith("+") and not line.startswith("+++")
        if not check:
            path.write_text(text)
    print(f"format: {lines} lines" + (" are not as `make format` leaves them" if check else " changed"))
    return check and lines > 0


sys.exit(main())
