"""manual.py CONVIS FOLDER COMMAND... - into FOLDER: convis.1, convis-COMMAND.1, and completions for bash (convis), zsh (_convis) and fish
(convis.fish). All of it is made from `convis describe --all --json`: the tables that --help prints. COMMAND...: those for
which pages are expected; a difference is an error."""
import json
import os
import subprocess
import sys
from pathlib import Path

FILES = {"FILE", "OUT", "FITTED", "MOVIE", "FIGURE", "FOLDER", "PATH=FILE", "NAME=FILE"}   # values of options that are files
MODELS = {"run", "fit", "synthesize", "gradcheck", "eval", "describe", "bench"}            # whose first word is a model


def ask(*words):
    made = subprocess.run([CONVIS, *words], check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
    return json.loads(made.stdout)


# ---- Manual pages ----------------------------------------------------------------------------------------


def roff(text):
    """Text as it is, for a line of its own."""
    for letter, sequence in ("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"), ("~", "\\(ti"), ('"', "\\(dq"):
        text = text.replace(letter, sequence)
    return "\\&" + text if text.startswith(".") else text


def as_is(lines):
    return [".nf", *map(roff, lines), ".fi"]


def paragraphs(text):
    """Prose is filled; indented lines are tables and stay."""
    out = []
    for block in text.rstrip("\n").split("\n\n"):
        out.append(".PP")
        table = []
        for line in block.split("\n") + [""]:
            if line.startswith("  "):
                table.append(line)
                continue
            if table:
                out += as_is(table)
                table = []
            if line:
                out.append(roff(line))
    return out


def head(title, name, summary):
    return [f".\\\" Made by tools/manual.py from what convis says of itself.", f'.TH {title} 1 "" "convis {VERSION}" "convis"', ".ad l", ".SH NAME",
            f"{roff(name)} \\- {roff(summary)}"]


def option_lines(option):
    names = [f"\\fB\\-{option['letter']}\\fR"] if option["letter"] else []
    names += [f"\\fB\\-\\-{roff(option['name'])}\\fR"] if option["name"] else []
    value = f" \\fI{roff(value_of(option))}\\fR" if value_of(option) else ""
    return [".TP", ", ".join(names) + value, *map(roff, option["doc"].split("\n"))]


def page_of(page):
    usage = [f"convis {page['name']} {line}" if k == 0 else line.strip() for k, line in enumerate(page["usage"].split("\n"))]
    out = head(f"CONVIS\\-{page['name'].upper()}", f"convis-{page['name']}", page["doc"])
    out += [".SH SYNOPSIS", *as_is(usage)]
    if page["text"]:
        out += [".SH DESCRIPTION", *paragraphs(page["text"])[1:]]
    out += [".SH OPTIONS", *(line for option in page["options"] for line in option_lines(option))]
    if page["examples"]:
        out += [".SH EXAMPLES", *as_is(page["examples"].rstrip("\n").split("\n"))]
    return out + [".SH SEE ALSO", ".BR convis (1)"]


def overview(pages):
    out = head("CONVIS", "convis", "simulate and fit models of early vision: a movie goes in, spikes come out")
    out += [".SH SYNOPSIS", *as_is(["convis COMMAND [ARGUMENT]...", "convis COMMAND --help"]), ".SH COMMANDS"]
    for page in pages:
        out += [".TP", f"\\fB{roff(page['name'])}\\fR", roff(page["doc"])]
    out += [".SH EXIT STATUS", "0; 1 where something failed, with a sentence on standard error; 2 where it was called in a way that is none; 130, 143 or 129, as a shell says it, "
            "where Ctrl-C, SIGTERM or a closed terminal (SIGHUP) ended it.",
            ".SH SEE ALSO"]
    return out + [f".BR convis\\-{page['name']} (1)" + ("," if page is not pages[-1] else "") for page in pages]


# ---- Completions -----------------------------------------------------------------------------------------


def value_of(option):
    return "|".join(option["words"]) if option["words"] else option["value"]


def spellings(option):
    return ([f"-{option['letter']}"] if option["letter"] else []) + ([f"--{option['name']}"] if option["name"] else [])


def words_of(page):
    """What may stand for the first word, besides files."""
    name = page["name"]
    return MODEL_NAMES + (LAYER_NAMES if name == "describe" else []) if name in MODELS else []


def pattern(options):
    return "|".join(spelling for option in options for spelling in spellings(option))


def bash(pages):
    out = ["# convis completion for bash. Made by tools/manual.py from what convis says of itself.", "_convis() {",
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at=$COMP_CWORD options= words= valued=", "    COMPREPLY=()",
           '    if [ "$COMP_CWORD" -eq 1 ]; then', f"        COMPREPLY=( $(compgen -W '{' '.join(p['name'] for p in pages)} help --help --version' -- \"$word\") )",
           "        return", "    fi", '    case ${COMP_WORDS[1]} in']
    # Bash takes "--size=64x64" and "-p x=FILE" apart at "=": what stands before it, or before that, is the option.
    out[-1:-1] = ['    case $word in', '    =) word= valued=1 ;;', '    --*=*) before=${word%%=*} word=${word#*=} valued=1 ;;',
                  '    *) if [ "$before" = = ]; then at=$((at - 1)) valued=1; before=${COMP_WORDS[at-1]}; fi ;;', '    esac',
                  '    if [ -n "$valued" ]; then case $before in -*) ;; *) before=${COMP_WORDS[at-2]} ;; esac; fi']
    for page in pages:
        files = pattern(o for o in page["options"] if o["value"] in FILES)
        others = pattern(o for o in page["options"] if o["value"] and o["value"] not in FILES and not o["words"])
        out.append(f"    {page['name']})")
        cases = [f"{others}) return ;;"] if others else []
        cases += [f"{files}) compopt -o filenames; COMPREPLY=( $(compgen -f -- \"${{word#*=}}\") ); return ;;"] if files else []
        cases += [f"{pattern([o])}) COMPREPLY=( $(compgen -W '{' '.join(o['words'])}' -- \"$word\") ); return ;;" for o in page["options"] if o["words"]]
        if cases:
            out += ['        case $before in', *("            " + case for case in cases), "        esac"]
        out.append(f"        options='{' '.join(s for o in page['options'] for s in spellings(o))}'")
        if words_of(page):
            out.append(f"        words='{' '.join(words_of(page))}'")
        out.append("        ;;")
    out += [f"    help) words='{' '.join(p['name'] for p in pages)}' ;;", "    *) return ;;", "    esac",
            '    if [ -n "$valued" ]; then compopt -o filenames; COMPREPLY=( $(compgen -f -- "$word") ); return; fi', "    case $word in",
            '    -*) COMPREPLY=( $(compgen -W "$options" -- "$word") ) ;;',
            '    *)  compopt -o filenames; COMPREPLY=( $(compgen -W "$words" -- "$word") $(compgen -f -- "$word") ) ;;', "    esac", "}",
            "complete -F _convis convis"]
    return out


def one_line(text):
    return " ".join(text.split())


def zsh_text(text):
    return one_line(text).replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_option(option):
    names, value = spellings(option), value_of(option)
    action = "" if not value else f":{zsh_text(option['value'] or '')}:" + ("_files" if value in FILES else f"({' '.join(option['words'])})" if option["words"] else "")
    repeated = "*" if option["repeats"] else ""
    if len(names) == 1:
        return f"'{repeated}{names[0]}[{zsh_text(option['doc'])}]{action}'"
    before = "'*'" if repeated else f"'({' '.join(names)})'"
    return f"{before}{{{','.join(names)}}}'[{zsh_text(option['doc'])}]{action}'"


def zsh(pages):
    out = ["#compdef convis", "# Made by tools/manual.py from what convis says of itself.", "_convis() {", "    local -a commands models",
           "    commands=("] + [f"        '{zsh_text(p['name'])}:{zsh_text(p['doc'])}'" for p in pages] + ["    )",
           "    if (( CURRENT == 2 )); then", "        _describe command commands", "        return", "    fi", "    local command=$words[2]",
           "    shift words", "    (( CURRENT-- ))", "    case $command in"]
    for page in pages:
        out.append(f"    {page['name']})")
        words = words_of(page)
        first = f"'1:model:_alternative \"models:model:({' '.join(words)})\" \"files:file:_files\"'" if words else None
        out.append("        _arguments -s " + " \\\n            ".join(map(zsh_option, page["options"])) + (f" \\\n            {first}" if first else "") +
                   " \\\n            '*:file:_files'")
        out.append("        ;;")
    return out + ["    help) (( CURRENT == 2 )) && _describe command commands ;;", "    esac", "}", '_convis "$@"']


def fish_text(text):
    return one_line(text).replace("\\", "\\\\").replace("'", "\\'")


def fish(pages):
    out = ["# convis completion for fish. Made by tools/manual.py from what convis says of itself.", "complete -c convis -n __fish_use_subcommand -f"]
    for page in pages:
        out.append(f"complete -c convis -n __fish_use_subcommand -f -a {page['name']} -d '{fish_text(page['doc'])}'")
    for page in pages:
        begin = f"complete -c convis -n '__fish_seen_subcommand_from {page['name']}'"
        for option in page["options"]:
            letter = f" -s {option['letter']}" if option["letter"] else ""
            name = f" -l {option['name']}" if option["name"] else ""
            value = "" if not value_of(option) else " -r -F" if option["value"] in FILES else " -x"
            value += f" -a '{' '.join(option['words'])}'" if option["words"] else ""
            out.append(f"{begin}{letter}{name}{value} -d '{fish_text(option['doc'])}'")
        if words_of(page):
            out.append(f"{begin} -a '{' '.join(words_of(page))}'")
    return out


def main():
    pages = KNOWN["commands"]
    found = [page["name"] for page in pages]
    if sorted(found) != sorted(sys.argv[3:]):
        sys.exit(f"manual: convis has the commands {' '.join(found)}, expected {' '.join(sys.argv[3:])} (tools/meson.build)")
    made = {"convis.1": overview(pages), "convis": bash(pages), "_convis": zsh(pages), "convis.fish": fish(pages)}
    made.update({f"convis-{page['name']}.1": page_of(page) for page in pages})
    for name, lines in made.items():
        (FOLDER / name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    CONVIS, FOLDER = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    VERSION = subprocess.run([CONVIS, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    KNOWN = ask("describe", "--all", "--json")
    MODEL_NAMES = [model["name"] for model in KNOWN["models"]]
    LAYER_NAMES = [layer["name"] for layer in KNOWN["layers"]]
    main()
