"""docs.py CONVIS FOLDER - layers.md, retina.md and initialisers.md from `convis describe --json`: the tables in the source are the manual."""
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
    return "" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def cell(text):
    return (text or "").replace("|", "\\|")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]) + "\n"


def unit(text):
    return "" if text == "1" else text or ""


def bounds(p):
    if p["words"]:
        return ", ".join(w for w in p["words"] if w)
    return f"{number(p['min'])} .. {number(p['max'])}" if not p["array"] and not p["text"] else ""


def inputs(layer):
    most, min_inputs = layer["max_inputs"], layer["min_inputs"]
    return "One input" if most == 1 else f"{most} inputs" if min_inputs == most else f"{min_inputs} to {most} inputs"


# What layers are for, in the words a reader would search. Those that are in no group are listed last.
GROUPS = [
    ("Temporal filters", "low pass, high pass, delay, adaptation", "lowpass highpass delay variable_delay diff normalize"),
    ("Spatial filters", "Gaussian blur, pooling, cropping", "blur pool crop sample"),
    ("Convolutions and receptive fields", "linear filters in space and time", "conv smooth_conv rf readout"),
    ("Retina", "outer plexiform layer, contrast and luminance gain control, synapses, eye movements",
     "leaky_heat gain_control luminance_gain rectify eye"),
    ("Combine inputs", "sum, difference, product, channels", "sum difference product concatenate select"),
    ("Static nonlinearities", "rectifiers, sigmoids, powers, formulas of your own", "relu softplus exponential sigmoid power square piecewise scale expr"),
    ("Spiking neurons", "integrate-and-fire, Poisson, conductance-based; spike history; event cameras",
     "lif poisson izhikevich fitzhugh_nagumo hodgkin_huxley history event_camera"),
]


def home(name):
    """The file of a layer: its own, but for those that share one."""
    return {"readout": "rf", "concatenate": "channels", "select": "channels"}.get(name, name)


def layer(name):
    d = describe(name)
    text = [f"## {name}\n\n{d['doc'][0].upper() + d['doc'][1:]}. {inputs(d)}"
            f"{', pointwise in space' if d['pointwise'] else ''}{', spiking' if d['spiking'] else ''}. "
            f"Equation and gradient: [src/layers/{home(name)}.c](../src/layers/{home(name)}.c).\n"]
    kinds = lambda p: "" if p["words"] else next((kind for kind in ("whole", "text", "differentiable") if p[kind]), "")
    if d["parameters"]:
        text.append(table(["parameter", "default", "unit", "bounds or words", "", "what it is"],
                          [[f"`{p['name']}`", "array" if p["array"] else p["default"] if p["text"] else number(p["default"]), unit(p["unit"]), bounds(p), kinds(p), p["doc"]]
                           for p in d["parameters"]]))
    for key, head in ("states", "state"), ("outputs", "further output"):
        if d[key]:
            text.append(table([head, "unit", "what it is"], [[f"`{s['name']}`", unit(s["unit"]), s["doc"]] for s in d[key]]))
    return "\n".join(text)


def index(names):
    groups = [(head, what, [n for n in members.split() if n in names]) for head, what, members in GROUPS]
    known = [n for *_, members in groups for n in members]
    groups.append(("Others", "", [n for n in names if n not in known]))
    return table(["for", "layers"], [[f"{head}: {what}" if what else head, ", ".join(f"[{n}](#{n})" for n in members)]
                                     for head, what, members in groups if members])


