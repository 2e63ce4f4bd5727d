"""Whatever stops a command at whatever time, the same command again makes what it makes if nothing stops it.

A command is stopped at random times all over the CPU time that it takes, again and again until it ends.
The command that runs to its end compiles without a cache. The stopped ones share one.
"""

import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import pytest

from jaxgan.io.checkpoints import PLAYERS
from tests.small_runs import SMALL, saved, train

KILLS, SIGNALS = (signal.SIGKILL,), (signal.SIGTERM, signal.SIGINT)

TIMES = 9
"""How often a scenario is stopped by each of the two kinds, at least."""

OF_TIME = ("date",)
"""Fields of the JSON files that are not results."""

Command = tuple[str, str, dict[str, str]]
"""A mode, a config file or "", and fields."""

SHORT = SMALL | {"steps": "160", "log_every": "20", "sample_every": "80", "checkpoint_every": "40"}
SHORT |= {"evaluation.every": "80", "evaluation.samples": "100", "evaluation.metrics": "modes"}
IMAGES = {name: text for name, text in SHORT.items() if name not in ("dataset.examples", "schedules")}
IMAGES |= {"dataset.name": "npz", "dataset.placement": "stream", "dataset.path": "{images}", "sample_count": "20"}
IMAGES |= {"evaluation.metrics": "task", "evaluation.features": "raw", "alarms.patience": "2", "latent.dim": "10"}
IMAGES |= {"dataset.validation_examples": "40", "steps": "80", "evaluation.every": "40"}
GROWING = {"name": "sgd", "momentum": "0.9", "learning_rate": "1"}

SCENARIOS: dict[str, list[Command]] = {
    # Streamed data, k by a schedule, another scheduled number, averages, dropout, alarms, evaluations.
    "ring": [
        (
            "train",
            "configs/ring.py",
            SHORT
            | {"dataset.placement": "stream", "average_decay": "0.99", "discriminator.keep_hidden": "0.8"}
            | {"discriminator_steps": "3", "coordination.initial_steps": "1", "coordination.over": "100"}
            | {"alarms.patience": "2", "generator_batches": "0"},
        ),
        ("evaluate", "", {}),
        ("sample", "", {}),
    ],
    # It goes back to its beginning, to a checkpoint, and to one before it.
    "diverging": [
        (
            "train",
            "configs/ring.py",
            SHORT
            | {"loss": "wasserstein", "schedules": "", "divergence.attempts": "3", "divergence.factor": "0.01"}
            | {"steps": "100", "log_every": "10", "checkpoint_every": "10", "sample_every": "20"}
            | {"evaluation.every": "20", "keep_checkpoints": "2"}
            | {f"{player}_optimizer.{name}": GROWING[name] for player in PLAYERS for name in GROWING},
        )
    ],
    "inpainting": [
        (
            "train",
            "configs/inpainting_mnist.py",
            IMAGES | {"inpainting.draws": "2", "inpainting.examples": "20", "inpainting.masks": "half"},
        )
    ],
    "inference": [
        (
            "train",
            "configs/inference_mnist.py",
            IMAGES | {"inference.widths": "(16,)", "inference.fit_steps": "20", "inference.examples": "20"},
        )
    ],
    "semi_supervised": [
        ("train", "configs/semi_supervised_mnist.py", IMAGES | {"batch_size": "20", "semi_supervised.labelled": "20"})
    ],
    # Two pairs of players, without pairs of pictures.
    "translation": [
        (
            "train",
            "configs/cyclegan.py",
            IMAGES
            | dict.fromkeys(("generator.widths", "discriminator.widths", "translation.cycle_widths"), "(3, 4)")
            | {"translation.view": "small", "translation.factor": "2", "translation.identity": "1"}
            | {"translation.draws": "2", "translation.examples": "20", "steps": "40", "evaluation.every": "20"},
        )
    ],
    # Transformers, with supervision of several levels.
    "guidance": [
        (
            "train",
            "configs/gat_avatars.py",
            {name: text for name, text in IMAGES.items() if not name.endswith(".widths")}
            | {f"{player}.width": "8" for player in PLAYERS}
            | {f"{player}.{name}": "2" for player in PLAYERS for name in ("depth", "heads")}
            | {"dataset.label": "", "guidance.levels": "2", "evaluation.metrics": "precision_recall"}
            | {"augmentation.names": "()", "penalties.interval": "0", "steps": "40", "evaluation.every": "20"},
        )
    ],
    # Halved, with a setting that diverges.
    "sweep": [
        (
            "sweep",
            "configs/ring.py",
            SHORT
            | {"population.seeds": "1", "population.score": "reverse_kl", "population.halvings": "1"}
            | {"population.grid": "generator_optimizer.learning_rate=1e-3,1e30", "evaluation.every": "0"},
        ),
    ],
}


