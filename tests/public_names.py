"""public_names.py INCLUDE COMPILER... - what each public header adds to a program that includes it alone, as C11 and as C++17:
macros, types, tags, enumerators, functions. Fails if any of them does not begin with convis_ or CONVIS_."""
import re
import subprocess
import sys
from pathlib import Path

WORD = re.compile(r"[A-Za-z_]\w*")
TOKEN = re.compile(r'[A-Za-z_]\w*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[0-9][\w.+-]*|\S')
KEYWORDS = set("""typedef struct union enum const volatile static inline extern unsigned signed int long short char float double void
    restrict __restrict __inline __inline__ _Noreturn""".split())


def preprocessed(compiler, language, header, include):
    """Lines of the header itself, after the preprocessor, and the macros that are left when it ends."""
    command = [*compiler, *language, f"-I{include}", "-E", "-"]
    line = f"#include <convis/{header}>\n"
    text = subprocess.run([*command, "-dD"], input=line, capture_output=True, text=True, check=True).stdout
    own, macros, here = [], set(), False
    for line in text.splitlines():
        mark = re.match(r'# \d+ "(.*?)"', line)
        if mark:
            here = "/convis/" in mark[1]
        elif here:
            word = re.match(r"#\s*(define|undef)\s+(\w+)", line)
            if not word:
                own.append(line)
            elif word[1] == "define":
                macros.add(word[2])
            else:
                macros.discard(word[2])
    return "\n".join(line for line in own if not line.lstrip().startswith("#")), macros


def statements(text):
    """Declarations outside functions, as lists of tokens; bodies are left out, but those of enums."""
    text = re.sub(r'extern\s+"C"\s*\{', "", text)
    statement, depth, kept = [], 0, False
    for token in TOKEN.findall(text):
        if token == "{":
            kept = kept or depth == 0 and "enum" in statement
            depth += 1
        if depth == 0 and token == ";":
            yield statement
            statement = []
        elif token == "}" and depth == 0:
            continue                                       # the end of extern "C"
        elif depth == 0 or kept:
            statement.append(token)
        if token == "}":
            depth -= 1
            function = depth == 0 and not kept and ")" in statement
            kept = kept and depth > 0
            if function:
                yield statement
                statement = []


def declared(text):
    """The names that declarations add: declarators, tags, enumerators."""
    names = set()
    for statement in statements(text):
        depth = braces = 0
        around = ["", ""] + statement + [";", ";"]
        for at in range(2, len(around) - 2):
            word, before, after = around[at], around[at - 1], around[at + 1]
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
            braces += {"{": 1, "}": -1}.get(word, 0)
            if not WORD.fullmatch(word) or word in KEYWORDS or word.startswith("__"):
                continue
            tag = before in ("struct", "union", "enum")
            enumerator = braces == 1 and depth == 0 and before in ("{", ",")
            declarator = depth == 0 and braces == 0 and after in ("(", ";", ",", "[", "=")
            function_pointer = "typedef" in statement and around[at - 2:at] == ["(", "*"] and around[at + 1:at + 3] == [")", "("]
            if tag or enumerator or declarator or function_pointer:
                names.add(word)
    return names


def main():
    include, compiler = Path(sys.argv[1]), sys.argv[2:]
    bad = 0
    languages = {"C11": [*compiler, "-x", "c", "-std=c11"], "C++17": ["c++", "-x", "c++", "-std=c++17"]}
    for header in sorted(path.name for path in (include / "convis").glob("*.h")):
        for language, command in languages.items():
            try:
                text, macros = preprocessed(command[:-2], command[-2:], header, include)
            except FileNotFoundError:
                print("no compiler for", language)
                continue
            names = macros | declared(text)
            if len(names) < 3:
                print(f"{header} as {language}: only {len(names)} names were found in it")
                bad = 1
            for name in sorted(n for n in names if not re.match("convis_|CONVIS_", n)):
                print(f"{header} as {language} defines {name}")
                bad = 1
            print(f"{header} as {language}: {len(names)} names")
    return bad


sys.exit(main())