def layers(names):
    return (f"# Layer reference: filters, nonlinearities, neurons\n\n{GENERATED}\nThe built-in layers and their parameters, "
            "for [model files](models.md#write-a-model-in-yaml) and programs in C.\n\n"
            "- The parameter `tau` of a layer with the name `opl.center` is `opl.center.tau` for `--set` and `convis_set`. States and further\n"
            "  outputs have paths of the same form.\n"
            "- *differentiable*: can be fitted. *whole*: whole numbers only. Where words are listed, one of them is meant (their numbers, from\n  older files, are still understood).\n"
            "- *Pointwise in space*: a pixel's output depends on that pixel's input alone, now and in the past.\n"
            "- The *baseline* is the constant input assumed before the first frame. Further terms: [glossary](glossary.md).\n\n"
            + index(names) + "\n" + "\n".join(map(layer, names)))


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
    return (f"# Retina settings: VirtualRetina's parameters\n\n{GENERATED}\n"
            "Every number of a retina has a path, for `--set PATH=VALUE` and `convis_recipe_set`, and an attribute in VirtualRetina's XML files.\n"
            "*Default* is the value in a file that does not give one; the other columns are the built-in retinas. What the stages compute:\n"
            "[guide](guide.md#the-retina-model-layer-by-layer) and [numerics](numerics.md); the model is that of Wohrer and Kornprobst (2009).\n\n"
            + "".join(f"- `{m['name']}`: {m['doc']}\n" for m in models)
            + "\n## The retina\n\n" + table(["path", "default", *[c[0] for c in whole], "unit", "XML", "what it is"],
                                            [row(s, whole) for s in parts[0]])
            + "\n## The ganglion cell layers\n\n`ganglion_N`, counted from 0. In models with ON and OFF cells the two layers differ only "
              "in `sign`.\n\n"
            + table(["path", "default", "retina", "primate (parvo)", "primate (magno)", "cat-x", "unit", "XML", "what it is"],
                    [row(s, cells) for s in parts[1]])
            + "\n## Outputs to probe\n\nFor `--probe PATH=FILE` and `convis_probe`, with short names in parentheses.\n\n" + "\n".join(probes))


def initialisers(kinds):
    common = [k for k in kinds[0]["keys"] if sum(k in other["keys"] for other in kinds) > len(kinds)/2]

    def rows(keys):
        return [[f"`{k['name']}`", number(k["default"]), unit(k["unit"]), bounds(k) if k["words"] else "", k["doc"]] for k in keys]

    heads = ["key", "default", "unit", "words", "what it is"]
    text = (f"# Initialisers: Gaussian, Gabor and other weights from a line of text\n\n{GENERATED}\n"
            "The weights of a filter can be given as a formula instead of numbers:\n\n"
            "    convis run LN movie.npy --set filter.weights='gaussian?sigma=2&tau=0.01' -o rate.npy\n"
            "    convis describe --kernels                        # this page, on the command line\n\n"
            "or `weights: gabor?frequency=0.1` in a [model file](models.md), or `convis_set_initialiser` in C. The array is computed when its size\n"
            "is known, and can then be fitted like any other.\n\n"
            "Weights have the shape (out, in, T, Y, X). The last index of T is the present frame. An initialiser without a time course fills only that\n"
            "frame; one without a spatial profile fills only the centre, index size/2 rounded down. All outputs and inputs get the same weights, unless a key\n"
            "steps from one output to the next. Formulas: [src/engine/initialisers.c](../src/engine/initialisers.c).\n\n"
            "In this list: " + ", ".join(f"[{k['name']}](#{k['name']})" for k in kinds) + "; [keys of all](#keys-of-all).\n\n")
    for kind in kinds:
        text += f"## {kind['name']}\n\n{kind['doc'][0].upper() + kind['doc'][1:]}.\n\n"
        own = [k for k in kind["keys"] if k not in common]
        text += table(heads, rows(own)) + "\n" if own else ""
    return text + "## Keys of all\n\n" + table(heads, rows(common))


everything = describe()
retinas = [m for m in everything["models"] if describe(m["name"])["numerics"]]        # the others are lists of layers
for name, text in (("layers", layers([l["name"] for l in everything["layers"]])), ("retina", retina(retinas)),
                   ("initialisers", initialisers(describe("--kernels")))):
    with open(os.path.join(FOLDER, name + ".md"), "w", encoding="utf-8") as out:
        out.write(text)
