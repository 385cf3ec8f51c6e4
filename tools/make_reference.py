#!/usr/bin/env python3
"""Make tests/data/reference from runs of VirtualRetina: small enough for the repository, and enough to notice a change.

    tools/make_reference.py RUNS tests/data/reference

RUNS has one folder a case: retina.xml, stimulus.npy (T, Y, X), stages.npz (what each stage held after each step), and where
cells spike spikes_hires.txt ("unit seconds") and units.txt ("layer unit x_deg y_deg"). Each case becomes

    CASE.xml, CASE_units.txt     as they were
    CASE.npz                     frames, index   the stimulus: frame t is frames[index[t]]
                                 stages          every 7th step from the first, every 3rd pixel each way from the second
                                 unit, time      spikes, in order of time

Long stimuli are cut after so many steps, and their spikes with them: nothing depends on what comes later.
tests/test_reference.c reads them. Needs numpy."""
import pathlib
import shutil
import sys

import numpy as np

STEP, PIXEL, FIRST = 7, 3, 1
LONGEST = {"c13_photo_drift_parvo": 120}


def reduce(case, target):
    name, longest = case.name, LONGEST.get(case.name)
    stimulus = np.load(case / "stimulus.npy")[:longest]
    frames, index = np.unique(stimulus.reshape(len(stimulus), -1), axis=0, return_inverse=True)
    data = {"frames": frames.reshape(-1, *stimulus.shape[1:]), "index": index.reshape(-1).astype(np.int32)}
    if np.array_equal(data["frames"], data["frames"].astype(np.uint8)):
        data["frames"] = data["frames"].astype(np.uint8)
    assert np.array_equal(data["frames"][data["index"]], stimulus)
    for stage, values in np.load(case / "stages.npz").items():
        data[stage] = values[:longest][::STEP, FIRST::PIXEL, FIRST::PIXEL]
    if (case / "spikes_hires.txt").exists():
        spikes = np.loadtxt(case / "spikes_hires.txt", ndmin=2)
        step = float((case / "meta.txt").read_text().split()[5])
        spikes = spikes[spikes[:, 1] < len(stimulus) * step]
        data["unit"], data["time"] = spikes[:, 0].astype(np.int32), spikes[:, 1]
        shutil.copyfile(case / "units.txt", target / f"{name}_units.txt")
    shutil.copyfile(case / "retina.xml", target / f"{name}.xml")
    np.savez_compressed(target / f"{name}.npz", **data)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make_reference.py RUNS TARGET")
    runs, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    for case in sorted(p for p in runs.iterdir() if p.is_dir()):
        reduce(case, target)


if __name__ == "__main__":
    main()
