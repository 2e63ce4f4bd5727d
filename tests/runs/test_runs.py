"""Runs from start to end: what they write, how they stop and go on, and how they fail."""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan import runs
from jaxgan.datasets import ValueRange
from jaxgan.errors import DataError, DivergedError, PreemptedError, UsageError, WriteError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs import data as inputs_module
from jaxgan.runs import devices
from jaxgan.runs.train import host_loop
from jaxgan.runs.train import loop as train_module
from tests.small_runs import OF_A_FILE, SMALL, assert_same_run, saved, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run of 60 steps."""
    workdir = tmp_path_factory.mktemp("whole")
    train(workdir)
    return workdir


def test_what_a_run_writes(whole, capsys):
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert lines[-1]["epoch"] == 10.0  # 60 steps of two batches, 12 batches of 16 of 200 examples an epoch
    assert all(np.isfinite(value) for line in lines for value in line.values())
    assert {"d_loss", "g_loss", "d_accuracy", "d_gradient_norm", "g_gradient_norm"} <= set(lines[0])
    assert json.loads((whole / "config.json").read_text())["batch_size"] == 16
    assert sorted(path.name for path in (whole / "samples").iterdir()) == [
        "step_00000000.png",
        "step_00000030.png",
        "step_00000060.png",
    ]
    assert all(np.asarray(Image.open(path)).std() > 5 for path in (whole / "samples").iterdir())
    assert sorted(path.name for path in (whole / "checkpoints").iterdir() if path.name.isdigit()) == ["20", "40", "60"]
    assert list((whole / "tensorboard").glob("events*"))
    assert len(saved(whole)[0]) > 30


@pytest.mark.slow
def test_logged_means_are_those_of_the_steps(whole, tmp_path):
    train(tmp_path, log_every=1)
    every = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    means = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    for i, line in enumerate(means):
        for name in ("d_loss", "g_loss", "d_accuracy"):
            np.testing.assert_allclose(line[name], np.mean([e[name] for e in every[10 * i : 10 * i + 10]]), rtol=1e-6)


@pytest.mark.medium
def test_a_finished_run_says_so_and_can_be_made_longer(whole, tmp_path, capsys):
    train(tmp_path, steps=40)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    train(tmp_path, steps=40)
    assert "has 40 steps already" in capsys.readouterr().out
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    train(tmp_path, steps=60)
    assert "Done: steps 40 to 60" in capsys.readouterr().out
    states, expected = saved(tmp_path)[0], saved(whole)[0]
    for path, leaf in expected.items():
        np.testing.assert_array_equal(states[path], leaf, err_msg=path)


@pytest.mark.slow
def test_a_run_that_ended_between_log_steps_and_is_made_longer_logs_what_an_uninterrupted_one_does(whole, tmp_path):
    train(tmp_path, steps=23)
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 23
    train(tmp_path, steps=60)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


@pytest.mark.slow
def test_other_data_in_the_same_run_is_refused(tmp_path):
    examples = np.random.default_rng(0).random((200, 2), np.float32)
    for name, values in (("a", examples), ("b", examples + 5), ("c", examples[:150])):
        np.savez(tmp_path / f"{name}.npz", examples=values)

    def train_on(name, steps):
        data = {"dataset.name": "npz", "dataset.validation_examples": "10", "dataset.path": str(tmp_path / name)}
        runs.run("train", "configs/ring.py", OF_A_FILE | data | {"steps": steps}, str(tmp_path / "run"), {})

    train_on("a.npz", "10")
    for name, said in (("b.npz", "fingerprint"), ("c.npz", "train_examples")):
        with pytest.raises(DataError, match=said):
            train_on(name, "20")
    (tmp_path / "a.npz").rename(tmp_path / "moved.npz")
    train_on("moved.npz", "20")


@pytest.mark.parametrize(
    ("intervals", "resident", "expected"),
    [
        ((100, 500, 500), True, 100),
        ((10_000, 10_000, 10_000), True, 500),
        ((7, 14, 21), True, 7),
        ((2_003, 2_003, 2_003), True, 1),  # a prime
        ((100, 1_000, 1_000), False, 10),  # 64 · 3 · 224² values a step, 2²⁷ at most: 13 steps, of which 10 divides
    ],
)
def test_how_long_a_chunk_is(intervals, resident, expected):
    config = dict(zip(("log_every", "sample_every", "checkpoint_every"), intervals, strict=True))
    config |= {"batch_size": 64, "discriminator_steps": 1, "generator_steps": 1, "generator_batches": 0}
    config["evaluation"] = {"every": 0}
    facts = inputs_module.DataFacts((224, 224, 3), 100)
    inputs = inputs_module.Inputs(None, facts, resident, 100, 0, ValueRange())
    assert inputs_module.chunk_length(config, inputs) == expected


@pytest.mark.slow
def test_intervals_that_share_no_divisor_are_kept(tmp_path):
    train(tmp_path, steps=23, log_every=5, sample_every=7, checkpoint_every=11)
    lines = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [5, 10, 15, 20, 23]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir())[-1] == "step_00000023.png"
    assert len(saved(tmp_path)[1]["window"]["d_loss"]) == 3  # 21 to 23, for the line of step 25 should there be one
    assert len(saved(tmp_path, 22)[1]["window"]["d_loss"]) == 2  # steps 21 and 22 wait for their line


def test_a_stop_request_saves_and_the_same_command_goes_on_bit_for_bit(whole, tmp_path, monkeypatch):
    for stop_at in (10, 30):

        class Stop(train_module.StopRequest):
            checks = 0

            @property
            def signal_name(self):
                type(self).checks += 1
                return "SIGTERM" if self.checks >= stop_at // 10 else None  # noqa: B023

            @signal_name.setter
            def signal_name(self, _):
                pass

        monkeypatch.setattr(train_module, "StopRequest", Stop)
        with pytest.raises(PreemptedError, match="SIGTERM") as error:
            train(tmp_path)
        assert error.value.exit_code == 75
    monkeypatch.undo()
    train(tmp_path)
    assert_same_run(tmp_path, whole)


@pytest.mark.slow
def test_long_calls_are_waited_for_and_make_the_same_run(whole, tmp_path, monkeypatch):
    waited, wait = [], jax.block_until_ready
    monkeypatch.setattr(train_module, "LONG_CALL", -1.0)
    monkeypatch.setattr(jax, "block_until_ready", lambda tree: (waited.append(type(tree).__name__), wait(tree))[1])
    train(tmp_path)
    assert waited.count("TrainState") == 5  # of the six calls all but the first, which none is before
    assert_same_run(tmp_path, whole)


def _command(workdir, **changes):
    overrides = SMALL | {name: str(value) for name, value in changes.items()}
    fields = [f"--config.{name}={value}" for name, value in overrides.items()]
    return [sys.executable, "launch.py", "--config=configs/ring.py", f"--workdir={workdir}", *fields]


@pytest.mark.slow
def test_killed_at_random_and_run_again_is_bit_identical(tmp_path):
    choose = random.Random(7)  # of the log line; the step within it is as the timing has it
    a, b = tmp_path / "whole", tmp_path / "killed"
    long = {"steps": 3_000, "checkpoint_every": 100, "log_every": 50, "sample_every": 1_500}
    subprocess.run(_command(a, **long), check=True, capture_output=True)
    for _ in range(2):
        metrics = b / "metrics.jsonl"
        lines = len(metrics.read_bytes().splitlines()) if metrics.exists() else 0
        wanted = choose.randint(lines + 1, lines + 20)  # of 60
        process = subprocess.Popen(_command(b, **long), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (metrics.exists() and len(metrics.read_bytes().splitlines()) >= wanted):
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    subprocess.run(_command(b, **long), check=True, capture_output=True)
    assert_same_run(b, a)


@pytest.mark.medium
def test_a_run_that_was_killed_after_its_last_checkpoint_makes_what_it_lacks(whole, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    train(run)
    assert "has 60 steps already" in capsys.readouterr().out
    (run / "samples" / "step_00000060.png").unlink()
    (run / "curves.png").unlink()
    train(run)
    assert "Done: steps 60 to 60" in capsys.readouterr().out
    assert (run / "report.html").read_bytes() == (whole / "report.html").read_bytes().replace(
        whole.name.encode(), b"run"
    )
    assert_same_run(run, whole)
    train(run)
    assert "has 60 steps already" in capsys.readouterr().out


@pytest.mark.slow
def test_the_report_is_made_anew_whatever_the_clock_says(tmp_path, monkeypatch, capsys):
    train(tmp_path, steps=20)
    for path in (tmp_path / "report.html", tmp_path / "curves.png"):
        os.utime(path, (time.time() + 1e6,) * 2)  # the clock is set back afterwards
    before = (tmp_path / "report.html").read_text()

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "write_report", kill)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, steps=40)
    train(tmp_path, steps=40)
    assert "Done: steps 40 to 40" in capsys.readouterr().out
    assert (tmp_path / "report.html").read_text() != before
    os.utime(tmp_path / "report.html", (0, 0))  # or between the checkpoint and the report
    train(tmp_path, steps=40)
    assert "has 40 steps already" in capsys.readouterr().out


def _cut(run):
    (run / "checkpoints/60/run/metadata").write_text("{")


def _lose_a_line(run):
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join(lines[:4] + lines[5:]))  # of step 50


@pytest.mark.medium
@pytest.mark.parametrize("harm", [_cut, _lose_a_line])
def test_a_harmed_run_goes_back_to_the_checkpoint_before_and_ends_the_same(whole, tmp_path, capfd, harm):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    harm(run)
    train(run)
    said = capfd.readouterr()
    assert "Done: steps 40 to 60" in said.out
    assert said.err.count(".unusable") == 1 and "; it is now 60.unusable\n" in said.err
    assert_same_run(run, whole)


class Failing(Checkpoints):
    """Checkpoints that cannot be saved before a step."""

    until = 60

    def save(self, step, state, extra):
        if step < self.until:
            raise WriteError(f"cannot save checkpoint {step}", "No space left on device", "make room")
        super().save(step, state, extra)


@pytest.mark.medium
def test_a_run_goes_on_while_no_checkpoint_can_be_saved_and_saves_again(whole, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train_module, "Checkpoints", Failing)
    monkeypatch.setattr(host_loop, "SAVE_AGAIN_SECONDS", 0.0)
    train(tmp_path)
    said = capfd.readouterr().err
    assert said.count("goes on") == 1 and "cannot save checkpoint 20; No space left on device; " in said
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["60"]
    assert_same_run(tmp_path, whole)
    # It ends when its patience does.
    monkeypatch.setattr(Failing, "until", 10**9)
    with pytest.raises(WriteError, match="cannot save checkpoint 80") as error:
        train(tmp_path, steps=80, save_patience=0.01)
    assert error.value.exit_code == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"dataset__placement": "stream", "mapping": "pmap"},
        pytest.param({"mapping": "auto"}, marks=pytest.mark.slow),
        pytest.param({"mapping": "shard_map"}, marks=pytest.mark.slow),
        pytest.param({"dataset__placement": "stream"}, marks=pytest.mark.slow),
    ],
)
def test_four_devices_and_streamed_data_train_the_same(whole, tmp_path, changes):
    train(tmp_path, **changes)
    expected = saved(whole)[0]
    for path, leaf in saved(tmp_path)[0].items():
        np.testing.assert_allclose(leaf, expected[path], atol=2e-5, err_msg=path)


def test_another_config_is_refused_with_the_differing_fields(whole):
    before = (whole / "config.json").read_bytes()
    with pytest.raises(UsageError) as error:
        train(whole, loss="minimax", latent__dim=3, steps=80)
    assert "loss: non_saturating there, minimax now, latent.dim: 2 there, 3 now;" in str(error.value)
    assert (whole / "config.json").read_bytes() == before


def test_two_processes_may_not_train_in_one_directory(whole):
    from jaxgan.runs.directory import RunDirectory

    held = RunDirectory(str(whole))
    with pytest.raises(UsageError, match="in use"):
        train(whole, steps=80)
    held.close()


@pytest.mark.slow
def test_divergence_keeps_the_last_good_checkpoint(tmp_path):
    train(tmp_path, steps=20)
    good = saved(tmp_path)[0]
    with pytest.raises(DivergedError) as error:
        train(tmp_path / "other", steps=60, generator_optimizer__learning_rate=1e30)
    assert error.value.exit_code == 4 and "diverged" in str(error.value)
    assert str(error.value).endswith("; no checkpoint is from before it")
    assert not [p for p in (tmp_path / "other" / "checkpoints").iterdir() if p.name.isdigit()]
    # A run that has good checkpoints keeps them: here the data turns bad under it.
    train_module_read = train_module.read_inputs

    def poisoned(config):
        inputs = train_module_read(config)
        inputs.dataset.train.examples[:] = np.inf
        return inputs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "read_inputs", poisoned)
        with pytest.raises(DivergedError, match="; the checkpoint of step 20 is from before it"):
            train(tmp_path, steps=60)
    after = saved(tmp_path)[0]
    assert all((after[path] == leaf).all() for path, leaf in good.items())


def test_sample_writes_a_picture_and_all_samples(whole, capsys):
    runs.run("sample", None, {}, str(whole), {"count": 1500, "seed": 3})
    out = capsys.readouterr().out
    array = whole / "samples" / "sample_step_00000060_seed_3.npz"
    assert str(array) in out and str(array.with_suffix(".png")) in out
    samples = np.load(array)["samples"]
    assert samples.shape == (1500, 2) and np.isfinite(samples).all()
    assert len(np.unique(samples[:, 0])) > 1000
    runs.run("sample", None, {}, str(whole), {"count": 1500, "seed": 3})
    np.testing.assert_array_equal(np.load(array)["samples"], samples)
    for path in (array, array.with_suffix(".png")):
        path.unlink()


def test_sample_without_a_run(tmp_path):
    with pytest.raises(UsageError, match="no checkpoints"):
        runs.run("sample", None, {}, str(tmp_path / "nothing"), {"count": 1, "seed": 0})
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(UsageError, match="there is no file configs/rings.py; did you mean configs/ring.py"):
        runs.run("sample", "configs/rings.py", {}, str(tmp_path), {"count": 1, "seed": 0})


@pytest.mark.parametrize(("wrong", "remedy"), [("mnst.py", "did you mean configs/mnist.py"), ("x", "choose one of")])
def test_a_mistyped_config_file_is_answered_with_those_like_it(wrong, remedy, tmp_path):
    with pytest.raises(UsageError, match=f"there is no file configs/{wrong}; {remedy}"):
        runs.run("train", f"configs/{wrong}", {}, str(tmp_path), {})


def test_what_does_not_fit_the_data_is_said_before_training(tmp_path):
    with pytest.raises(DataError, match="batch_size is 201 and there are 200"):
        train(tmp_path / "a", batch_size=201)
    assert not (tmp_path / "a").exists()
    with pytest.raises(DataError, match=r"generator\.output=sigmoid"):
        train(tmp_path / "b", generator__output="sigmoid")
    with pytest.raises(UsageError, match="batch_size 18 does not divide by 4 devices"):
        train(tmp_path / "c", batch_size=18, mapping="auto")
    np.savez(tmp_path / "bad.npz", examples=np.array([[0.5, np.nan]] * 50, np.float32))
    data = {"dataset.name": "npz", "dataset.path": str(tmp_path / "bad.npz")}
    with pytest.raises(DataError, match="bad.npz"):
        runs.run("train", "configs/ring.py", OF_A_FILE | data, str(tmp_path / "d"), {})
    for name in "abd":
        assert not (tmp_path / name / "config.json").exists()


@pytest.mark.parametrize("raised", [RuntimeError("Unable to initialize backend 'cuda'"), AssertionError()])
def test_a_platform_that_is_not_there(tmp_path, monkeypatch, raised):
    def count():
        raise raised

    monkeypatch.setattr(jax, "local_device_count", count)
    platforms = jax.config.jax_platforms
    try:
        with pytest.raises(UsageError, match="JAX finds no such device"):
            train(tmp_path, platform="gpu")
    finally:
        jax.config.update("jax_platforms", platforms)


def _launch(*arguments):
    return subprocess.run([sys.executable, "launch.py", *arguments], capture_output=True, text=True, timeout=120)


def _seconds_of_children():
    """CPU time, which does not depend on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


