"""structure.py ROOT BUILD [MORE] - who knows whom, as the linker sees it. Prints rooms, edges and circles; fails on what breaks the
order of docs/design.md: an object that uses a symbol of a room it may not know, a circle of objects that is no registry with its
entries, an #include that goes where no edge may go. BUILD is a Meson build folder whose library is there. `more`: every edge.

The link graph is read by nm from the objects of BUILD; compile_commands.json says which source an object is made of."""
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# What each room may know, besides itself and include/. The order is base < device < engine < kernels < layers < models < learn <
# analysis; io stands beside it on base, stimuli on io. Figures draw what they are given and know no models.
ENGINE = ["base", "device", "engine"]
MODELS = ENGINE + ["kernels", "layers", "io", "stimuli"]
KNOWS = {
    "base": [],
    "device": ["base"],
    "engine": ["base", "device"],
    "kernels": ENGINE,
    "layers": ENGINE + ["kernels"],
    "io": ["base"],
    "stimuli": ["base", "io"],
    "models": MODELS,
    "learn": MODELS + ["models"],
    "analysis/figures": ["base", "io", "analysis"],
    "analysis": MODELS + ["models", "learn", "analysis/figures"],
}
KNOWS["library"] = list(KNOWS)                             # opens a context: joins what the rooms below offer each other

# A registry is a table of entries, which may call the file of the table, for what they share. Its file: where its entries are.
REGISTRIES = {
    "src/device/device.c": ["src/device/"],                # backends
    "src/layers/layers.c": ["src/layers/"],
    "src/kernels/conv/conv.c": ["src/kernels/conv/"],      # methods
    "src/io/open.c": ["src/io/"],                          # formats: of movies, of arrays, of spikes, of results
    "src/io/array.c": ["src/io/"],
    "src/io/spk.c": ["src/io/"],
    "src/io/results.c": ["src/io/"],
    "src/stimuli/stim.c": ["src/stimuli/"],
    "src/models/open.c": ["src/models/"],                  # what a model can be opened from
    "src/models/presets/presets.c": ["src/models/presets/"],
    "src/learn/loss.c": ["src/learn/losses/"],
    "src/learn/optimizer.c": ["src/learn/optimizers/"],
    "src/analysis/figures/figure.c": ["src/analysis/figures/"],   # kinds
}

# Rooms whose files may include a public header beyond convis.h: what is declared there is defined at most that high.
HEADERS = {
    "convis.h": list(KNOWS),
    "layer.h": list(KNOWS),                                # what every layer is given: convis_fail, convis_obtain
    "kernel.h": ["device", "engine", "kernels", "layers"],
    "io.h": ["io", "stimuli", "models", "learn", "analysis", "analysis/figures", "library"],
    "fit.h": ["learn", "analysis", "analysis/figures", "library"],
}

# Libraries, by their headers: the rooms that may include them; the optional parts, only where the tables of their functions are.
LIBRARIES = {
    "fftw3": ["kernels", "analysis"],
    "libfyaml": ["models"],
    "libxml/": ["base/parts"],
    "hdf5": ["base/parts"],
    "H5": ["base/parts"],
    "libav": ["base/parts"],
    "libsw": ["base/parts"],
    "zip": ["base/parts"],
    "zlib": ["base/parts"],
    "nlopt": ["base/parts"],
}
STANDARD = re.compile(r"""(assert|complex|ctype|dirent|dlfcn|errno|fcntl|fenv|float|glob|immintrin|inttypes|iso646|limits|link|linux/futex|locale|math|poll|
    pthread|sched|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|sys/[a-z]+|tgmath|
    threads|time|uchar|unistd|wchar|wctype)\.h""", re.X)


def room_of(path):
    """src/models/presets/glm.c is of the room models."""
    parts = Path(path).parts[1:-1]
    if "/".join(parts[:2]) in KNOWS:
        return "/".join(parts[:2])
    return parts[0] if parts else ""


