"""Sweeps: what is asked for, members that are what they would be alone, and how settings are ranked."""

import inspect
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from configs import ring
from jaxgan import figures, runs
from jaxgan.config import schema
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.errors import DivergedError, PreemptedError, UsageError
from jaxgan.evaluation import EVALUATORS, Data, Evaluator, Examples, Features
from jaxgan.optimizers import OPTIMIZERS, exponential
from jaxgan.runs import devices
from jaxgan.runs.evaluate.tables import summarise
from jaxgan.runs.sweep import loop as sweep_module
from jaxgan.runs.sweep import population_trainer as lockstep_module
from jaxgan.runs.sweep.loop import problems_of_sweep
from jaxgan.runs.sweep.members import make_groups, make_members, read_data
from jaxgan.runs.sweep.scoring import METRICS, Ranking, metric_at, read_ranking, rungs, setting_order, survivors
from jaxgan.runs.sweep.trials import read_settings, split_values
from jaxgan.runs.train.host_loop import StopRequest
from tests.small_runs import SMALL, saved

RATES = "generator_optimizer.learning_rate & discriminator_optimizer.learning_rate"
TINY = SMALL | {
    "steps": "40",
    "sample_every": "20",
    "generator.widths": "(8,)",
    "discriminator.widths": "(8,)",
    "evaluation.metrics": "modes",
    "evaluation.samples": "100",
    "population.seeds": "2",
    "population.score": "reverse_kl",
}


def _sweep(workdir, **changes):
    overrides = TINY | {name.replace("__", "."): str(value) for name, value in changes.items()}
    runs.run("sweep", "configs/ring.py", overrides, str(workdir), {})
    return json.loads((workdir / "sweep.json").read_text())


