"""docs.py CONVIS FOLDER - layers.md, retina.md and kernels.md from `convis describe --json`: the tables in the source are the manual."""
import json
import os
import subprocess
import sys
import tempfile

CONVIS, FOLDER = sys.argv[1:3]
GENERATED = "<!-- Written by `make docs` from the tables in the source. Do not edit. -->\n"

# Files that between them have every element of VirtualRetina's format, with the values that it assumes.
EVERYTHING = """<retina-description-file><retina>{log_polar}
<outer-plexiform-layer>{opl}</outer-plexiform-layer><contrast-gain-control-custom/>
<ganglion-layer><spiking-channel-adap tau-g-adap__sec="0.1"><{array}/></spiking-channel-adap></ganglion-layer>
</retina>{eye}</retina-description-file>"""
FILES = [
    dict(log_polar="", opl="<luminance-gain-control-version/>", array="square-array", eye=""),
    dict(log_polar="<log-polar-scheme/>", array="circular-array", eye='<basic-microsaccade-generator amplitude-mean__deg="0.5"/>',
         opl='<linear-version><undershoot relative-weight="0.8" tau__sec="0.1"/></linear-version>'),
]
# What those files had to say because it is obligatory: no defaults.
OBLIGATORY = {"opl.undershoot.weight": "", "opl.undershoot.tau": "", "ganglion_N.spikes.adaptation.tau": "0", "eye.amplitude": "10",
              "opl": "linear", "eye": "off", "log_polar": "off", "opl.undershoot": "off", "bipolar": "off", "ganglions": "0", "ganglion_N.spikes": "off",
              "ganglion_N.spikes.adaptation": "off", "ganglion_N.cells": "none"}


