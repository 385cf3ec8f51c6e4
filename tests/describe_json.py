"""describe_json.py CONVIS DOCS - `convis describe --all --json` is complete, and of the shape that DOCS/describe.md gives."""
import json
import math
import re
import subprocess
import sys

CONVIS, DOCS = sys.argv[1:3]
faults = []


def check(good, what):
    if not good:
        faults.append(what)


def run(*words):
    return subprocess.run([CONVIS, *words], check=True, stdout=subprocess.PIPE).stdout


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [n for v in value for n in numbers(v)]
    return [value] if isinstance(value, float) else []


def value_of(where, v, default):
    """A number, word, text or array, as the page describes them."""
    kind, low, high, words = v["type"], v["min"], v["max"], v["words"]
    check(not v["open"] or (kind == "number" and low is not None), f"{where}: open, without a bound")
    check(kind in ("number", "whole", "word", "text", "array"), f"{where}: type {kind}")
    check(low is None or high is None or low < high, f"{where}: bounds {low} to {high}")
    if kind == "word":
        check(words and len([w for w in words if w]) > 1 and low is None and high is None, f"{where}: words {words}")
        check(default in words, f"{where}: {default} is none of {words}")
    elif kind in ("number", "whole") and default not in (words or []):
        number = float(default)
        check((low is None or low <= number) and (high is None or number <= high), f"{where}: {number} is not in {low} to {high}")
        check(kind == "number" or number == int(number), f"{where}: {number} is not whole")
    check(bool(v["doc"]), f"{where}: no doc")


text = run("describe", "--all", "--json").decode("utf-8", "strict")
all = json.loads(text, parse_constant=no_constant)
for n in numbers(all):
    check(math.isfinite(n), f"{n} is not finite")

# Every key of the document is on its page, and every key of the page in the document.
page = open(f"{DOCS}/describe.md", encoding="utf-8").read()
told = re.findall(r"^\| `(\w+)` \|", page[:page.index("## ")], re.M)
check(sorted(told) == sorted(all), f"docs/describe.md has {told}, the document {list(all)}")


def keys(value):
    if isinstance(value, list):
        return set().union(*[keys(v) for v in value]) if value else set()
    return set(value).union(*[keys(v) for v in value.values()]) if isinstance(value, dict) else set()


check(not [k for k in keys(all) if f"`{k}`" not in page], f"not in docs/describe.md: {[k for k in sorted(keys(all)) if f'`{k}`' not in page]}")

# Names: those that the command lists for readers.
listed = run("describe").decode()
models, layers = listed.split("\nLayers\n")
named = lambda part: re.findall(r"^  (\S+)", part, re.M)
check([m["name"] for m in all["models"]] == named(models), "models")
check([l["name"] for l in all["layers"]] == named(layers), "layers")
commands = re.search(r"ARGUMENT\]\.\.\.\n\n(.*?)\n\n", run("--help").decode(), re.S).group(1)
check([c["name"] for c in all["commands"]] == named(commands), "commands")
check({k["name"] for k in all["initialisers"]} == {k["name"] for k in json.loads(run("describe", "--kernels", "--json"))}, "initialisers")
check({k["name"] for k in all["stimuli"]} == set(re.findall(r"^(\w+): ", run("stim").decode(), re.M)) - {"Kinds"}, "stimuli")
for kind, least in ("losses", 6), ("regularizers", 8), ("optimizers", 9), ("formats", 10):
    check(len(all[kind]) >= least and len({str(k) for k in all[kind]}) == len(all[kind]), kind)

for layer in all["layers"]:
    name = layer["name"]
    check(layer["doc"] and layer["equation"], f"{name}: doc or equation")
    check(0 < layer["min_inputs"] <= layer["max_inputs"], f"{name}: inputs")
    for p in layer["parameters"]:
        value_of(f"{name}.{p['name']}", p, p["default"])
    for part in "parameters", "states", "outputs", "inputs":
        names = [p["name"] for p in layer[part]]
        check(len(set(names)) == len(names), f"{name}: {part}")
for model in all["models"]:
    check(model["settings"] and model["outputs"] and model["layers"] and model["inputs"], f"{model['name']}: something is missing")
    for s in model["settings"]:
        value_of(f"{model['name']}: {s['path']}", s, s["value"] if s["type"] != "text" else "")
        if s["default"] not in ("", None):
            value_of(f"{model['name']}: default of {s['path']}", s, s["default"])
for part in "initialisers", "stimuli":
    for kind in all[part]:
        for k in kind["keys"]:
            value_of(f"{kind['name']}?{k['name']}", k, k["default"])

# A word's numbers are taken where `first` counts them, and a bound itself where it is not open; `xml` is an attribute or null.
tried = set()
for model in all["models"]:
    for s in model["settings"]:
        check(s["xml"] != "", f"{model['name']}: xml of {s['path']}")
        number = s["first"] if s["first"] is not None else 1 if s["type"] == "word" else s["min"] if s["type"] == "number" else None
        if number is None or s["path"] in tried:
            continue
        tried.add(s["path"])
        said = subprocess.run([CONVIS, "describe", model["name"], "--set", f"{s['path']}={number:g}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        taken = said.returncode == 0 or b": '" not in said.stderr and f"expected more than {number:g}".encode() not in said.stderr
        check(taken == (s["first"] is not None if s["type"] == "word" else not s["open"]), f"{model['name']}: {s['path']}={number}: {said.stderr}")
check({"dt", "ppd", "ganglion_0.spikes.leak"} <= {s["path"] for m in all["models"] for s in m["settings"] if s["open"]}, "open bounds")

# Every option of every --help, and no other.
for c in all["commands"]:
    shown = run(c["name"], "--help").decode().split("\nOptions:\n")[1].split("\nExamples:\n")[0]
    options = {f"--{o['name']}" for o in c["options"] if o["name"]} | {f"-{o['letter']}" for o in c["options"] if o["letter"]}
    rows = re.findall(r"^  (?:(-\w)(?:, |(?=\s)))?\s*(--[\w-]+)?", shown, re.M)
    check(options == {w for row in rows for w in row if w}, f"{c['name']}: {options ^ {w for row in rows for w in row if w}}")
    for o in c["options"]:
        check(o["type"] in ("flag", "text", "word", "number", "whole", "size") and o["doc"], f"{c['name']} --{o['name']}")
        check((o["type"] == "word") == (o["words"] is not None), f"{c['name']} --{o['name']}: words")
        check((o["type"] in ("flag", "word")) == (o["value"] is None), f"{c['name']} --{o['name']}: value")

# Formats are what the library writes: its own sentences list them.
for what, words in ("spikes", ".spk, .csv, .npy, .npz or .h5"), ("maps", ".npy, .npz, .h5, .inr, .csv, .png or .mp4"):
    extensions = {f["extension"] for f in all["formats"] if f["writes"] and what in f["writes"]} - {".hdf5"}
    check(extensions == set(re.findall(r"\.\w+", words)), f"{what}: {extensions}")

# A word and its number are the same setting.
yaml = lambda *sets: run("describe", "LN", *[w for s in sets for w in ("--set", s)], "--yaml")
check(yaml("filter.padding=reflect") == yaml("filter.padding=2"), "filter.padding=2 is not reflect")
check(b"padding: reflect" in yaml("filter.padding=2"), "padding is not written as a word")

for fault in faults:
    print(fault)
sys.exit(bool(faults))