def _config(**changes):
    config = ring.get_config()
    for name, value in changes.items():
        (config if name == "seed" else config.population)[name] = value
    return config


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two rates with two seeds."""
    workdir = tmp_path_factory.mktemp("swept")
    _sweep(workdir, population__grid=f"{RATES}=1e-3,1e-2")
    return workdir


# What is asked for


def test_a_grid_has_all_combinations_and_fields_with_an_ampersand_move_together():
    settings, problems = read_settings(_config(grid=f"{RATES}=1e-4, 3e-4; generator.widths=(3,4),(5,); loss=hinge"))
    assert problems == []
    assert [list(setting.changes.values()) for setting in settings] == [
        [1e-4, 1e-4, (3, 4), "hinge"],
        [1e-4, 1e-4, (5,), "hinge"],
        [3e-4, 3e-4, (3, 4), "hinge"],
        [3e-4, 3e-4, (5,), "hinge"],
    ]
    assert settings[3].config["generator"]["widths"] == (5,) and settings[3].config["loss"] == "hinge"
    assert settings[3].config["discriminator_optimizer"]["learning_rate"] == 3e-4
    assert [setting.changes for setting in read_settings(_config())[0]] == [{}]


def test_values_are_parted_by_commas_outside_of_parentheses():
    assert split_values("(3,4),(5,), [1, 2] ,7") == ["(3,4)", "(5,)", "[1, 2]", "7"]
    assert split_values("a,,b") == ["a", "", "b"] and split_values("") == [""]
    settings, _ = read_settings(_config(grid="generator.activation=(relu,tanh),relu"))
    assert [setting.changes["generator.activation"] for setting in settings] == [("relu", "tanh"), ("relu",)]


@pytest.mark.slow
def test_draws_lie_in_their_ranges_and_depend_on_the_seed_and_their_own_field_alone():
    text = "generator_optimizer.learning_rate=log(1e-5,1e-2); generator_optimizer.b1=uniform(.1,.9)"
    config = _config(random=f"{text}; batch_size=uniform(10,100); loss=choice(hinge,minimax)", draws=100)
    settings, problems = read_settings(config)
    assert problems == [] and len(settings) == 100
    rates = np.array([setting.changes["generator_optimizer.learning_rate"] for setting in settings])
    assert rates.min() >= 1e-5 and rates.max() <= 1e-2
    # Uniform in the logarithm: mean of log10 is −3.5, its deviation 3/√12 = .866, so the mean's error is .087.
    np.testing.assert_allclose(np.log10(rates).mean(), -3.5, atol=0.2)
    assert all(rate == float(f"{rate:.4g}") for rate in rates)
    b1 = np.array([setting.changes["generator_optimizer.b1"] for setting in settings])
    assert b1.min() >= 0.1 and b1.max() <= 0.9 and abs(b1.mean() - 0.5) < 0.06
    assert {type(setting.changes["batch_size"]) for setting in settings} == {int}
    assert {setting.changes["loss"] for setting in settings} == {"hinge", "minimax"}
    # Fewer fields and fewer draws: the same ones. With a grid: each draw with all of it.
    fewer, _ = read_settings(_config(random=text, draws=3, grid="loss=hinge,minimax"))
    assert len(fewer) == 6
    assert [setting.changes["generator_optimizer.learning_rate"] for setting in fewer[:3]] == list(rates[:3])
    config.seed = 1
    assert read_settings(config)[0][0].changes["generator_optimizer.learning_rate"] != rates[0]


@pytest.mark.medium
def test_settings_that_are_drawn_twice_are_kept_once():
    settings, _ = read_settings(_config(random="loss=choice(hinge,minimax)", draws=50))
    assert sorted(setting.changes["loss"] for setting in settings) == ["hinge", "minimax"]


@pytest.mark.medium
@pytest.mark.parametrize(
    ("population", "said"),
    [
        ({"grid": "generator_optimizer.lerning_rate=1"}, "did you mean generator_optimizer.learning_rate?"),
        ({"grid": "learning_rate=1,2"}, "did you mean discriminator_optimizer.learning_rate or generator_"),
        ({"grid": "los=hinge"}, "los is not a field; did you mean loss?"),
        ({"grid": "loss=hinges,minimax"}, "loss: 'hinges' is none of"),
        ({"grid": "generator_optimizer.b1=.1,2"}, "generator_optimizer.b1: 2.0 does not lie in [0, 1)"),
        ({"grid": "batch_size=many"}, "'many' is not a whole number"),
        ({"grid": "generator_optimizer.b1="}, "has an empty value in ''"),
        ({"grid": "generator_optimizer.b1=.1,.1"}, "has a value twice"),
        ({"grid": "loss"}, "'loss' is not FIELD=..."),
        ({"grid": "seed=1,2"}, "population.seeds"),
        ({"grid": "log_every=1,2"}, "log_every does not touch the training"),
        ({"grid": "evaluation.samples=1,2"}, "evaluation.samples does not touch the training"),
        ({"grid": "loss=hinge", "random": "loss=choice(hinge,minimax)"}, "loss is in grid and in random"),
        ({"grid": "loss=hinge;loss=minimax"}, "loss is twice in grid"),
        ({"grid": "generator.output=tanh"}, "with generator.output=tanh: generator.output tanh goes with"),
        ({"random": "batch_size=lg(1,2)"}, "none of log(low,high), uniform(low,high), choice(VALUE,VALUE); did you"),
        ({"random": "generator_optimizer.b1=uniform(.5,.5)"}, "the range is empty"),
        ({"random": "generator_optimizer.b1=uniform(.5)"}, "takes two numbers"),
        ({"random": "generator_optimizer.learning_rate=log(0,1)"}, "above 0"),
        ({"random": "loss=choice()"}, "has an empty value"),
        ({"grid": "loss=hinge,minimax", "seeds": 5_001}, "10,002 members, and 10,000 is the most"),
        ({"seed": 2**32 - 2}, "population.seeds: seed 4294967294 + 4 is above 4294967295"),
        ({"score": "slicedwasserstein"}, "did you mean sliced_wasserstein?"),
        ({"score": "density"}, "'density' is none of auto"),
        ({"halvings": 1}, "1 settings cannot be halved 1 times"),
        ({"grid": "a=1;" * 200}, "population.grid: it names 200 fields, and 100 are the most"),
        ({"halvings": 1, "grid": "steps=10,20"}, "settings of different steps cannot be halved"),
    ],
)
def test_mistakes(population, said):
    problems = problems_of_sweep(_config(**population))
    assert said in " ".join(map(str, problems)) and len(problems) <= 2, problems


def test_all_mistakes_come_in_one_message_and_nothing_is_written(tmp_path):
    with pytest.raises(UsageError) as error:
        _sweep(tmp_path / "x", population__grid="los=hinge;batch_size=0,5", population__score="good", loss="bad", kk=3)
    message = str(error.value)
    assert "5 problems" in message and all(
        part in message for part in ("kk", "'bad'", "los is", "0 is below", "'good'")
    )
    assert not (tmp_path / "x").exists()
    with pytest.raises(UsageError, match=r"population\.seeds: 0 is below 1"):
        _sweep(tmp_path / "x", population__seeds=0)


@pytest.mark.medium
def test_many_mistakes_are_not_all_told():
    grid = "generator.output=tanh; batch_size=" + ",".join(map(str, range(1, 101)))
    problems = problems_of_sweep(_config(grid=grid))
    assert len(problems) == 11 and str(problems[-1]) == "population: and 90 more like these"


# Numbers of a member's own


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_numbers_of_a_members_own_are_arguments_of_one_program_and_change_no_bit(name):
    numbers = {"momentum": 0.3, "b1": 0.3, "b2": 0.99, "eps": 1e-3, "weight_decay": 0.02}
    numbers = {each: numbers[each] for each in list(inspect.signature(OPTIMIZERS[name]).parameters)[1:]}
    numbers = {each: jnp.float32([value, value / 2]) for each, value in ({"rate": 3e-3} | numbers).items()}
    params = jnp.linspace(-1, 1, 7)

    def updates(rate, **settings):
        tx = OPTIMIZERS[name](exponential(rate, rate_decay=1.01, rate_floor=1e-4), **settings)

        def update(carry, _):
            x, state = carry
            change, state = tx.update(jnp.cos(3 * x), state, x)
            return (optax.apply_updates(x, change), state), None

        return jax.lax.scan(update, (params, tx.init(params)), length=20)[0][0]

    members = jax.jit(lambda numbers: jax.lax.map(lambda own: updates(**own), numbers))(numbers)
    assert float(jnp.abs(members - params[None]).min()) > 1e-4 and float(jnp.abs(members[0] - members[1]).max()) > 1e-4
    for place, member in enumerate(members):
        alone = jax.jit(lambda own: updates(**own))({each: values[place] for each, values in numbers.items()})
        np.testing.assert_array_equal(member, alone)


def test_groups_differ_in_structure_and_their_members_in_numbers(tmp_path):
    config = _config(grid=f"loss=hinge,minimax; {RATES}=1e-4,1e-3; generator_optimizer.b1=.1,.5,0")
    config.dataset.examples, config.population.seeds = 1_000, 2
    members = make_members(read_settings(config)[0], 2, tmp_path)
    assert len(members) == 24 and members[23].name == "023" and members[23].config["seed"] == 1
    assert members[23].config["population"] == schema.complete({})["population"]
    read_data(members)
    assert members[0].inputs is members[2].inputs is not members[1].inputs  # a mixture is drawn with the seed
    groups = make_groups(members)
    # Two losses, each with b1 = .1 and .5 together, and b1 = 0 by itself.
    assert [len(group) for group in groups] == [8, 4, 8, 4]
    assert {member.config["loss"] for member in groups[1]} == {"hinge"}
    assert {member.config["generator_optimizer"]["b1"] for member in groups[0]} == {0.1, 0.5}
    numbers = stacked_hyperparameters([member.config for member in groups[0]])
    np.testing.assert_array_equal(numbers["generator_optimizer.learning_rate"], np.float32([1e-4] * 4 + [1e-3] * 4))
    assert "generator_optimizer.b1" not in schema.traced(groups[1][0].config)


def test_members_that_start_from_data_are_read_their_own(tmp_path):
    config = _config(grid="discriminator.normalization=none,weight_from_data")
    members = make_members(read_settings(config)[0], 1, tmp_path)
    read_data(members)
    assert [member.inputs.facts.first is None for member in members] == [True, False]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"name": "sgd"}, {"learning_rate"}),  # momentum and clip_norm are 0
        ({"name": "sgd", "momentum": 0.5, "clip_norm": 1.0}, {"learning_rate", "momentum", "clip_norm"}),
        ({"name": "adam"}, {"learning_rate", "b1", "b2", "eps"}),
        ({"name": "adamw", "weight_decay": 0.1}, {"learning_rate", "b1", "b2", "eps", "weight_decay"}),
        ({"name": "rmsprop", "momentum": 0.1}, {"learning_rate", "b2", "eps", "momentum"}),
        ({"name": "sgd", "momentum": 0.5, "momentum_schedule": "linear"}, {"learning_rate"}),
        ({"name": "sgd", "rate_schedule": "cosine"}, set()),
        (
            {"name": "sgd", "rate_schedule": "exponential", "rate_floor": 1e-6},
            {"learning_rate", "rate_floor"},  # single precision is too coarse for a decay
        ),
    ],
)
def test_which_numbers_are_arguments(changes, names):
    config = ring.get_config()
    config.average_decay = 0.0
    config.generator_optimizer.update(changes)
    config = schema.complete(config)
    found = schema.traced(config)
    assert {name.partition(".")[2] for name in found if name.startswith("generator")} == names
    assert "average_decay" not in found and set(stacked_hyperparameters([config])) == set(found)


# Members


def _same_run(a, b):
    (leaves, extra), (expected, expected_extra) = saved(a), saved(b)
    assert leaves.keys() == expected.keys() and len(leaves) > 20
    for path, leaf in expected.items():
        np.testing.assert_array_equal(leaves[path], leaf, err_msg=path)
    assert extra == expected_extra
    for name in ("metrics.jsonl", "config.json", "samples/step_00000040.png"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.medium
def test_members_are_bit_for_bit_what_they_are_alone(swept, tmp_path):
    for number, (rate, seed) in {"001": (1e-3, 1), "002": (1e-2, 0)}.items():
        alone = tmp_path / number
        rates = {f"{player}_optimizer.learning_rate": str(rate) for player in ("generator", "discriminator")}
        own = {name: text for name, text in TINY.items() if not name.startswith("population.")}
        runs.run("train", "configs/ring.py", own | rates | {"seed": str(seed)}, str(alone), {})
        _same_run(swept / "members" / number, alone)
    losses = [(swept / "members" / f"00{i}" / "metrics.jsonl").read_text() for i in range(4)]
    assert len(set(losses)) == 4


@pytest.mark.slow
def test_orders_of_updates_are_swept_and_a_member_resumes_bit_for_bit(tmp_path):
    one = {"generator_batches": "0"}  # both players move on one minibatch
    _sweep(tmp_path / "swept", population__grid="updates=alternating,simultaneous", population__seeds=1, **one)
    own = {name: text for name, text in TINY.items() if not name.startswith("population.")} | one
    for steps in ("20", "40"):
        runs.run("train", "configs/ring.py", own | {"updates": "simultaneous", "steps": steps}, str(tmp_path / "a"), {})
    _same_run(tmp_path / "swept/members/001", tmp_path / "a")
    both = [(tmp_path / f"swept/members/00{i}/metrics.jsonl").read_text() for i in range(2)]
    assert both[0] != both[1]


@pytest.mark.medium
def test_the_table_the_json_and_the_best_are_those_of_the_members(swept, capsys):
    found = json.loads((swept / "sweep.json").read_text())
    assert [(m["member"], m["setting"], m["seed"], m["step"]) for m in found["members"]] == [
        ("000", 0, 0, 40),
        ("001", 0, 1, 40),
        ("002", 1, 0, 40),
        ("003", 1, 1, 40),
    ]
    for setting in found["settings"]:
        for name in ("reverse_kl", "modes", "high_quality"):
            a, b = (m["scores"][name] for m in found["members"] if m["setting"] == setting["setting"])
            score = setting["scores"][name]
            assert score["values"] == [a, b]
            np.testing.assert_allclose(score["mean"], (a + b) / 2)
            # s² = (a − b)²/2 of two numbers, and s²/2 = (a − b)²/4; a share of the evaluation's 100 samples has an
            # error of its own, √(p(1 − p)/100).
            own = [p * (1 - p) / 100 for p in (a, b)] if name == "high_quality" else []
            assert score["errors"] == pytest.approx([square**0.5 for square in own])
            expected = ((a - b) ** 2 / 4 + (sum(own) / 2)) ** 0.5
            np.testing.assert_allclose(score["standard_error"], expected, atol=1e-12)
    means = [setting["scores"]["reverse_kl"]["mean"] for setting in found["settings"]]
    assert means == sorted(means) and means[0] < means[1]
    best = found["settings"][0]
    members = [m for m in found["members"] if m["setting"] == best["setting"]]
    assert found["best"] == min(members, key=lambda m: m["scores"]["reverse_kl"])["member"]
    assert os.readlink(swept / "best") == f"members/{found['best']}"
    assert best["changes"]["generator_optimizer.learning_rate"] in (1e-3, 1e-2)
    table = (swept / "sweep.txt").read_text()
    rows = [line.split() for line in table.splitlines() if line[:1].isdigit()]
    assert [row[0] for row in rows[:2]] == [str(setting["setting"]) for setting in found["settings"]]
    assert float(rows[0][3]) == pytest.approx(means[0], rel=0.1) and rows[0][2] == "2"
    assert f"learning_rate: {RATES}" in table
    # Two seeds have their range, and no ± but with the evaluation's error.
    low, high = sorted(best["scores"]["reverse_kl"]["values"])
    assert f"{means[0]:.4g} ({low:.4g} to {high:.4g}, n = 2)" in table
    shares = [line for line in table.splitlines() if " ± " in line and "n = 2)" in line]
    assert "of fewer than 4 seeds with their range" in table and "high_quality" in table and shares
    _sweep(swept, population__grid=f"{RATES}=1e-3,1e-2")  # the same again
    assert "is finished" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"is a sweep; it has many runs; name one, such as .*/best"):
        runs.run("sample", None, {}, str(swept), {})
    # A mode of launch.py on the best, and the same numbers from --mode=evaluate on any.
    runs.run("sample", None, {}, str(swept / "best"), {"count": 7})
    samples = np.load(swept / "best/samples/sample_step_00000040_seed_0.npz")["samples"]
    assert len(samples) == 7
    np.testing.assert_array_equal(jaxgan.load(swept / "best").sample(7), samples)
    runs.run("evaluate", None, {}, str(swept / "members/002"), {})
    scores = json.loads((swept / "members/002/evaluation/step_00000040_seed_0.json").read_text())["scores"]
    assert {score["name"]: score["value"] for score in scores} == found["members"][2]["scores"]


def _copy(swept, tmp_path):
    shutil.copytree(swept, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


@pytest.mark.medium
def test_a_member_goes_on_alone(swept, tmp_path):
    copy = _copy(swept, tmp_path)
    rates = {f"{player}_optimizer.learning_rate": "1e-3" for player in ("generator", "discriminator")}
    runs.run("train", "configs/ring.py", TINY | rates | {"steps": "50"}, str(copy / "members/000"), {})
    assert (copy / "members/000/checkpoints/50").is_dir()


@pytest.mark.slow
def test_a_sweep_that_is_stopped_goes_on_bit_for_bit(swept, tmp_path, monkeypatch):
    for stop_at in (1, 2):

        class Stop(sweep_module.StopRequest):
            asked = 0

            @property
            def signal_name(self):
                type(self).asked += 1
                return "SIGTERM" if self.asked >= stop_at else None  # noqa: B023

            @signal_name.setter
            def signal_name(self, _):
                pass

        monkeypatch.setattr(sweep_module, "StopRequest", Stop)
        with pytest.raises(PreemptedError, match="stopped by SIGTERM") as error:
            _sweep(tmp_path, population__grid=f"{RATES}=1e-3,1e-2")
        assert error.value.exit_code == 75
    monkeypatch.undo()
    found = _sweep(tmp_path, population__grid=f"{RATES}=1e-3,1e-2")
    assert found == json.loads((swept / "sweep.json").read_text())
    for number in ("000", "001", "002", "003"):
        _same_run(tmp_path / "members" / number, swept / "members" / number)


@pytest.mark.medium
def test_a_member_is_trained_by_one_process_at_a_time(tmp_path, monkeypatch):
    """The lock is that of a run of its own: a sweep meets that of another process, and another process the sweep's."""
    (first,) = members = make_members(read_settings(_config(grid="steps=20"))[0], 1, tmp_path)
    read_data(members)
    trainer = lockstep_module.PopulationTrainer(members, StopRequest(), lambda _: None)
    place = str(first.directory.path)
    with sweep_module.RunDirectory(place), pytest.raises(UsageError, match="000 is in use; another process trains"):
        trainer.run(members, 20)

    def chunks(self, *_):
        with pytest.raises(UsageError, match="000 is in use"):
            sweep_module.RunDirectory(place)
        raise PreemptedError("stopped", "by the test", "go on")

    monkeypatch.setattr(lockstep_module.PopulationTrainer, "chunks", chunks)
    for _ in range(2):  # and unlocks it
        with pytest.raises(PreemptedError):
            trainer.run(members, 20)
    sweep_module.RunDirectory(place).close()