def describe(*words):
    return json.loads(subprocess.run([CONVIS, "describe", *words, "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def number(value):
    return "" if value is None else f"{value:.6g}"


def cell(text):
    return (text or "").replace("|", "\\|")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]) + "\n"


def unit(text):
    return "" if text == "1" else text or ""


def bounds(p):
    low, high = (p[k] if p[k] is not None and abs(p[k]) < 1e15 else None for k in ("min", "max"))
    return f"{number(low)} .. {number(high)}" if not p["array"] and not p["text"] else ""


def inputs(layer):
    most, fewest = layer["inputs"], layer["fewest"]
    return "One input" if most == 1 else f"{most} inputs" if fewest == most else f"{fewest} to {most} inputs"


def home(name):
    """The file of a layer: its own, but for those that share one."""
    return {"readout": "rf", "concatenate": "channels", "select": "channels"}.get(name, name)


def layer(name):
    d = describe(name)
    text = [f"## {name}\n\n{d['doc'][0].upper() + d['doc'][1:]}. {inputs(d)}, "
            f"{'pointwise in space' if d['pointwise'] else 'a neighbourhood layer'}{', spiking' if d['spiking'] else ''}; "
            f"equation and adjoint at the head of [src/layers/{home(name)}.c](../src/layers/{home(name)}.c).\n"]
    kinds = lambda p: next((kind for kind in ("whole", "text", "differentiable") if p[kind]), "")
    if d["parameters"]:
        text.append(table(["parameter", "default", "unit", "bounds", "", "what it is"],
                          [[f"`{p['name']}`", "array" if p["array"] else p["default"] if p["text"] else number(p["default"]), unit(p["unit"]), bounds(p), kinds(p), p["doc"]]
                           for p in d["parameters"]]))
    for key, head in ("states", "state"), ("outputs", "further output"):
        if d[key]:
            text.append(table([head, "unit", "what it is"], [[f"`{s['name']}`", unit(s["unit"]), s["doc"]] for s in d[key]]))
    return "\n".join(text)


def layers(names):
    return (f"# Layers\n\n{GENERATED}\nThe built-in layers and their tables. A parameter of a layer called `opl.center` in a model is "
            "`opl.center.tau` for `--set` and\n`convis_set`; states and further outputs are named alike. *Differentiable* parameters are those "
            "that can be fitted.\n\n" + "\n".join(map(layer, names)))


def generic(path):
    return "ganglion_N." + path.split(".", 1)[1] if path.startswith("ganglion_") else path


def retina(models):
    settings = []                                            # paths in order, each with its row
    for file in FILES:
        with tempfile.NamedTemporaryFile("w", suffix=".xml", delete=False) as f:
            f.write(EVERYTHING.format(**file))
        try:
            rows = describe(f.name)["settings"]
        finally:
            os.unlink(f.name)
        after = 0
        for row in rows:
            path = generic(row["path"])
            known = [k for k, s in enumerate(settings) if s["path"] == path]
            if known:
                after = known[0] + 1
            else:
                settings.insert(after, dict(row, path=path))
                after += 1
    built = {m["name"]: {s["path"]: s["value"] for s in describe(m["name"])["settings"]} for m in models}

    def of(model, path, ganglion=0):
        return built[model].get(path.replace("ganglion_N", f"ganglion_{ganglion}"), "")

    def attribute(xml):                                      # "element|element/attribute", "element"
        element, _, name = (" or ".join(f"`{word}`" for word in part.split("|")) for part in (xml or "").partition("/"))
        return f"{name} of {element}" if xml and "/" in xml else element if xml else ""

    def row(s, columns):
        return [f"`{s['path']}`", OBLIGATORY.get(s["path"], s["value"]), *[of(*c[:1], s["path"], *c[1:]) for c in columns], s["unit"],
                attribute(s["xml"]), s["doc"]]

    whole = [("retina",), ("primate",), ("cat-x",), ("linear",)]
    cells = [("retina", 0), ("primate", 0), ("primate", 2), ("cat-x", 0)]
    parts = [[s for s in settings if s["path"].startswith("ganglion_N") == ganglion] for ganglion in (False, True)]
    probes = []
    for m in models:
        d = describe(m["name"])
        short = {}
        for a in d["aliases"]:
            short.setdefault(a["target"], a["path"])
        probes.append(f"`{m['name']}`: " + ", ".join(f"`{o['path']}`" + (f" (`{short[o['path']]}`)" if o["path"] in short else "")
                                                     for o in d["outputs"]) + ".\n")
    return (f"# The settings of a retina\n\n{GENERATED}\n"
            "Every number of a retina has a path, for `--set PATH=VALUE` and `convis_recipe_set`, and an attribute in VirtualRetina's XML.\n"
            "*Default* is what a file that does not say otherwise gets; the other columns are the built-in models.\n\n"
            + "".join(f"- `{m['name']}`: {m['doc']}\n" for m in models)
            + "\n## The retina\n\n" + table(["path", "default", *[c[0] for c in whole], "unit", "XML", "what it is"],
                                            [row(s, whole) for s in parts[0]])
            + "\n## Its layers of ganglion cells\n\n`ganglion_N` counts them from 0. Models with an ON and an OFF layer have equal ones "
              "but for `sign`.\n\n"
            + table(["path", "default", "retina", "primate (parvo)", "primate (magno)", "cat-x", "unit", "XML", "what it is"],
                    [row(s, cells) for s in parts[1]])
            + "\n## Outputs\n\nFor `--probe PATH=FILE` and `convis_keep`, with short names in parentheses.\n\n" + "\n".join(probes))


def kernels(kinds):
    common = [k for k in kinds[0]["keys"] if sum(k in other["keys"] for other in kinds) > len(kinds)/2]

    def rows(keys):
        return [[f"`{k['name']}`", "" if k["text"] else number(k["default"]), unit(k["unit"]), k["doc"]] for k in keys]

    heads = ["key", "default", "unit", "what it is"]
    text = (f"# Kernels\n\n{GENERATED}\nArrays of weights can be made from a line of text instead of numbers: `--set filter.weights='gaussian?sigma=2&tau=0.01'`, "
            "`weights: gabor?frequency=0.1` in\na model file, `convis_set_kernel` in C. A kernel is (out, in, T, Y, X), and the last index of T weighs the newest frame. "
            "What has no course in\ntime stands in the newest frame, what has no pattern in space at the centre, index size/2 rounded down. All outputs and "
            "inputs get the same\nkernel, unless a key steps from one output to the next. The formulas are at the head of "
            "[src/engine/initialisers.c](../src/engine/initialisers.c).\n\n")
    for kind in kinds:
        text += f"## {kind['name']}\n\n{kind['doc'][0].upper() + kind['doc'][1:]}.\n\n"
        own = [k for k in kind["keys"] if k not in common]
        text += table(heads, rows(own)) + "\n" if own else ""
    return text + "## Keys of all\n\n" + table(heads, rows(common))


everything = describe()
retinas = [m for m in everything["models"] if describe(m["name"])["numerics"]]        # the others are lists of layers
for name, text in (("layers", layers([l["name"] for l in everything["layers"]])), ("retina", retina(retinas)),
                   ("kernels", kernels(describe("--kernels")))):
    with open(os.path.join(FOLDER, name + ".md"), "w", encoding="utf-8") as out:
        out.write(text)
