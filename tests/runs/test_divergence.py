"""Runs that diverge and go back, which checkpoints are kept, and which one is the best."""

import json

import numpy as np
import pytest

from jaxgan import runs
from jaxgan.errors import DataError, DivergedError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.saved import FORMAT, best_step, read_run
from jaxgan.runs.train import loop
from jaxgan.runs.train.host_loop import before_trouble
from tests.small_runs import assert_same_run, saved, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole")
    train(workdir)
    return workdir


@pytest.fixture
def poisoned(monkeypatch):
    """The second time that data are read they are not numbers, and every other time that is in the set returned."""
    read, times, bad = loop.read_inputs, [], {2}

    def read_inputs(config):
        inputs = read(config)
        times.append(inputs)
        if len(times) in bad:
            inputs.dataset.train.examples[:] = np.inf
        return inputs

    monkeypatch.setattr(loop, "read_inputs", read_inputs)
    return bad


@pytest.mark.slow
def test_a_run_goes_back_to_its_beginning(tmp_path, capfd):
    rates = {"generator_optimizer__learning_rate": 1e30, "divergence__factor": 1e-34}
    with pytest.raises(DivergedError, match="; no checkpoint is from before it"):
        train(tmp_path / "a", divergence__attempts=0, generator_optimizer__learning_rate=1e30)
    capfd.readouterr()
    for name in ("a", "b"):
        train(tmp_path / name, divergence__attempts=1, **rates)
        assert "it goes back to step 0 with a new key and lower rates (1 of 1)\n" in capfd.readouterr().err
    assert_same_run(tmp_path / "a", tmp_path / "b")
    (line,) = json.loads((tmp_path / "a/divergences.json").read_text())
    assert line["back_to"] == 0 and line["step"] < 10 and line["why"].endswith("nan")
    steps = [json.loads(line)["step"] for line in (tmp_path / "a/metrics.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40, 50, 60]


def _params(workdir, step):
    return {path: leaf for path, leaf in saved(workdir, step)[0].items() if ".params" in path or "'params'" in path}


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_with_another_key_and_lower_rates(whole, tmp_path, poisoned, capfd):
    train(tmp_path, steps=40)
    left = tmp_path / "evaluation/step_00000050_seed_0.json"  # as a run that came further before it diverged leaves
    left.parent.mkdir()
    left.write_text("{}")
    train(tmp_path, divergence__attempts=3, divergence__factor=1e-30)
    assert not left.exists()
    out, said = capfd.readouterr()
    assert "\nrates          both times 1e-30, because the run diverged\n" in out
    assert "the run diverged at step 41; " in said and "it goes back to step 40 with a new key" in said
    first, last = _params(tmp_path, 40), _params(tmp_path, 60)
    assert len(first) > 4 and all((last[path] == leaf).all() for path, leaf in first.items())
    ours, theirs = ((run / "metrics.jsonl").read_text().splitlines() for run in (tmp_path, whole))
    assert ours[:4] == theirs[:4]
    assert all(a != b for a, b in zip(ours[4:], theirs[4:], strict=True))
    assert saved(tmp_path, 40)[1]["setbacks"] == 0 and saved(tmp_path, 60)[1]["setbacks"] == 1


@pytest.mark.slow
def test_going_back_at_full_rates_draws_anew(whole, tmp_path, poisoned):
    train(tmp_path, steps=40)
    train(tmp_path, divergence__attempts=1, divergence__factor=1.0)
    ours, theirs = _params(tmp_path, 60), _params(whole, 60)
    assert any((ours[path] != leaf).any() for path, leaf in theirs.items())


@pytest.mark.slow
def test_a_run_that_was_stopped_in_between_goes_back_to_the_same_step(tmp_path, poisoned, monkeypatch):
    evaluates = {"sample_every": 10, "evaluation__every": 10, "evaluation__metrics": "modes", "evaluation__samples": 50}
    changes, goes_back = evaluates | {"evaluation__every": 20}, {"divergence__attempts": 1}
    train(tmp_path / "a", steps=40, **changes)
    train(tmp_path / "a", **changes, **goes_back)
    poisoned.add(6)
    train(tmp_path / "b", steps=40, **changes)
    train(tmp_path / "b", steps=50, **changes | {"evaluation__every": 10})  # a checkpoint as a signal makes it

    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_json", kill)  # once the later checkpoints are set aside
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "b", **changes, **goes_back)
    made = [*(tmp_path / "b/samples").iterdir(), *(tmp_path / "b/evaluation").iterdir()]
    assert max(path.name[:13] for path in made) == "step_00000040"  # nothing that was made of what diverged
    poisoned.add(7)
    train(tmp_path / "b", **changes, **goes_back)
    assert_same_run(tmp_path / "a", tmp_path / "b")
    notes = [json.loads((tmp_path / name / "divergences.json").read_text()) for name in "ab"]
    assert notes[0] == notes[1] and notes[0][0]["back_to"] == 40


@pytest.mark.slow
def test_attempts_are_counted(tmp_path):
    with pytest.raises(DivergedError, match="a parameter is not finite|nan"):
        train(tmp_path, generator_optimizer__learning_rate=1e30, divergence__attempts=2)
    assert len(json.loads((tmp_path / "divergences.json").read_text())) == 2
    (tmp_path / "divergences.json").write_text('[{"step": "x"}]')
    with pytest.raises(DataError, match=r"cannot read .*divergences.json; it\[0\] has no back_to"):
        train(tmp_path, generator_optimizer__learning_rate=1e30, divergence__attempts=2)


def test_rates_that_schedules_set_are_not_lowered(tmp_path):
    with pytest.raises(UsageError, match="divergence.attempts lowers the rates, and schedules set"):
        train(
            tmp_path,
            divergence__attempts=1,
            schedules="generator_optimizer.learning_rate & discriminator_optimizer.learning_rate=linear(1e-5, 600)",
        )


@pytest.fixture
def checkpoints(whole, tmp_path):
    """Makes a run's checkpoints of steps 0, 1, 2 ... with what is given beside them."""
    _, extra = saved(whole)
    with Checkpoints(whole / "checkpoints", keep=9) as made:
        state, _ = made.restore(loop.build(loop.complete(extra["config"]), _facts(extra)).abstract_state())

    def make(*beside):
        with Checkpoints(tmp_path / "made", keep=9) as saving:
            for step, changes in enumerate(beside):
                saving.save(step, state, extra | changes)
        return Checkpoints(tmp_path / "made", keep=9)

    return make


def _facts(extra):
    from jaxgan.config import DataFacts

    return DataFacts(tuple(extra["data"]["example_shape"]), extra["config"]["batch_size"])


@pytest.mark.medium
def test_the_trouble_begins_before_numbers_are_not_finite(checkpoints):
    with checkpoints(*({"largest": largest} for largest in (1.0, 9e3, 1.1e4, 2e13))) as made:
        assert before_trouble(made) == 1
        assert before_trouble(made, but=1) == 0
        assert before_trouble(made, but=0) == 1


@pytest.mark.medium
def test_a_checkpoint_of_a_later_program_says_so(checkpoints):
    with checkpoints({"format": FORMAT + 1}) as made, pytest.raises(DataError, match="install a newer jaxgan"):
        read_run(made)


def _score(workdir, step, value, better):
    path = workdir / f"evaluation/step_{step:08d}_seed_0.json"
    report = json.loads(path.read_text())
    report["scores"][0] |= {"value": value, "better": better}
    path.write_text(json.dumps(report))


@pytest.mark.slow
def test_the_best_checkpoint_is_kept_and_named(tmp_path, capsys):
    evaluates = {"evaluation__every": 10, "evaluation__metrics": "modes", "evaluation__samples": 50}
    changes = evaluates | {"keep_checkpoints": 1, "checkpoint_every": 1000}
    workdir = tmp_path / "run"
    train(tmp_path / "not", steps=10)
    with pytest.raises(UsageError, match="cannot take --step=best; no checkpoint was evaluated in training"):
        runs.run("sample", None, {}, str(tmp_path / "not"), {"step": "best"})
    train(workdir, steps=20, **changes)
    _score(workdir, 20, 1e6, "higher")
    train(workdir, steps=60, **changes)
    steps = sorted(path.name for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    assert steps == ["20", "60"]
    runs.run("sample", None, {}, str(workdir), {"step": "best", "count": 4})
    assert "4 samples of step 20" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--step=worst is not a step"):
        runs.run("sample", None, {}, str(workdir), {"step": "worst"})
    # By the first score, which has a direction; of equals the earliest.
    directory = RunDirectory(str(workdir), create=False)
    for step in (30, 40):
        _score(workdir, step, 1e6, "higher")
    assert best_step(directory, "plain", [20, 30, 40]) == 20 and best_step(directory, "plain", [40, 30]) == 30
    for step, value in ((20, 3.0), (30, 2.0), (40, None)):
        _score(workdir, step, value, "lower")
    assert best_step(directory, "plain", [20, 30, 40]) == 30 and best_step(directory, "plain", [1, 2]) is None