@pytest.mark.slow
def test_another_sweep_in_the_same_directory_is_refused(swept, tmp_path):
    copy = _copy(swept, tmp_path)
    before = (copy / "sweep.json").read_bytes()
    with pytest.raises(UsageError, match=r"population.grid: .* now, population.seeds: 2 there, 3 now"):
        _sweep(copy, population__grid="loss=hinge", population__seeds=3)
    with pytest.raises(UsageError, match=r"batch_size: 16 there, 17 now"):
        _sweep(copy, population__grid=f"{RATES}=1e-3,1e-2", batch_size=17)
    with pytest.raises(UsageError, match="has a run of its own"):
        _sweep(copy / "members/000")
    assert (copy / "sweep.json").read_bytes() == before
    # More steps, another score: it goes on.
    found = _sweep(copy, population__grid=f"{RATES}=1e-3,1e-2", population__score="-g_gradient_norm", steps=50)
    assert {m["step"] for m in found["members"]} == {50} and found["score"]["better"] == "lower"
    for member in found["members"]:
        lines = (copy / "members" / member["member"] / "metrics.jsonl").read_text().splitlines()
        assert member["scores"]["g_gradient_norm"] == json.loads(lines[-1])["g_gradient_norm"]


@pytest.mark.slow
def test_members_of_one_batched_step_agree_to_rounding(swept, tmp_path, monkeypatch):
    original = lockstep_module.distribute_population
    monkeypatch.setattr(
        lockstep_module, "distribute_population", lambda *a, **k: original(*a, **k, members="vmap")
    )  # fmt: skip
    monkeypatch.setattr(lockstep_module, "PER_CPU", 2)
    _sweep(tmp_path, population__grid=f"{RATES}=1e-3,1e-2")
    for number in ("000", "003"):
        expected = saved(swept / "members" / number)[0]
        for path, leaf in saved(tmp_path / "members" / number)[0].items():
            np.testing.assert_allclose(leaf, expected[path], atol=2e-5, err_msg=path)


