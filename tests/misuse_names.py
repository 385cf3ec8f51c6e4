"""misuse_names.py INCLUDE CALLS - misuse_calls.h has a call of every function of convis.h, fit.h and io.h, in which each of its pointers
can be NULL."""
import re
import sys
from pathlib import Path


def declarations(header):
    """Names of the functions that it declares, with how many of their parameters are pointers (arrays and callbacks, too)."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    text = re.sub(r"(?m)^\s*#.*(?:\\\n.*)*$", "", text)
    callbacks = set(re.findall(r"typedef\s[^;{}]*?\(\s*\*\s*(\w+)\s*\)\s*\(", text))
    outside = re.sub(r"\{[^{}]*\}", "", re.sub(r"\{[^{}]*\}", "", re.sub(r'extern\s+"C"\s*\{', "", text)))
    for name, parameters in re.findall(r"(?<![\w(])(convis_\w+)\s*\(((?:[^();]|\([^()]*\))*)\)\s*;", outside):
        yield name, callbacks, parameters


def functions(include):
    found, callbacks = {}, set()
    for header in ("convis.h", "fit.h", "io.h"):
        rows = list(declarations(include / "convis" / header))
        if len(rows) < 20:
            sys.exit(f"{header}: only {len(rows)} functions were found in it")
        for name, named, parameters in rows:
            callbacks |= named
            words = parameters.split(",") if parameters.strip() != "void" else []
            pointers = [word for word in words if re.search(r"[*\[]", word) or set(re.findall(r"\w+", word)) & callbacks]
            found[name] = len(pointers)
    return found


def calls(path):
    """Of each call: how many pointers it says it has, and the numbers of those that can be NULL."""
    text = path.read_text().replace("\\\n", "\n")
    starts = [match.start() for match in re.finditer(r"(?m)^    [SZV]\(", text)] + [len(text)]
    for begin, end in zip(starts, starts[1:]):
        call = text[begin:end]
        name, pointers = re.match(r"\s*[SZV]\((\w+), [^,]+, (\d+),", call).groups()
        yield name, int(pointers), sorted(int(k) for k in re.findall(r"\bP\((\d+),", call)), call


def main():
    declared, bad, seen = functions(Path(sys.argv[1])), 0, set()
    for name, pointers, nulled, call in calls(Path(sys.argv[2])):
        seen.add(name)
        if name not in declared:
            fault = "no header declares it"
        elif not re.search(rf"\b{name}\(", call.split(",", 3)[3]):
            fault = "it is not called there"
        elif pointers != declared[name] or nulled != list(range(pointers)):
            fault = f"{declared[name]} pointers in the header; {pointers} here, of which {nulled} can be NULL"
        else:
            continue
        print(f"{name}: {fault}")
        bad = 1
    for name in sorted(set(declared) - seen):
        print(f"{name}: no test calls it wrongly (misuse_calls.h)")
        bad = 1
    print(f"{len(declared)} functions, {len(seen)} calls")
    return bad


sys.exit(main())