# ---- The objects and their symbols -----------------------------------------------------------------------


def library_objects(root, build):
    """{object file: source, from the root}, of the library in single precision; a text that was made from a source counts as it."""
    texts = sorted((root / "src").rglob("*.[ch]"), key=lambda path: (path.parent.name == "layers", path.suffix == ".c", path))
    sources = {path.stem: str(path.relative_to(root)) for path in texts}
    # The public headers as strings, for whoever compiles layers at run time.
    sources |= {f"header_{path.stem}": "src/layers/own/own_compile.c" for path in (root / "include/convis").glob("*.h")}
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        target = entry["output"].split("/")[1] if entry["output"].startswith("src/") else ""
        if not target.startswith("libconvis") or target.startswith("libconvis_double"):
            continue
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if (root / "src") in path.parents:
            found[build / entry["output"]] = str(path.relative_to(root))
        else:
            origin = sources.get(re.sub("_(source|text)$", "", path.stem))
            if origin is None:
                sys.exit(f"structure: nothing in src/ has the name of {path.name}")
            found[build / entry["output"]] = origin
    return found


def symbols(objects):
    """Two dicts, source: symbols: what it defines for others, what it wants of others."""
    defined, wanted = defaultdict(set), defaultdict(set)
    text = subprocess.run(["nm", "-A", "-g", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        path, rest = line.split(":", 1)
        *_, kind, name = rest.split()
        (wanted if kind in "Uvw" else defined)[objects[Path(path)]].add(name)
    return defined, wanted


def link_graph(defined, wanted):
    """{(user, definer): symbols} between sources."""
    home = {}
    for source, names in sorted(defined.items()):
        for name in names:
            home[name] = source
    edges = defaultdict(set)
    for source, names in wanted.items():
        for name in names:
            if name in home and home[name] != source:
                edges[source, home[name]].add(name)
    return edges


# ---- Circles ---------------------------------------------------------------------------------------------


def circles(edges):
    """Strongly connected components of more than one source (Tarjan 1972, without recursion)."""
    to = defaultdict(list)
    for user, definer in sorted(edges):
        to[user].append(definer)
    index, low, stack, on, out = {}, {}, [], set(), []
    for first in sorted(to):
        if first in index:
            continue
        work = [(first, iter(to[first]))]
        index[first] = low[first] = len(index)
        stack.append(first)
        on.add(first)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on.add(other)
                    work.append((other, iter(to[other])))
                    break
                if other in on:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = set()
                    while node not in circle:
                        on.discard(stack[-1])
                        circle.add(stack.pop())
                    if len(circle) > 1:
                        out.append(circle)
    return out


def is_entry(user, definer):
    return any(definer.startswith(entries) for entries in REGISTRIES.get(user, []))


# ---- The sources themselves ------------------------------------------------------------------------------


def include_faults(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        source = str(path.relative_to(root))
        room = room_of(source)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*(["<])(.+?)[">]', line)
            if not found:
                continue
            quoted, name = found[1] == '"', found[2]
            where = f"{source}:{number} includes {name}"
            if quoted:
                at = next((p for p in (path.parent / name, root / "src" / name) if p.exists()), None)
                if at is None:
                    yield f"{where}, which is not there"
                    continue
                other = room_of(at.resolve().relative_to(root))
                if other != room and other not in KNOWS.get(room, []):
                    yield f"{where}: {room} may not know {other}"
            elif name.startswith("convis/"):
                if room not in HEADERS.get(name[7:], []):
                    yield f"{where}: {room} may not know what is declared there"
            elif not STANDARD.fullmatch(name):
                rooms = [rooms for library, rooms in LIBRARIES.items() if name.startswith(library)]
                if not rooms:
                    yield f"{where}, of which tests/structure.py knows no room that may"
                elif room not in rooms[0] and not source.startswith(tuple(f"src/{place}/" for place in rooms[0])):
                    yield f"{where}: only {', '.join(rooms[0])} may"


def outside_faults(root):
    """The command, bindings and examples know include/ and the files beside them."""
    for folder in ("cli", "python", "web", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s*(["<])(.+?)[">]', line)
                beside = found and found[1] == '"' and (path.parent / found[2]).exists() and ".." not in found[2]
                public = found and found[1] == "<" and (STANDARD.fullmatch(found[2]) or found[2].startswith("convis/"))
                if found and not beside and not public:
                    yield f"{path.relative_to(root)}:{number} includes {found[2]}: {folder} knows include/ alone"


def place_faults(root):
    for path in sorted((root / "src").glob("*.c")):
        yield f"{path.relative_to(root)} is in no room"
    for path in sorted((root / "src").rglob("*")):
        if path.is_dir() and path.parent == root / "src" and path.name not in KNOWS:
            yield f"{path.relative_to(root)} is no room of docs/design.md"
        if re.fullmatch(r"remote.*|.*_(there|card)\.[ch]", path.name):
            yield f"{path.relative_to(root)}: what runs on a device is its method's GPU text, or the backend's"


FORBIDDEN = {"abort", "exit", "_exit", "quick_exit", "printf", "vprintf", "puts", "putchar", "perror", "stdout", "stderr",
             "__printf_chk", "__assert_fail"}
CHILDREN = {"src/device/judge.c": {"_exit"}}               # ends the child process in which drivers are tried


def print_faults(wanted):
    for source, names in sorted(wanted.items()):
        for name in sorted(names & FORBIDDEN - CHILDREN.get(source, set())):
            yield f"{source} uses {name}: the library never prints, aborts or exits"


def main():
    root, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    more = "more" in sys.argv[3:]
    objects = library_objects(root, build)
    missing = [str(each) for each in objects if not each.exists()]
    if missing or len(objects) < 50:
        sys.exit(f"structure: {len(missing)} of {len(objects)} objects are not built: {missing[:1]}")
    defined, wanted = symbols(objects)
    edges = link_graph(defined, wanted)
    faults = list(place_faults(root)) + list(include_faults(root)) + list(outside_faults(root)) + list(print_faults(wanted))

    count = defaultdict(int)
    for source in set(objects.values()):
        count[room_of(source)] += 1
    print("rooms:", ", ".join(f"{room} ({count[room]} objects)" for room in KNOWS if count[room]))
    between = defaultdict(int)
    for (user, definer), names in edges.items():
        between[room_of(user), room_of(definer)] += len(names)
    print("edges:")
    for room in KNOWS:
        known = [f"{other} {between[room, other]}" for other in KNOWS if between[room, other] and other != room]
        print(f"    {room} -> {', '.join(known) or 'nothing'}")
    level = {}                                             # the edges that the order of the rooms allows
    for (user, definer), names in sorted(edges.items()):
        here, there = room_of(user), room_of(definer)
        allowed = here == there or there in KNOWS.get(here, [])
        if allowed:
            level[user, definer] = names
        else:
            faults.append(f"{user} -> {', '.join(sorted(names))} -> {definer}: {here} may not know {there}")
        if more:
            print(f"    {user} -> {definer}: {', '.join(sorted(names))}")

    whole = circles(edges)
    inner = circles({pair: names for pair, names in level.items() if not is_entry(*pair)})
    print("circles:")
    for circle in whole:
        registries = sorted(circle & set(REGISTRIES))
        print(f"    {len(circle)} objects" + (f", with the registries {', '.join(registries)}" if registries else ""))
    if not whole:
        print("    none")
    for circle in inner:
        inside = sorted(pair for pair in level if set(pair) <= circle and not is_entry(*pair))
        lines = [f"    {user} -> {definer}: {', '.join(sorted(edges[user, definer]))}" for user, definer in inside]
        faults.append(f"a circle of {len(circle)} objects that is no registry with its entries:\n" + "\n".join(lines))
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