@pytest.mark.slow
def test_a_diverged_member_does_not_end_the_sweep(swept, tmp_path, capsys):
    found = _sweep(tmp_path, population__grid=f"{RATES}=1e30,1e-3", population__seeds=1)
    assert [member["diverged"] is None for member in found["members"]] == [False, True]
    assert found["members"][0]["diverged"] <= 10 and found["members"][0]["step"] == 0
    assert [setting["setting"] for setting in found["settings"]] == [1, 0] and found["best"] == "001"
    good, bad = found["settings"]
    assert bad["scores"]["modes"] == {"mean": None, "standard_error": None, "values": [None], "errors": []}
    assert good["scores"]["modes"]["standard_error"] is None  # of one seed
    out = capsys.readouterr().out
    assert (
        "0 of 1" in out and "diverged: member 000 (setting 0, seed 0) at step" in out and "it has no checkpoint" in out
    )
    leaves, expected = (saved(path / "members" / n)[0] for path, n in ((tmp_path, "001"), (swept, "000")))
    assert all((leaves[path] == leaf).all() for path, leaf in expected.items())
    with pytest.raises(DivergedError, match="all members diverged"):
        _sweep(tmp_path / "all", population__grid=f"{RATES}=1e30", population__seeds=1)
    assert not (tmp_path / "all" / "best").exists() and (tmp_path / "all" / "sweep.txt").exists()


