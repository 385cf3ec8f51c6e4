"""tally.py LIST - count what Meson's logs tell of, say which failed, print `N passed, N failed`, and fail if any did.

A test program counts as many tests as it says that it holds (TAP's or CMocka's lines), else as one. LIST has lines `log FILE` and
`broken WHAT`: what could not even be built counts as one that failed."""
import json
import re
import sys


def count(test):
    text = test.get("stdout", "") + test.get("stderr", "")
    good = len(re.findall(r"^ok\b(?!.*# *SKIP)|^\[       OK \]", text, re.M))
    bad = len(re.findall(r"^not ok\b", text, re.M))
    bad += sum(map(int, re.findall(r"^\[  FAILED  \] (?:.*: )?(\d+) test\(s\)", text, re.M)))
    result = test["result"]
    if result == "SKIP":
        return 0, 0
    if result in ("OK", "EXPECTEDFAIL"):
        return max(good, 1), 0
    return good, max(bad, 1)


passed, failed, names = 0, 0, []
for line in open(sys.argv[1], encoding="utf-8").read().splitlines():
    kind, what = line.split(" ", 1)
    if kind == "broken":
        failed += 1
        names.append(what)
        continue
    for test in map(json.loads, open(what, encoding="utf-8", errors="replace").read().splitlines()):
        good, bad = count(test)
        passed += good
        failed += bad
        if bad:
            names.append(what.replace("/meson-logs", "") + ": " + test["name"])
for name in names:
    print("failed:", name)
if passed == 0:
    print("failed: nothing was tested")
    failed += 1
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
