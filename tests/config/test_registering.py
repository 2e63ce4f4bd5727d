"""A user's own entries in every table: each is one function with a field of its own, and one line of a table."""

import json

import jax
import pytest

import jaxgan
from jaxgan import runs
from jaxgan.config import build, command_line, problems_of, schema
from jaxgan.config.build import DataFacts
from jaxgan.errors import UsageError

MODULE = """
import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from configs import ring
from jaxgan.datasets import Dataset, Split
from jaxgan.evaluation import Evaluator
from jaxgan.evaluation.base import feature_score
from jaxgan.losses import check_logits
from jaxgan.tasks import Task


def powers(*, power: chex.Numeric = 3.0):
    def half(real_logits, fake_logits):
        check_logits(real_logits, fake_logits)
        return (jnp.abs(real_logits - 1) ** power + jnp.abs(fake_logits + 1) ** power).mean()

    return jaxgan.Loss(half, lambda real_logits, fake_logits: half(fake_logits, real_logits))


def flat(weight, *, target: chex.Numeric = 0.0):
    return lambda critic, real, fake, key: weight * jnp.square(critic(real) - critic(fake) - target).mean()


def drift(weight, *, center: chex.Numeric = 0.0):
    return jaxgan.Term(lambda inputs: weight * jnp.square(inputs.real_output.logits - center).mean())


def box(dim, *, half_width: float = 1.0):
    draw = jax.random.uniform
    return jaxgan.Latent(lambda key, count: draw(key, (count, dim), minval=-half_width, maxval=half_width), dim)


def signs(learning_rate, *, shrink: chex.Numeric = 0.0):
    signs = optax.chain(optax.scale_by_sign(), optax.add_decayed_weights(shrink))
    return optax.chain(signs, optax.scale_by_learning_rate(learning_rate))


def shallow(*, output_shape, widths, output="linear", means=None, gain: float = 1.0):
    network = jaxgan.NETWORKS["mlp"](output_shape=output_shape, widths=widths[:1], output=output, means=means)

    def apply(variables, inputs, **options):
        return network.apply(variables, gain * inputs, **options)

    return network._replace(apply=apply)


def cross(*, examples: int = 200, arm: float = 1.0, seed: int = 0):
    def split(count, number):
        draws = np.random.default_rng([seed, number]).normal(0, [[arm, 0.1]], (count, 2))
        return Split(np.float32(np.where(np.arange(count)[:, None] % 2, draws, draws[:, ::-1])))

    return Dataset("cross", split(examples, 0), split(50, 1), split(100, 2), (2,))


def spread(samples, data, key, *, scale: float = 1.0):
    value = scale * float(samples.rows.std())
    return [feature_score("spread", value, None, samples, data, details={})]


def shifted(*, example_shape, latent, shift: chex.Numeric = 0.0):
    return Task(terms=(jaxgan.Term(None, lambda inputs: shift * inputs.fake_output.logits.mean()),))


jaxgan.LOSSES["powers"] = powers
jaxgan.PENALTIES["flat"] = flat
jaxgan.TERMS["drift"] = drift
jaxgan.LATENTS["box"] = box
jaxgan.OPTIMIZERS["signs"] = signs
jaxgan.NETWORKS["shallow"] = shallow
jaxgan.DATASETS["cross"] = cross
jaxgan.EVALUATORS["spread"] = Evaluator(spread, scores={"spread": "higher"})
jaxgan.TASKS["shifted"] = shifted


def get_config(platform=""):
    config = ring.get_config(platform)
    config.loss, config.task, config.mapping = "powers", "shifted", "jit"
    config.latent.name, config.latent.dim = "box", 3
    config.generator_optimizer.name = "signs"
    config.discriminator.network = "shallow"
    config.dataset.name, config.dataset.examples = "cross", 100
    config.generator.widths, config.discriminator.widths = (8,), (8, 8)
    config.penalties.flat, config.terms.drift = 0.1, 0.1
    config.evaluation.metrics, config.evaluation.samples = ("spread",), 50
    config.steps, config.batch_size, config.alarms.patience = 20, 16, 0
    config.log_every, config.sample_every, config.sample_count, config.checkpoint_every = 10, 20, 20, 10
    config.population.seeds = 1
    return config
"""