@pytest.mark.slow
def test_the_worse_half_is_given_up(tmp_path, monkeypatch, capsys):
    # Setting i has the forced scores of seeds 0 and 1: their means are 4, 1, 2 and 3, and lower is better.
    forced = [(4.0, 4.0), (0.0, 2.0), (3.0, 1.0), (3.0, 3.0)]
    monkeypatch.setattr(sweep_module.MemberScorer, "rank", lambda self, m: forced[m.setting][m.config["seed"]])
    grid = {"population__grid": f"{RATES}=1e-3,2e-3,3e-3,4e-3"}
    found = _sweep(tmp_path, **grid, population__halvings=2, steps=70)
    # It begins by saying what it is.
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("data           ring, examples [2], floats within") and " train " in said[1]
    names = ["loss", "training", "generator", "discriminator", "note", "members", "device", "written to"]
    first_words = [line[:13].strip() for line in said[2:]]
    first_words = [word for word in first_words if word]  # without the further lines of a long one
    assert first_words[: len(names)] == names
    assert "members        8: 4 settings with 2 seeds, in 1 compiled program" in said
    assert f"written to     {tmp_path}" in said
    # 70·1/7 = 10, 70·3/7 = 30.
    assert [(rung["step"], rung["kept"]) for rung in found["rungs"]] == [(10, [1, 2]), (30, [1])]
    assert [member["step"] for member in found["members"]] == [10, 10, 70, 70, 30, 30, 10, 10]
    assert [setting["setting"] for setting in found["settings"]][:2] == [1, 2]
    assert [setting["given_up"] for setting in found["settings"]] == [None, 30, 10, 10]
    assert found["best"] in ("002", "003")
    lines = (tmp_path / "members/000/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10]
    with pytest.raises(UsageError, match="steps: 70 there, 140 now"):
        _sweep(tmp_path, **grid, population__halvings=2, steps=140)
    with pytest.raises(UsageError, match="the rungs would end at 0, 10, 20"):
        _sweep(tmp_path / "short", **grid, population__halvings=2, steps=20)


# Ranks


def test_rungs_cost_the_same():
    assert rungs(700, 2, 10) == [100, 300, 700]  # 4 settings · 100 = 2 · 200 = 1 · 400
    assert rungs(1_000, 0, 1) == [1_000]
    assert rungs(1_000, 1, 50) == [350, 1_000]  # 333.3 to the nearest multiple of 50


def test_who_goes_on():
    lower, higher = Ranking("frechet", "frechet", "lower"), Ranking("recall", "precision_recall", "higher")
    scores = [[1.0, 3.0], [2.5, 0.5], [9.0, 9.0], [0.0, None], [2.0, 2.0]]
    assert survivors(lower, scores) == [0, 1, 4]  # 3 of 5; the fourth has a member without a score
    assert survivors(higher, scores) == [0, 2, 4]  # means 2, 1.5, 9, -, 2
    assert setting_order(lower, [None, 4.0, float("nan"), 2.0]) == (2, 3.0)
    assert setting_order(higher, [None]) == (1, float("inf"))


def test_mean_and_standard_error():
    assert summarise([None])[:3] == (None, None, [None]) and summarise([3.0])[:3] == (3.0, None, [3.0])
    # Of 1, 2, 6: mean 3, s² = (4 + 1 + 9)/2 = 7, standard error √(7/3).
    mean, error, values, errors = summarise([1.0, None, 2.0, 6.0])
    assert mean == 3 and values[1] is None and errors == []
    np.testing.assert_allclose(error, (7 / 3) ** 0.5)
    np.testing.assert_allclose(error, statistics.stdev([1, 2, 6]) / 3**0.5)
    # The evaluations' own, 1 and 5, of one test set: e² = (1 + 25)/2 = 13 beside s²/n = 2/2.
    assert summarise([4.0, 6.0], [1.0, 5.0]).standard_error == pytest.approx(14**0.5)
    assert summarise([3.0], [0.5]).standard_error == 0.5
    # Where one has none, it is not known.
    assert summarise([4.0, 6.0], [1.0, None]) == summarise([4.0, 6.0])
    assert summarise([4.0, None, 6.0], [1.0, None, 5.0]).standard_error == pytest.approx(14**0.5)


@pytest.mark.parametrize(
    ("values", "errors", "text", "percents"),
    [
        # s² = 20/3 of 2, 4, 6, 8, s/√4 = 1.29; with errors of 3, √(5/3 + 9) = 3.27.
        ([2.0, 4.0, 6.0, 8.0], [], "5.0 ± 1.3", "500.0 ± 129.1"),
        ([2.0, 4.0, 6.0, 8.0], [3.0] * 4, "5.0 ± 3.3", "500.0 ± 326.6"),
        # Two seeds: the range, and a ± only with the evaluation's error, √(1 + 9) = 3.16.
        ([4.0, 6.0], [], "5 (4 to 6, n = 2)", "500.0 (400.0 to 600.0, n = 2)"),
        ([4.0, 6.0], [3.0] * 2, "5.0 ± 3.2 (4.0 to 6.0, n = 2)", "500.0 ± 316.2 (400.0 to 600.0, n = 2)"),
        ([4.0, None, 6.0], [], "5 (4 to 6, n = 2 of 3)", "500.0 (400.0 to 600.0, n = 2 of 3)"),
        ([5.0], [], "5 (n = 1)", "500.0 (n = 1)"),
        ([5.0], [2.0], "5.0 ± 2.0 (n = 1)", "500.0 ± 200.0 (n = 1)"),
        ([2.0, 4.0, None, 6.0, 8.0], [], "5.0 ± 1.3 (n = 4 of 5)", "500.0 ± 129.1 (n = 4 of 5)"),
        ([7.0] * 4, [], "7 ± 0", "700.0 ± 0"),
        ([None, None], [], "-", "-"),
    ],
)
def test_a_score_over_seeds_as_tables_show_it(values, errors, text, percents):
    found = summarise(values, errors)
    assert (found.text(), found.text(1, 100)) == (text, percents)


@pytest.mark.slow
def test_scores_that_rank_are_those_of_the_evaluators(monkeypatch):
    features = Features("classifier", lambda x: (x.reshape(len(x), -1), x.reshape(len(x), -1)[:, :3]), batch=50)
    draw = np.random.default_rng(0)
    names, labels = ("train", "validation", "test", "me"), np.arange(60) % 3
    splits = [Examples(name, draw.random((60, 4, 4, 1), np.float32), features, labels=labels) for name in names]
    data, found = Data(*splits[:3], classes=3), {}
    for name, evaluator in EVALUATORS.items():
        # Nothing is better of `nearest` alone, where a copy of the data is nearest; the other one trains a classifier.
        if name not in ("nearest", "classification_accuracy"):
            scores = evaluator.run(splits[3], data, jax.random.key(0))
            found |= {s.name: (s.name, name, evaluator.scores.get(s.name)) for s in scores}
    ranked = {name: ranking for name, ranking in found.items() if ranking[2]}
    assert found.keys() - ranked.keys() == {"density", "within_class_diversity"}
    assert all(read_ranking(name) == ranking for name, ranking in ranked.items())
    listed = {score for evaluator in EVALUATORS.values() for score in evaluator.scores}
    assert listed == ranked.keys() | {"classification_accuracy"}
    assert ranked["frechet"][2] == ranked["reverse_kl"][2] == "lower" and ranked["recall"][2] == "higher"
    assert "density is none of" in read_ranking("density").replace("'", "")
    # An evaluator of the user's own ranks, too.
    mine = Evaluator(lambda samples, data, key: [], {"mine": "lower"})
    monkeypatch.setitem(EVALUATORS, "own", mine)
    assert read_ranking("mine") == ("mine", "own", "lower")


@pytest.mark.slow
def test_each_member_is_scored_by_its_own_task(tmp_path):
    grid = {"population__grid": "task=none,inference", "population__seeds": 1, "inference__widths": "(8,)"}
    grid |= {"inference__method": "joint_regressor", "inference__fit_steps": 5, "steps": 10}
    with pytest.raises(UsageError, match="cannot measure the run's task; task=none has no scores"):
        _sweep(tmp_path / "a", evaluation__metrics="modes,task", **grid)
    assert not list((tmp_path / "a").glob("members/*/checkpoints/*"))
    _sweep(tmp_path / "b", evaluation__metrics="auto", **grid)
    files = [json.loads(path.read_text())["task"] for path in sorted((tmp_path / "b").glob("members/*/evaluation/*"))]
    assert [found["name"] for found in files] == ["none", "inference"]
    assert files[0]["scores"] == [] and "regressor" in files[1]["scores"][0]["values"]


def test_metrics_that_rank_are_those_of_every_line(swept):
    line = json.loads((swept / "members/000/metrics.jsonl").read_text().splitlines()[-1])
    assert set(METRICS) == set(line) - {"step", "epoch"}
    assert read_ranking("-g_loss") == ("g_loss", "", "lower") and read_ranking("d_accuracy").better == "higher"
    assert read_ranking("auto") == ("sliced_wasserstein", "sliced_wasserstein", "lower")
    directory = sweep_module.RunDirectory(str(swept / "members/000"), create=False)
    assert metric_at(directory, "d_loss", 40) == line["d_loss"] != metric_at(directory, "d_loss", 39)
    assert metric_at(directory, "d_loss", 9) is None


def test_the_picture_shows_every_seed_and_the_mean():
    rows = [
        figures.SpreadRow("a", 2.0, 0.5, [1.5, 2.5, None]),
        figures.SpreadRow("b\ngiven up", None, None, [None] * 3),
    ]
    one, two = figures.spread(rows[:1], title="score"), figures.spread(rows, title="score", reference=1.0)
    assert one.shape[1:] == two.shape[1:] == (800, 3) and two.shape[0] > one.shape[0]

    def count(picture, color):
        near = np.abs(picture.astype(int) - np.array(color)).max(-1) <= 2
        columns = np.flatnonzero(near.any(0))
        return (np.diff(columns) > 1).sum() + 1 if len(columns) else 0

    assert count(one, (0x6B, 0xAE, 0xD6)) == 3  # two seeds, and the one in the legend
    finite = figures.spread([rows[0]._replace(values=[1.5, 2.5])], title="score")
    assert (finite != one).sum() > 100  # "1 diverged"
    assert (figures.spread(rows[:1], title="score", reference=2.2) != one).sum() > 100
    with pytest.raises(ValueError, match="no settings"):
        figures.spread([], title="score")


# From the command line


def test_a_cpu_gets_a_device_for_each_core_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    devices.use_all_cores()
    assert os.environ["XLA_FLAGS"] == ""  # JAX has started already
    monkeypatch.delitem(sys.modules, "jax")
    devices.use_all_cores()
    both = "--xla_cpu_multi_thread_eigen=false --xla_force_host_platform_device_count=3"
    assert os.environ["XLA_FLAGS"] == both
    devices.use_all_cores()
    assert os.environ["XLA_FLAGS"] == both
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    devices.use_all_cores()
    assert os.environ["XLA_FLAGS"].split() == [
        "--xla_force_host_platform_device_count=8",
        "--xla_cpu_multi_thread_eigen=false",
    ]
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "2")
    devices.use_all_cores()
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_multi_thread_eigen=false"