class Place(NamedTuple):
    """Where commands run, and the caches that they share; None for those of the tests."""

    run: pathlib.Path
    cache: pathlib.Path | None
    compiles_anew: bool = False


def start(place, command):
    """The process of a command, whose output goes to files beside the run."""
    mode, config, fields = command
    arguments = [f"--config={config}"] if config else []
    environment, images = dict(os.environ), None
    if place.cache is not None:
        images = place.cache.parent / "images.npz"
        del environment["JAX_COMPILATION_CACHE_DIR"]
        environment["JAXGAN_CACHE_DIR"] = str(place.cache)
    arguments += [f"--config.{name}={text.format(images=images)}" for name, text in fields.items()]
    if place.compiles_anew:
        environment |= {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    place.run.parent.mkdir(exist_ok=True)
    with (place.run.parent / "out").open("w") as out, (place.run.parent / "err").open("w") as err:
        return subprocess.Popen(
            [sys.executable, "launch.py", f"--mode={mode}", *arguments, f"--workdir={place.run}"],
            stdout=out,
            stderr=err,
            env=environment,
        )


def said(place):
    return tuple((place.run.parent / name).read_text() for name in ("out", "err"))


def whole(place, command):
    """Runs a command to its end; returns the seconds of CPU time."""
    _, status, usage = os.wait4(start(place, command).pid, 0)
    assert status == 0, said(place)
    return usage.ru_utime + usage.ru_stime


def stopped(place, command, number, seconds):
    """Stops a command after some seconds of CPU time: its exit code, and the phase that it was in."""
    process = start(place, command)
    try:
        if number != signal.SIGKILL:  # Python itself answers signals before the first statement
            status = pathlib.Path(f"/proc/{process.pid}/status")
            while process.poll() is None and not _answers(status.read_text()):
                time.sleep(0.001)
        while process.poll() is None and cpu_seconds(process.pid) < seconds:
            time.sleep(0.005)
        if process.poll() is not None:
            return process.returncode, "ended"
        phase = _phase(process.pid, place)
        process.send_signal(number)
        return process.wait(120), phase
    finally:
        process.kill()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers(status):
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigBlk:", "SigCgt:"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


def _phase(pid, place):
    out, err = said(place)
    if "jaxlib" not in pathlib.Path(f"/proc/{pid}/maps").read_text():
        return "start"
    if list(place.run.glob("**/*.orbax-checkpoint-tmp")):
        return "saving"
    if "step " not in err and "going on" not in err:
        return "compilation" if "generator:" in out else "imports and data"
    last = [line for line in err.splitlines() if line.strip()][-1]
    return "end" if "(100 %)" in err or "evaluating" in last else "steps"


def stop_until_done(place, commands, seconds, numbers, chooser, most):
    """Stops commands by turns of some signals, at most so often, and lets them end. Returns the phases, counted."""
    phases = collections.Counter()
    for command, limit in zip(commands, seconds, strict=True):
        code, shares = None, list[float]()
        while code != 0 and phases.total() < most:
            number = numbers[phases.total() % len(numbers)]
            if not shares:  # one in each ninth of the time
                shares = [(part + chooser.random()) / TIMES for part in range(TIMES)]
                chooser.shuffle(shares)
            code, phase = stopped(place, command, number, limit * shares.pop())
            _, err = said(place)
            if code == -signal.SIGKILL == -number:
                phases[phase] += 1
                continue
            errors = [line for line in err.splitlines() if line.startswith(("jaxgan: error: ", "jaxgan: stopped by"))]
            assert "Traceback" not in err and "Exception" not in err and "not kept" not in err, err
            assert code in (0, 75) and len(errors) == (code == 75), (code, err)
            phases[phase] += code == 75
        if code != 0:
            whole(place, command)
    return phases


TIME_TAKEN = re.compile(rb"<dt>Time taken</dt><dd>[^<]*</dd>")
"""Of a report."""


def assert_same(a, b):
    """Compares all that two runs, or sweeps, of the same name have made. Returns how much there was."""
    counts = collections.Counter()
    for name in ("config.json", "metrics.jsonl", "divergences.json", "curves.png", "report.html", "sweep.png"):
        if (a / name).exists() or (b / name).exists():
            ours, theirs = (TIME_TAKEN.sub(b"", (run / name).read_bytes()) for run in (a, b))
            assert ours == theirs, name
            counts[name] += 1
    for folder, pattern in (("samples", "*.png"), ("samples", "*.npz"), ("evaluation", "*.png")):
        names = sorted(path.name for path in (a / folder).glob(pattern))
        assert names == sorted(path.name for path in (b / folder).glob(pattern))
        for name in names:
            assert (a / folder / name).read_bytes() == (b / folder / name).read_bytes(), name
        counts["pictures and samples"] += len(names)
    reports = [path.relative_to(a) for path in sorted([*a.glob("evaluation/*.json"), *a.glob("sweep.json")])]
    assert reports == [path.relative_to(b) for path in sorted([*b.glob("evaluation/*.json"), *b.glob("sweep.json")])]
    for path in reports:
        ours, theirs = (json.loads((run / path).read_text()) for run in (a, b))
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - OF_TIME:
            assert ours[name] == theirs[name], (path, name)
        counts["scores in JSON"] += 1
    if (a / "sweep.txt").exists():
        ours, theirs = ((run / "sweep.txt").read_text().replace(str(run), "") for run in (a, b))
        assert ours == theirs
    if any((a / "checkpoints").glob("[0-9]*")):
        (leaves, extra), (expected, expected_extra) = saved(a), saved(b)
        assert leaves.keys() == expected.keys() and extra == expected_extra
        for path, leaf in expected.items():
            np.testing.assert_array_equal(leaves[path], leaf, err_msg=path)
        counts["leaves"] += len(leaves)
    members = sorted(path.name for path in (a / "members").glob("*"))
    assert members == sorted(path.name for path in (b / "members").glob("*"))
    for member in members:
        counts += assert_same(a / "members" / member, b / "members" / member)
    return counts


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The directory of caches, beside which lie the images that some scenarios train on."""
    place, draw = tmp_path_factory.mktemp("shared") / "cache", np.random.default_rng(0)
    images = draw.integers(0, 256, (400, 8, 8), np.uint8) // 2 + np.arange(400, dtype=np.uint8)[:, None, None] % 10 * 12
    np.savez(place.parent / "images.npz", examples=images, labels=np.arange(400) % 10)
    return place


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(request, tmp_path_factory, cache):
    """A scenario's commands, the uninterrupted run's directory, and the seconds of CPU time of each command."""
    commands, folder = SCENARIOS[request.param], tmp_path_factory.mktemp(request.param)
    place, again = Place(folder / "whole/run", cache, compiles_anew=True), Place(folder / "again/run", cache)
    for command in commands:
        whole(place, command)
        whole(again, command)  # fills the cache
    (folder / "timed").mkdir()
    timed = Place(folder / "timed/run", cache)
    return request.param, commands, place.run, [whole(timed, command) for command in commands]


@pytest.mark.medium
def test_a_run_that_is_killed_makes_the_same(tmp_path):
    train(tmp_path / "whole/run")
    place = Place(tmp_path / "killed/run", None)
    phases = stop_until_done(place, [("train", "configs/ring.py", SMALL)], [4], KILLS, random.Random(0), 1)
    assert phases.total() == 1 and assert_same(place.run, tmp_path / "whole/run")["leaves"] > 30


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [KILLS, SIGNALS], ids=["killed", "signalled"])
def test_commands_that_are_stopped_at_random_make_the_same(scenario, numbers, cache, tmp_path):
    name, commands, expected, seconds = scenario
    chooser, phases, counts, repeats = random.Random(f"{name} {numbers}"), collections.Counter(), None, 0
    while phases.total() < TIMES:
        place = Place(tmp_path / str(repeats) / "run", cache)
        phases += stop_until_done(place, commands, seconds, numbers, chooser, TIMES - phases.total())
        counts, repeats = assert_same(place.run, expected), repeats + 1
    print(f"\n{name}: {repeats} repeats, stopped {phases.total()} times, in {dict(phases)}; equal: {dict(counts)}")