MISTAKES = [
    (["--config=configs/ring.py", "--workdir=x", "--config.kk=3", "--config.losss=a"], 2, "2 problems"),
    (["--wrkdir=x"], 2, "workdir"),
    (["--config=configs/mnist.py", "--workdir={tmp}/run", "--config.dataset.path={tmp}/none"], 3, "none"),
]
MORE_MISTAKES = [
    (["--config=configs/ring.py", "--workdir=x", "--config.discriminator_steps=0"], 2, "0 is below 1"),
    (["--config=configs/ring.py", "--workdir=/proc/none"], 2, "cannot be written"),
    (["--config=configs/ring.py", "--workdir=gs://bucket/run"], 2, "--workdir=gs://bucket/run is a URL"),
    (["--config=configs/quickstart.py", "--workdir=x", "--config.dataset.path=my.npz"], 2, "set dataset.name=npz"),
    (["--mode=tarin", "--workdir=x"], 2, "tarin"),
    (["--config=configs/ring.py"], 2, "--workdir is missing"),
    (["--workdir=x"], 2, "--config is missing"),
    (["nonsense", "--workdir=x"], 2, "nonsense"),
    (["--config=configs/ring.py", "--workdir="], 2, "--workdir is missing"),
    (["--config=configs/ring.py", "--workdir=x", "--seed=5"], 2, "--config.seed"),
    (["--mode=sample", "--workdir=x", "--seed=18446744073709551616"], 2, "seed"),
    (["--mode=sample", "--workdir={tmp}/none"], 2, "no checkpoints"),
    (["--config=configs/ring.py", "--workdir=x", "--condition=1"], 2, "--condition does not go with --mode=train"),
    (
        ["--config=configs/mnist.py", "--workdir={tmp}/run", "--config.dataset.name=tfds"]
        + ["--config.dataset.path={tmp}/none", "--config.dataset.tfds_name=cifar10"],
        3,
        "cifar10",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [*MISTAKES, *(pytest.param(*rest, marks=pytest.mark.slow) for rest in MORE_MISTAKES)]
)
def test_launch_answers_a_mistake_with_one_line_and_its_exit_code(arguments, code, said, tmp_path):
    before = _seconds_of_children()
    result = _launch(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert _seconds_of_children() - before < 15
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("jaxgan: error: ") and said in lines[0]
    assert not pathlib.Path("x").exists() and not pathlib.Path("gs:").exists()


def test_help_names_the_flags_and_ends_well():
    result = _launch("--help")
    assert result.returncode == 0
    assert all(flag in result.stdout for flag in ("--mode", "--config", "--workdir", "--[no]debug"))
    assert all(f"--{'[no]' if flag in ('profile', 'plain') else ''}{flag}:" in result.stdout for flag in runs.FLAGS)


@pytest.mark.medium
def test_debug_shows_the_traceback(tmp_path):
    result = _launch("--config=configs/mnist.py", f"--workdir={tmp_path}/run", "--config.dataset.path=none", "--debug")
    assert "Traceback" in result.stderr and result.returncode == 3


def test_compiled_code_is_kept_in_the_cache_unless_jax_was_told_where(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path))
    before = jax.config.values["jax_compilation_cache_dir"]
    devices.cache_compiled_code()
    assert jax.config.values["jax_compilation_cache_dir"] == before is not None  # the tests have told it
    least = jax.config.values["jax_persistent_cache_min_compile_time_secs"]
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        (tmp_path / "file").touch()
        with monkeypatch.context() as patch:
            patch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "file"))  # where no directory can be
            devices.cache_compiled_code()
        assert jax.config.values["jax_compilation_cache_dir"] is None
        devices.cache_compiled_code()
        assert jax.config.values["jax_compilation_cache_dir"].startswith(str(tmp_path / "compiled"))
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)


