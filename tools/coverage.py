"""coverage.py BUILD OUT - what gcov says of a build whose tests have run: a figure for each room and for all; to OUT the lines that no
test reached. A line that several objects have (kernels are compiled once per instruction set) is reached if it is in one of them."""
import gzip
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path


def main():
    build, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    root = Path(__file__).resolve().parent.parent
    data = sorted(build.rglob("*.gcda"))
    lines = defaultdict(dict)
    for one in data:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["gcov", "--json-format", str(one)], cwd=folder, capture_output=True, check=True)
            for report in Path(folder).glob("*.gcov.json.gz"):
                for file in json.loads(gzip.open(report).read())["files"]:
                    path = (build / file["file"]).resolve()
                    if root not in path.parents or build in path.parents:
                        continue
                    name = path.relative_to(root)
                    if name.parts[0] in ("src", "cli", "include"):
                        for line in file["lines"]:
                            at = lines[str(name)]
                            at[line["line_number"]] = at.get(line["line_number"], 0) + line["count"]
    if not lines:
        sys.exit("coverage: no tests have run")
    rooms = defaultdict(lambda: [0, 0])
    with open(out, "w", encoding="utf-8") as report:
        for name, counts in sorted(lines.items()):
            parts = name.split("/")
            for room in ("/".join(parts[:2]) if parts[0] == "src" else parts[0], "all"):
                rooms[room][0] += sum(n > 0 for n in counts.values())
                rooms[room][1] += len(counts)
            missed = sorted(k for k, n in counts.items() if n == 0)
            if missed:
                print(f"{name}: {', '.join(map(str, missed))}", file=report)
    for room, (reached, there) in sorted(rooms.items(), key=lambda r: (r[0] == "all", r[0])):
        print(f"{room:16} {100*reached/there:6.1f} % of {there} lines")


main()
