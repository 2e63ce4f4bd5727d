"""Runs of `launch.py` on a full disk: one line, one exit code, and with room the run that it would have been."""

import contextlib
import os
import subprocess
import sys
import time

import pytest

from tests.small_runs import SMALL, saved

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="run it as root, who can mount a small disk"),
]

RUN = SMALL | {"steps": "2000", "checkpoint_every": "20", "log_every": "10", "sample_every": "20"}


@pytest.fixture
def disk(tmp_path):
    """A function that makes the disk, or gives it another size in KiB; returns its path."""
    path = tmp_path / "disk"
    path.mkdir()

    def resize(size):
        remount = ["-o", f"remount,size={size}k"] if os.path.ismount(path) else ["-o", f"size={size}k"]
        subprocess.run(["mount", "-t", "tmpfs", *remount, "none", str(path)], check=True)
        return path

    yield resize
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["umount", str(path)], check=True)


def _command(workdir, **changes):
    fields = [f"--config.{name}={value}" for name, value in (RUN | changes).items()]
    return [sys.executable, "launch.py", "--config=configs/ring.py", f"--workdir={workdir}", *fields]


def _run(workdir, **changes):
    return subprocess.run(_command(workdir, **changes), capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    result = _run(workdir)
    assert result.returncode == 0, result.stderr
    return workdir


@pytest.mark.parametrize("size", [4, 16, 64, 128, 256, 512, 1024])
def test_a_full_disk_is_one_line_and_1_and_with_room_the_same_run(whole, disk, size):
    run = disk(size) / "run"
    result = _run(run, save_patience=0)
    assert result.returncode == 1, result.stderr
    progress = "step ", "compiling", "jaxgan: warning: "
    lines = [line for line in result.stderr.splitlines() if not line.startswith(progress)]
    assert len(lines) == 1 and lines[0].startswith("jaxgan: error: ") and "No space left" in lines[0], result.stderr
    disk(200_000)
    result = _run(run)
    assert result.returncode == 0, result.stderr
    assert_same_states_and_lines(run, whole)


def assert_same_states_and_lines(run, whole):
    """Pictures that there was no room for are left out, so they are not compared."""
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    states, expected = saved(run)[0], saved(whole)[0]
    assert all((states[path] == leaf).all() for path, leaf in expected.items())


def test_a_run_that_is_given_room_in_time_is_the_same_run(whole, disk):
    run = disk(700) / "run"
    process = subprocess.Popen(_command(run), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "the training goes on, and tries again" in line:
            break
    time.sleep(1)
    disk(200_000)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0 and "Traceback" not in said, said
    assert_same_states_and_lines(run, whole)