@pytest.mark.slow
def test_a_profiled_run_leaves_a_trace_and_is_the_same_run(tmp_path):
    small = SMALL | {"steps": "10", "sample_every": "10", "checkpoint_every": "10"}
    runs.run("train", "configs/ring.py", small, str(tmp_path / "plain"), {})
    runs.run("train", "configs/ring.py", small, str(tmp_path / "traced"), {"profile": True})
    (trace,) = (tmp_path / "traced" / "profile").rglob("perfetto_trace.json.gz")
    assert trace.stat().st_size > 1_000 and not (tmp_path / "plain" / "profile").exists()
    assert (tmp_path / "plain/metrics.jsonl").read_bytes() == (tmp_path / "traced/metrics.jsonl").read_bytes()


def test_without_the_environment_launch_says_what_to_do():
    bare = [sys.executable, "-S", "launch.py", "--help"]  # -S: no site-packages
    result = subprocess.run(bare, capture_output=True, text=True)
    assert result.returncode == 2 and result.stdout == "" and result.stderr.count("\n") == 1
    assert result.stderr.startswith("jaxgan: error: ") and "pip install 'jaxgan[train]'" in result.stderr


def test_a_long_list_of_differing_fields_is_cut_short(whole):
    changes = {
        f"{player}_optimizer__{name}": 0.25 for player in ("generator", "discriminator") for name in ("b1", "b2")
    }
    changes |= {"seed": 9, "loss": "hinge", "batch_size": 8, "latent__dim": 3, "average_decay": 0.5, "packing": 2}
    with pytest.raises(UsageError) as error:
        train(whole, steps=80, discriminator_steps=2, generator_steps=2, **changes)
    assert str(error.value).count(" there, ") == 10 and ", and 2 more fields; use the same config" in str(error.value)
    assert "another config; loss: " in str(error.value)  # before others, as it tells what the run is