OWN = {
    "loss_options.power": 3.0,
    "penalties.flat_target": 0.0,
    "terms.drift_center": 0.0,
    "latent.half_width": 1.0,
    "generator_optimizer.shrink": 0.0,
    "discriminator.gain": 1.0,
    "dataset.arm": 1.0,
    "evaluation.spread_scale": 1.0,
    "shifted.shift": 0.0,
}
"""The fields that the entries bring along, with the defaults of their signatures."""

TABLES = {
    "LOSSES": "powers",
    "PENALTIES": "flat",
    "TERMS": "drift",
    "LATENTS": "box",
    "OPTIMIZERS": "signs",
    "NETWORKS": "shallow",
    "DATASETS": "cross",
    "EVALUATORS": "spread",
    "TASKS": "shifted",
}


@pytest.fixture
def location(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    yield str(path)
    _forget()


def _forget():
    for table, name in TABLES.items():
        getattr(jaxgan, table).pop(name, None)


def _logged(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_their_fields_are_there_with_the_defaults_of_their_signatures(location):
    config = command_line.load_config(location)
    assert {name: schema.value_of(config, name) for name in OWN} == OWN
    assert problems_of(config) == []
    wrong = dict.fromkeys(OWN, "many")
    assert [problem.field for problem in command_line.override(config, wrong)] == list(OWN)
    mistyped = command_line.override(config, {f"{name}s": "1" for name in OWN})
    for problem, name in zip(mistyped, OWN, strict=True):
        assert problem.text.startswith(f"{name}s is not a field; did you mean {name}")


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("loss", "powers"),
        ("latent.name", "box"),
        ("generator_optimizer.name", "signs"),
        ("discriminator.network", "shallow"),
        ("dataset.name", "cross"),
        ("evaluation.metrics", "spread"),
        ("task", "shifted"),
        ("population.score", "spread"),
    ],
)
def test_a_mistyped_name_is_answered_with_theirs(location, tmp_path, field, entry):
    changes = {field: f"{entry}x"}
    with pytest.raises(UsageError, match=rf"{field}: '{entry}x' is none of .*; did you mean .*{entry}"):
        runs.run("sweep", location, changes, str(tmp_path / "run"), {})


