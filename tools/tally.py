"""tally.py BROKEN TESTLOG... - count what Meson's logs tell of, say which failed, print `N passed, N failed`, and fail if any did.

A test program counts as many tests as it says that it holds (TAP's or CMocka's lines), else as one. BROKEN is what could not
even be built."""
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


passed, failed, names = 0, int(sys.argv[1]), []
for log in sys.argv[2:]:
    try:
        lines = open(log, encoding="utf-8", errors="replace").read().splitlines()
    except OSError:
        continue
    for test in map(json.loads, lines):
        good, bad = count(test)
        passed += good
        failed += bad
        if bad:
            names.append(log.split("/meson-logs")[0] + ": " + test["name"])
for name in names:
    print("failed:", name)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