@pytest.mark.slow
def test_launch_answers_a_mistake_with_one_line():
    arguments = ["--mode=sweep", "--config=configs/ring.py", "--workdir=x", "--config.population.grid=los=a;seed=3"]
    result = subprocess.run([sys.executable, "launch.py", *arguments], capture_output=True, text=True)
    assert result.returncode == 2 and len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "los is not a field; did you mean loss?" in result.stderr and not pathlib.Path("x").exists()


@pytest.mark.slow
def test_a_sweep_that_is_killed_at_random_ends_the_same(tmp_path):
    choose = random.Random(3)
    fields = TINY | {"steps": "3000", "checkpoint_every": "500", "log_every": "50", "sample_every": "500"}
    fields |= {"population.grid": "generator_optimizer.learning_rate=1e-3,1e30,1e-4,3e-4", "population.halvings": "1"}

    def start(workdir):
        command = [sys.executable, "launch.py", "--mode=sweep", "--config=configs/ring.py", f"--workdir={workdir}"]
        return subprocess.Popen([*command, *(f"--config.{name}={value}" for name, value in fields.items())])

    assert start(tmp_path / "whole").wait() == 0
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        process, killed = start(tmp_path / "killed"), tmp_path / "killed" / "members"
        before = sum(len(p.read_bytes()) for p in killed.glob("*/metrics.jsonl"))
        wanted = before + choose.randint(1_000, 20_000)
        while process.poll() is None and sum(len(p.read_bytes()) for p in killed.glob("*/metrics.jsonl")) < wanted:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait() in (-number, 75)
    assert start(tmp_path / "killed").wait() == 0
    assert (tmp_path / "killed/sweep.json").read_bytes() == (tmp_path / "whole/sweep.json").read_bytes()
    for path in sorted((tmp_path / "whole" / "members").iterdir()):
        other = tmp_path / "killed" / "members" / path.name
        assert (other / "metrics.jsonl").read_bytes() == (path / "metrics.jsonl").read_bytes()
        if (path / "checkpoints" / "1000").is_dir():
            (leaves, _), (expected, _) = saved(other), saved(path)
            assert all((leaves[name] == leaf).all() for name, leaf in expected.items())
