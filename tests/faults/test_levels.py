"""A long run: its memory, its open files and its threads stay where they were after the first thousand steps.

Memory goes up and down by some 50 MiB with the saves and the pictures, so 5 KiB that each step left behind would show.
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.small_runs import SMALL

STEPS = 20_000
EVERY = {
    "steps": STEPS,
    "log_every": 50,
    "sample_every": 500,
    "checkpoint_every": 250,
    "evaluation.every": 500,
    "evaluation.metrics": "modes,sliced_wasserstein",
    "evaluation.samples": 200,
    "alarms.patience": 10,
}


def _levels(process):
    """Resident memory in MiB, open files, threads and memory maps of a process."""
    root = pathlib.Path("/proc") / str(process.pid)
    status = dict(line.split(":", 1) for line in (root / "status").read_text().splitlines())
    maps = (root / "maps").read_bytes().count(b"\n")
    return int(status["VmRSS"].split()[0]) / 1024, len(list((root / "fd").iterdir())), int(status["Threads"]), maps


def _step(workdir):
    try:
        return json.loads((workdir / "metrics.jsonl").read_bytes().splitlines()[-1])["step"]
    except (OSError, IndexError, ValueError):  # not begun, or in the middle of a line
        return None


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/maps").exists(), reason="run it on Linux, which has /proc")
def test_a_long_run_takes_no_more_of_anything(tmp_path):
    fields = [f"--config.{name}={value}" for name, value in (SMALL | EVERY).items()]
    command = [sys.executable, "launch.py", "--config=configs/ring.py", f"--workdir={tmp_path}", *fields]
    seen = []
    with open(tmp_path.parent / "said", "w") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        while process.poll() is None:
            step = _step(tmp_path)
            if step is not None and 1_000 <= step < STEPS - 50:
                try:
                    seen.append((step, *_levels(process)))
                except (OSError, ValueError):  # it has just ended
                    break
            time.sleep(0.05)
    assert process.returncode == 0, (tmp_path.parent / "said").read_text()
    steps, *levels = np.array(seen).T
    early, late = steps < 6_000, steps > STEPS - 5_000
    assert early.sum() > 20 and late.sum() > 20
    for name, level, slack in zip(("MiB", "files", "threads", "maps"), levels, (75, 8, 4, 60), strict=True):
        print(name, np.median(level[early]), np.median(level[late]), level[early].max(), level[late].max())
        assert np.median(level[late]) <= np.median(level[early]) + slack, name
    names = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert len(names) <= 4, names  # the three newest, and the best