@pytest.mark.medium
def test_they_train_evaluate_sample_and_resume_bit_for_bit(location, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    runs.run("train", location, {}, str(whole), {})
    runs.run("train", location, {"steps": "10"}, str(parts), {})
    runs.run("train", location, {}, str(parts), {})
    assert [line | {"steps_per_second": 0} for line in _logged(parts)] == [
        line | {"steps_per_second": 0} for line in _logged(whole)
    ]
    with pytest.raises(UsageError, match=r"loss_options.power: 3.0 there, 2.5 now"):
        runs.run("train", location, {"loss_options.power": "2.5"}, str(parts), {})

    def spread(overrides):
        runs.run("evaluate", location, overrides, str(whole), {})
        report = json.loads((whole / "evaluation" / "step_00000020_seed_0.json").read_text())
        return {score["name"]: score["value"] for score in report["scores"]}["spread"]

    plain = spread({})
    assert spread({"evaluation.spread_scale": "2"}) == pytest.approx(2 * plain, rel=1e-6)
    runs.run("sample", location, {}, str(whole), {"count": 5})
    assert (whole / "samples" / "sample_step_00000020_seed_0.npz").exists()
    _forget()  # as another process does not know them
    with pytest.raises(UsageError, match=r"loss: 'powers' is none of .*; if a config's file adds that .*--config=FILE"):
        runs.run("sample", None, {}, str(whole), {"count": 5, "seed": 1})


@pytest.mark.slow  # eight programs
def test_each_field_reaches_the_training(location, tmp_path):
    def first_line(name, **changes):
        short = {
            "steps": "2",
            "log_every": "2",
            "sample_every": "2",
            "checkpoint_every": "2",
            "evaluation.metrics": "auto",
        }
        runs.run("train", location, short | changes, str(tmp_path / name), {})
        line = _logged(tmp_path / name)[0]
        return line["d_loss"], line["g_loss"]

    plain = first_line("plain")
    for i, name in enumerate(name for name in OWN if not name.startswith("evaluation")):
        assert first_line(f"other_{i}", **{name: "2.5"}) != plain, name


@pytest.mark.slow
def test_a_sweep_varies_their_fields_and_is_ranked_by_their_score(location, tmp_path):
    fields = [name for name in OWN if not name.startswith("evaluation")]
    drawn = "; ".join(f"{name}=uniform(1.5,2.5)" for name in fields)
    sweep = {"population.random": drawn, "population.draws": "2", "population.score": "spread", "steps": "10"}
    runs.run("sweep", location, sweep, str(tmp_path / "sweep"), {})
    found = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert [set(setting["changes"]) for setting in found["settings"]] == [set(fields)] * 2
    values = [member["scores"]["spread"] for member in found["members"]]
    best = (tmp_path / "sweep" / "best").resolve().name
    assert best == f"{values.index(max(values)):03d}"
    # A member is bit for bit the run alone: the same command with its values.
    alone = {name: str(value) for name, value in found["settings"][0]["changes"].items()} | {"steps": "10"}
    runs.run("train", location, alone, str(tmp_path / "alone"), {})
    member = tmp_path / "sweep" / "members" / "000"
    drop = {"steps_per_second": 0}
    assert [line | drop for line in _logged(member)] == [line | drop for line in _logged(tmp_path / "alone")]
    with pytest.raises(UsageError, match="evaluation.spread_scale does not touch the training"):
        runs.run("sweep", location, {"population.grid": "evaluation.spread_scale=1,2"}, str(tmp_path / "no"), {})


def test_an_entry_without_a_default_says_which_field_is_missing(monkeypatch):
    monkeypatch.setitem(jaxgan.LATENTS, "ranked", lambda dim, rank: jaxgan.LATENTS["normal"](dim * rank))
    monkeypatch.setitem(jaxgan.TASKS, "mine", lambda *, example_shape, latent, strength: None)
    config = schema.complete({"latent": {"name": "ranked"}, "task": "mine", "mine": {"strenght": 1.0}})
    assert sorted(map(str, problems_of(config))) == [
        "latent.rank is missing; latent.name=ranked needs it",
        "mine.strenght is not a field; did you mean mine.strength?",
        "mine.strength is missing; task=mine needs it",
    ]
    assert command_line.override(config, {"latent.rank": "2"}) == []
    assert build(schema.complete({"latent": {"name": "ranked", "rank": 2}}), DataFacts((2,), 10)).latent.dim == 200


@pytest.mark.slow
def test_the_same_optimizer_under_another_name_trains_also_under_strict_type_promotion(monkeypatch, tmp_path):
    monkeypatch.setitem(jaxgan.OPTIMIZERS, "mine", jaxgan.OPTIMIZERS["adam"])
    short = {"steps": "2", "log_every": "2", "sample_every": "2", "checkpoint_every": "2", "alarms.patience": "0"}
    logged = []
    for name in ("mine", "adam"):
        changes = {"generator_optimizer.name": name, "generator_optimizer.b1": "0.3"}
        with jax.numpy_dtype_promotion("strict" if name == "mine" else "standard"):
            runs.run("train", "configs/ring.py", short | changes, str(tmp_path / name), {})
        logged.append([line | {"steps_per_second": 0} for line in _logged(tmp_path / name)])
    assert logged[0] == logged[1]
