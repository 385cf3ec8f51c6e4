"""startup.py CONVIS [RUNS] - what it costs to start: processor time (ms, the least and the median of RUNS) and shared libraries.

Drivers of graphics cards are tried before the first run on a machine; here that is done before anything is measured."""
import os
import statistics
import subprocess
import sys
import tempfile

MOST = {"--version": 5.0, "one frame": 15.0}               # ms: what it may cost


def cost(command):
    """Processor time of one run, in ms."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"startup: {' '.join(command)} failed")
    return 1000*(used.ru_utime + used.ru_stime)


def loaded(command):
    """Libraries that it loads, as glibc tells."""
    told = subprocess.run(command, env={**os.environ, "LD_DEBUG": "files"}, capture_output=True, text=True, errors="replace").stderr
    return sum("calling init: " in line for line in told.splitlines())


def main():
    convis, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 21
    over = False
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        subprocess.run([convis, "stim", "grating", "--size", "32x32", "--frames", "1", "-q", "-o", "one.npy"], check=True)
        run = [convis, "run", "retina", "one.npy", "-q", "-o", "spikes.csv"]
        cases = {"nothing": ["/bin/true"], "--version": [convis, "--version"], "one frame": run, "one frame, --device cpu": run + ["--device", "cpu"]}
        print(f"{'':28}{'least':>8}{'median':>8}  ms   libraries")
        for name, command in cases.items():
            cost(command)
            times = [cost(command) for _ in range(runs)]
            print(f"{name:28}{min(times):8.1f}{statistics.median(times):8.1f}       {loaded(command):5}")
            over |= min(times) > MOST.get(name, min(times))
        if over:
            sys.exit("startup: more than it may cost: " + ", ".join(f"{name} {most} ms" for name, most in MOST.items()))


if __name__ == "__main__":
    main()
