"""Exit codes from a real `launch.py`, in the modes that other tests of them leave out.

Others: mistakes (2) and missing data (3) in training: tests/runs/test_runs.py; signals (75): tests/runs/test_stops.py;
lost processes (75): tests/runs/test_hosts.py; training on a full disk (1): tests/runs/test_full_disk.py.
"""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxgan import runs
from tests.runs.test_full_disk import disk  # noqa: F401  (a fixture)
from tests.small_runs import OF_A_FILE, SMALL

pytestmark = pytest.mark.slow
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="run it as root, who can mount a small disk")

TRAIN, SWEEP = (["--mode=" + mode, "--config=configs/ring.py"] for mode in ("train", "sweep"))
HUGE = {"generator_optimizer.name": "sgd", "generator_optimizer.learning_rate": "1e24", "steps": "1"}
"""One step, after which parameters are finite, and samples are not."""


def _launch(*arguments, **fields):
    fields = [f"--config.{name.replace('__', '.')}={value}" for name, value in fields.items()]
    result = subprocess.run([sys.executable, "launch.py", *arguments, *fields], capture_output=True, text=True)
    errors = [line for line in result.stderr.splitlines() if line.startswith(("jaxgan: error: ", "jaxgan: stopped by"))]
    assert "Traceback" not in result.stderr and len(errors) == (result.returncode != 0), result.stderr
    return result.returncode, "".join(errors) or result.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run") / "run"
    examples = np.random.default_rng(0).random((200, 2), np.float32)
    np.savez(workdir.parent / "data.npz", examples=examples)
    data = {"dataset.name": "npz", "dataset.path": str(workdir.parent / "data.npz"), "evaluation.samples": "50"}
    fields = OF_A_FILE | data | {"dataset.validation_examples": "20", "steps": "20"}
    runs.run("train", "configs/ring.py", fields, str(workdir), {})
    return workdir


def _copy(run, place):
    shutil.copytree(run.parent, place, dirs_exist_ok=True)
    return place / "run"


def test_0_and_4_of_samples_that_are_not_finite(run, tmp_path):
    assert _launch("--mode=sample", f"--workdir={run}")[0] == 0
    assert _launch("--mode=evaluate", f"--workdir={run}", evaluation__metrics="precision_recall")[0] == 0
    sweep = {"population.seeds": "1", "steps": "10", "evaluation.samples": "50"}
    assert _launch(*SWEEP, f"--workdir={tmp_path / 'sweep'}", **SMALL | sweep)[0] == 0
    assert _launch(*TRAIN, f"--workdir={tmp_path / 'huge'}", **SMALL | HUGE)[0] == 0
    assert _launch("--mode=sample", f"--workdir={tmp_path / 'huge'}")[0] == 0
    code, said = _launch("--mode=evaluate", f"--workdir={tmp_path / 'huge'}", evaluation__samples="50")
    assert code == 4 and "cannot evaluate step 1; " in said


@root_only
@pytest.mark.parametrize("mode", ["sample", "evaluate", "sweep"])
def test_1_on_a_full_disk(run, disk, mode):  # noqa: F811
    place = disk(200_000) / "run"
    if mode == "sweep":
        arguments = [*SWEEP, *(f"--config.{name}={value}" for name, value in SMALL.items())]
    else:
        arguments = [f"--mode={mode}", *(["--count=100000"] if mode == "sample" else [])]
        shutil.copytree(run, place)
    disk(_full(disk(200_000)))
    code, said = _launch(*arguments, f"--workdir={place}")
    assert code == 1 and "No space left on device" in said


def _full(path):
    """KiB that are in use, and four more."""
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024 + 4


@pytest.mark.parametrize("mode", ["sample", "evaluate"])
def test_2_and_3_of_a_run(run, tmp_path, mode):
    code, said = _launch(f"--mode={mode}", f"--workdir={run}", "--step=7")
    assert code == 2 and "no checkpoint of step 7" in said
    code, said = _launch(f"--mode={mode}", f"--workdir={run}", loss="hinge")
    assert code == 2 and "loss" in said
    copy = _copy(run, tmp_path / "copy")
    (copy / "checkpoints/20/state/manifest.ocdbt").write_bytes(b"")
    code, said = _launch(f"--mode={mode}", f"--workdir={copy}")
    assert code == 3 and "cannot read checkpoint" in said


def test_3_of_data(run, tmp_path):
    data = OF_A_FILE | {"dataset.name": "npz", "dataset.path": str(tmp_path / "none.npz")}
    code, said = _launch(*SWEEP, f"--workdir={tmp_path / 'sweep'}", **data)
    assert code == 3 and "none.npz" in said
    code, said = _launch("--mode=evaluate", f"--workdir={run}", dataset__path=str(tmp_path / "none.npz"))
    assert code == 3 and "none.npz" in said
    np.savez(tmp_path / "other.npz", examples=np.ones((200, 2), np.float32))
    code, said = _launch("--mode=evaluate", f"--workdir={run}", dataset__path=str(tmp_path / "other.npz"))
    assert code == 3 and "other data" in said


def test_4_of_training(tmp_path):
    code, said = _launch(*TRAIN, f"--workdir={tmp_path / 'a'}", **SMALL, generator_optimizer__learning_rate="1e30")
    assert code == 4 and "the run diverged" in said
    alarm = {"alarms.patience": "1", "alarms.d_accuracy": "0.5", "alarms.stop": "discriminator_wins"}
    code, said = _launch(*TRAIN, f"--workdir={tmp_path / 'b'}", **SMALL | alarm)
    assert code == 4 and "an alarm of alarms.stop ended the run" in said and "a checkpoint is saved" in said
    rate = {"population.grid": "generator_optimizer.learning_rate=1e30", "population.seeds": "1"}
    code, said = _launch(*SWEEP, f"--workdir={tmp_path / 'c'}", **SMALL | rate | {"evaluation.samples": "50"})
    assert code == 4 and "all members diverged" in said
