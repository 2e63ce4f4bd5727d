"""Pictures from pictures: the views by hand, the terms, steps on one device and on many, scores, and a run."""

import functools
import json
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from configs import cyclegan, pix2pix
from jaxgan import runs
from jaxgan.config import DataFacts, build, complete
from jaxgan.datasets import order
from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation.frechet import frechet_distance
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.terms import l1, l2, perceptual
from jaxgan.networks import NETWORKS
from jaxgan.parallel import distribute
from jaxgan.runs import export
from jaxgan.runs.data import conditions_of_data, read_inputs
from jaxgan.runs.evaluate import evaluation as evaluation_module
from jaxgan.tasks import TASKS, ScoreInputs, Scores
from jaxgan.tasks.base import prepared
from jaxgan.tasks.translation import VIEWS, Unpaired, cycling, grey, measure, outline, small
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Network, TermInputs
from tests.games import difference
from tests.selected import slow_but
from tests.small_runs import OF_A_FILE, assert_same_run
from tests.tasks.test_tasks import problem_texts

KEY = jax.random.key(0)
SHAPE = (8, 8, 3)
LATENT = LATENTS["normal"](3)


def test_views_by_hand():
    colours = jnp.array([[[[1.0, 0, 0], [0, 1.0, 0]], [[0, 0, 1.0], [1.0, 1.0, 1.0]]]])
    np.testing.assert_allclose(grey(colours)[0, ..., 0], [[0.299, 0.587], [0.114, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(grey(colours[..., :1]), colours[..., :1])
    # Means of red: (1 + 0 + 0 + 1)/4, of green and blue likewise.
    np.testing.assert_allclose(small(colours, factor=2), np.full((1, 2, 2, 3), 0.5))
    # The larger step to the right or below: .25, 1 | .75, 0; then 2·step − 1, at most 1.
    image = jnp.array([[[[0.0], [0.25]], [[0.0], [-0.75]]]])
    np.testing.assert_allclose(outline(image)[0, ..., 0], [[-0.5, 1.0], [0.5, -1.0]])


def _task(view="outline", **options):
    return TASKS["translation"](example_shape=SHAPE, latent=LATENT, view=view, factor=2, **options)


def test_given_views_are_the_conditions_of_the_examples():
    views = jax.random.uniform(jax.random.key(2), (2, 8, 8, 8, 2))
    shape = {"condition_shape": (8, 8, 2)}
    assert _task("given", **shape).prepare(None, TWO | {"condition": views})["condition"] is views
    condition = _task("given", **shape, cycle=1.0).prepare(None, TWO | {"condition": views})["condition"]
    np.testing.assert_array_equal(condition.images, TWO["real"])
    np.testing.assert_array_equal(condition.views, views[::-1])
    for wrong in (None, (8, 7, 2), (64,)):
        with pytest.raises(ValueError, match=r"given views must be as high and wide as the examples \[8, 8, 3\]"):
            _task("given", condition_shape=wrong)


def test_given_views_need_the_conditions_of_the_data():
    config = pix2pix.get_config()
    config.translation.view = "given"
    said = problem_texts(config)
    assert any("translation.view=given reads the data's conditions; set condition=vectors" in t for t in said)
    config.condition, config.dataset.range = "vectors", "unit"
    assert any("dataset.range=unit: given views run from -1 to 1" in text for text in problem_texts(config))
    config.dataset.range = "symmetric"
    assert not problem_texts(config)
    config.dataset.mirror = True
    assert any("dataset.mirror turns the example and not its view" in text for text in problem_texts(config))
    config.translation.view = "givn"
    assert any("did you mean given" in text for text in problem_texts(config))


def _parts(**options):
    task = _task(options.pop("view", "outline"))
    return task, {
        "generator": NETWORKS["pix2pix"](output_shape=SHAPE, widths=(3, 4), output="tanh", normalization="instance"),
        "discriminator": task.discriminator(NETWORKS["pix2pix"](widths=(3, 4), normalization="instance"), None),
        "latent": LATENT,
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": optax.sgd(0.1),
    }


def _start(task, parts):
    example = jnp.zeros((2, *SHAPE))
    return jax.jit(lambda key: init_state(key, **parts, example=example, condition=task.condition(2)))(KEY)


BATCH = {"real": jax.random.uniform(jax.random.key(1), (1, 8, *SHAPE), minval=-1)}


@pytest.mark.parametrize("view", VIEWS)
def test_both_players_see_the_view_of_each_example(view):
    task = _task(view)
    prepared_batch = task.prepare(None, BATCH)
    see = functools.partial(small, factor=2) if view == "small" else VIEWS[view]
    np.testing.assert_array_equal(prepared_batch["condition"][0], see(BATCH["real"][0]))
    assert task.condition(5).shape == (5, *prepared_batch["condition"].shape[2:])
    network = task.discriminator(NETWORKS["pix2pix"](widths=(3, 4)), None)
    views = prepared_batch["condition"][0]
    variables = network.init(KEY, BATCH["real"][0], condition=views)
    judge = jax.jit(lambda c: network.apply(variables, BATCH["real"][0], condition=c)[0])
    assert np.abs(judge(views) - judge(-views)).max() > 1e-6


def test_terms_by_hand():
    real, fake = jnp.array([[1.0, 2.0], [0.0, 4.0]]), jnp.array([[0.0, 2.0], [3.0, 2.0]])
    inputs = TermInputs(None, None, None, None, LATENT, real=real, fake=fake)
    # Differences 1, 0, −3 and 2. Of the features x² and Σx: 1, 0, −9, 12 and 1, −1.
    np.testing.assert_allclose(l1(2.0).generator(inputs), 2 * (1 + 3 + 2) / 4)
    np.testing.assert_allclose(l2(2.0).generator(inputs), 2 * (1 + 9 + 4) / 4)
    term = perceptual(lambda x: {"square": x**2, "sum": x.sum(1)}, 2.0)
    np.testing.assert_allclose(term.generator(inputs), 2 * ((1 + 81 + 144) / 4 + (1 + 1) / 2))
    assert l1().discriminator is None and l1().pairs


def test_the_generators_term_is_of_the_batchs_examples():
    task, parts = _parts()
    parts["generator"] = Network(
        lambda key, inputs, condition=None: {"params": {"x": jnp.array(0.25)}},
        lambda v, z, **_: (jnp.broadcast_to(v["params"]["x"], (len(z), *SHAPE)), {}),
    )
    step = jax.jit(make_train_step(**parts, loss=LOSSES["hinge"], terms=[l1(2.0)]))
    _, metrics = step(_start(task, parts), task.prepare(None, BATCH))
    np.testing.assert_allclose(metrics["g_terms"], 2 * np.abs(np.asarray(BATCH["real"]) - 0.25).mean(), rtol=1e-5)
    assert "d_terms" not in metrics


def test_conditions_of_their_own_leave_nothing_to_compare():
    task, parts = _parts()
    prior = lambda key, count: task.condition(count)  # noqa: E731
    with pytest.raises(ValueError, match="a term compares examples with those generated under their conditions"):
        make_train_step(**parts, loss=LOSSES["hinge"], terms=[l1(1.0)], condition_prior=prior)


@pytest.mark.medium
@pytest.mark.parametrize("mapping", slow_but(["pmap"], ["pmap", "shard_map"]))
def test_four_devices_train_as_one_does(mapping):
    task, parts = _parts()

    def factory(axis_name=None):
        step = make_train_step(
            **parts, loss=LOSSES["relativistic_average"], terms=[l1(1.0)], axis_name=axis_name, average_decay=0.9
        )
        return prepared(step, task, axis_name)

    state = jax.jit(
        lambda key: init_state(key, **parts, example=jnp.zeros((2, *SHAPE)), condition=task.condition(2), average=True)
    )(KEY)
    one, _ = jax.jit(factory())(state, BATCH)
    step, place_state, place_batch = distribute(factory, devices=jax.devices()[:4], mapping=mapping)
    many, _ = step(place_state(state), place_batch(BATCH))
    assert difference(one, many) < 1e-5


def test_what_does_not_suit_is_told():
    with pytest.raises(ValueError, match=r"a view is of images \[height, width, channels\], and examples are \[2\]"):
        TASKS["translation"](example_shape=(2,), latent=LATENT)
    with pytest.raises(ValueError, match=r"sides of \[8, 8\] pixels do not divide by the factor 3"):
        TASKS["translation"](example_shape=SHAPE, latent=LATENT, view="small", factor=3)
    config = pix2pix.get_config()
    assert not problem_texts(config)
    config.augmentation.names, config.sampling.method, config.condition = ("translation",), "rejection", "labels"
    said = problem_texts(config)
    for part in ("translation would move the example and not its view", "rejection: not of task=translation yet"):
        assert any(part in text for text in said), said
    assert any("condition=labels does not go with task=translation" in text for text in said)
    config = pix2pix.get_config()
    config.task = "none"
    assert any("terms.l1 compares an example with the one made under its condition" in t for t in problem_texts(config))
    config = pix2pix.get_config()
    config.translation.view = "outlines"
    assert any("did you mean outline" in text for text in problem_texts(config))
    with pytest.raises(UsageError, match="task=translation does not suit the data; a view is of images"):
        build(pix2pix.get_config(), DataFacts((2,), 100))


def test_scores_of_given_views():
    views = np.random.default_rng(1).uniform(-1, 1, (60, 4, 4, 1)).astype(np.float32)
    given = {"train_conditions": views[:40], "test_conditions": views[40:]}
    seen = []

    def generate(z, condition):
        seen.append(np.asarray(condition))
        return np.zeros((10, 4, 4, 3), np.float32)

    scores, _, inputs = _scores(generate, "given", **given)
    example_key, _ = jax.random.split(KEY)
    chosen = np.sort(np.asarray(jax.random.permutation(example_key, 20))[:10])
    assert set(scores) == {"rmse_best", "rmse_mean"} and len(seen) == 3
    np.testing.assert_array_equal(seen[0], views[40:][chosen])
    # The training examples whose views are nearest, by hand.
    apart = np.square(views[40:][chosen][:, None] - views[None, :40]).sum((2, 3, 4))
    nearest = inputs.train[apart.argmin(1)]
    error = np.sqrt(np.square((nearest - inputs.test[chosen]) / 2).mean((1, 2, 3))).mean()
    assert scores["rmse_mean"].baselines["nearest"].value == pytest.approx(error, rel=1e-5)


def _scores(generate, view="small", symmetric=True, **options):
    rng = np.random.default_rng(0)
    examples = rng.uniform(-1, 1, (60, 4, 4, 3)).astype(np.float32)
    examples = examples if symmetric else (examples + 1) / 2
    see = functools.partial(small, factor=2) if view == "small" else VIEWS.get(view)
    inputs = ScoreInputs(
        generate=generate,
        latent=LATENT,
        train=examples[:40],
        test=examples[40:],
        test_labels=np.zeros(20, int),
        unit=(lambda x: (x + 1) / 2) if symmetric else (lambda x: x),
        key=KEY,
        **({"classify": None} | options),
    )
    found = measure(inputs, see, draws=3, examples=10, factor=2 if view == "small" else 1)
    return {score.name: score for score in found.scores}, found.notes, inputs


def test_scores_of_a_generator_that_returns_the_view():
    scores, notes, _ = _scores(lambda z, views: np.asarray(views))
    assert {"rmse_best", "rmse_mean", "view rmse"} == set(scores) and any("accuracy" in note for note in notes)
    for name in ("rmse_best", "rmse_mean"):
        baselines = scores[name].baselines
        assert scores[name].value == pytest.approx(baselines["view itself"].value, rel=1e-6)
        assert set(baselines) == {"nearest", "k nearest", "view itself", "bicubic"}
    # The view of the view is the view, and the nearest example's is another one.
    assert (
        scores["view rmse"].value == pytest.approx(0, abs=1e-6) and scores["view rmse"].baselines["nearest"].value > 0.1
    )
    # Uniform values within squares of 2 × 2: 3/4 of the variance 1/12 is left, of images in [0, 1].
    assert scores["rmse_mean"].value == pytest.approx((0.75 / 12) ** 0.5, rel=0.05)


@pytest.mark.parametrize("view", VIEWS)
def test_scores_do_not_depend_on_the_range_of_the_data(view):
    found = []
    for symmetric, black in ((True, -1.0), (False, 0.0)):
        scores, _, _ = _scores(lambda z, views, black=black: np.full((10, 4, 4, 3), black), view, symmetric)
        found.append([scores[name].value for name in ("rmse_best", "view rmse")])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_scores_of_a_generator_that_knows_the_answer_in_one_draw():
    calls = []

    def generate(z, views):
        calls.append(z)
        return answers if len(calls) == 2 else np.zeros_like(answers)

    rng = np.random.default_rng(0)
    examples = rng.uniform(-1, 1, (60, 4, 4, 3)).astype(np.float32)[40:]
    example_key, _ = jax.random.split(KEY)
    answers = examples[np.sort(np.asarray(jax.random.permutation(example_key, 20))[:10])]
    scores, _, _ = _scores(generate, "grey", classify=lambda images: (np.abs(images).sum((1, 2, 3)) == 0).astype(int))
    assert scores["rmse_best"].value == pytest.approx(0, abs=1e-6)
    # Two of three draws are black in [−1, 1], grey in [0, 1].
    errors = np.sqrt(np.square(answers / 2).mean((1, 2, 3)))
    assert scores["rmse_mean"].value == pytest.approx(2 / 3 * errors.mean(), rel=1e-5)
    # All labels are 0: the classifier takes the zeros for 1 in two draws of three.
    assert scores["accuracy"].value == pytest.approx(1 / 3) and scores["accuracy"].baselines["real data"].value == 1
    assert "bicubic" not in scores["rmse_best"].baselines


def test_the_frechet_distance_is_of_the_first_draws_in_the_features():
    features = lambda images: images.reshape(len(images), -1)[:, :2]  # noqa: E731
    calls = []

    def generate(z, views):
        calls.append(views)
        return np.asarray(views) / len(calls)

    scores, notes, inputs = _scores(generate, "small", features=features)
    example_key, _ = jax.random.split(KEY)
    tested = inputs.test[np.sort(np.asarray(jax.random.permutation(example_key, 20))[:10])]
    found, wanted = scores["frechet"], frechet_distance(features(np.asarray(calls[0])), features(tested))
    assert found.value == pytest.approx(wanted, rel=1e-6) and found.value > 0
    assert found.baselines["view itself"].value == pytest.approx(wanted, rel=1e-6)
    assert set(found.baselines) == {"nearest", "view itself", "bicubic", "real data"}
    assert not any("frechet, for which" in note for note in notes)


def test_samples_that_are_scored_have_the_views_of_training_examples():
    config = pix2pix.get_config()
    config.dataset.max_examples = 40
    inputs = read_inputs(complete(config))
    experiment = build(config, inputs.facts)
    found = conditions_of_data(experiment, inputs, 7)
    chosen = order.subset("conditions", len(inputs.dataset.train), 7)
    wanted = VIEWS["outline"](inputs.range.scale(inputs.dataset.train.take(chosen)))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    lent = experiment.replace(conditions=found)
    np.testing.assert_array_equal(lent.condition(9)[7:], found[:2])
    np.testing.assert_array_equal(lent.condition(2, first=8), found[1:3])
    assert not np.any(experiment.condition(2))


@pytest.mark.medium
@pytest.mark.parametrize(
    ("config", "view"),
    [
        ("pix2pix", "outline"),
        pytest.param("pix2pix", "given", marks=pytest.mark.slow),
        pytest.param("cyclegan", "grey", marks=pytest.mark.slow),
        pytest.param("cyclegan", "given", marks=pytest.mark.slow),
    ],
)
def test_a_run_resumes_is_scored_and_shown(config, view, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images, conditions = (rng.integers(0, 256, (80, 8, 8, channels), np.uint8) for channels in (3, 1))
    given = {"conditions": conditions[..., 0]} if view == "given" else {}
    np.savez(tmp_path / "images.npz", examples=images, **given)
    fields = {"translation.view": view, "condition": "vectors" if given else "none"}
    fields |= OF_A_FILE | {"dataset.name": "npz", "dataset.path": str(tmp_path / "images.npz"), "schedules": ""}
    fields |= {"generator.widths": "(3, 4)", "discriminator.widths": "(3, 4)", "steps": "20", "log_every": "5"}
    fields |= {
        "checkpoint_every": "10",
        "sample_every": "10",
        "sample_count": "20",
        "dataset.validation_examples": "10",
    }
    fields |= {"translation.examples": "8", "translation.draws": "3", "translation.cycle_widths": "(3, 4)"}
    runs.run("train", f"configs/{config}.py", fields, str(tmp_path / "whole"), {})
    runs.run("train", f"configs/{config}.py", fields | {"steps": "10"}, str(tmp_path / "parts"), {})
    runs.run("train", f"configs/{config}.py", fields, str(tmp_path / "parts"), {})
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    runs.run("evaluate", None, {"evaluation.metrics": "task"}, str(tmp_path / "whole"), {})
    report = json.loads((tmp_path / "whole" / "evaluation" / "step_00000020_seed_0.json").read_text())
    of_view = set() if given else {"view rmse"}
    assert {score["name"] for score in report["task"]["scores"]} == {"rmse_best", "rmse_mean"} | of_view
    runs.run("sample", None, {}, str(tmp_path / "whole"), {"count": 6})
    with np.load(tmp_path / "whole" / "samples" / "sample_step_00000020_seed_0.npz") as arrays:
        assert arrays["originals"].shape == (2, 8, 8, 3) and arrays["views"].shape == (2, 8, 8, 1)
        originals, views = arrays["originals"], arrays["views"]
    if given:  # each row's view is that of its example
        for original, seen in zip(originals, views, strict=True):
            (index,) = np.flatnonzero((np.abs(images / 127.5 - 1 - original) < 1e-5).all((1, 2, 3)))
            np.testing.assert_allclose(seen, conditions[index] / 127.5 - 1, atol=1e-5)
    with pytest.raises(
        UsageError, match=r"--condition=0; the condition is a picture \[8, 8, 1\]; leave it out; in Python"
    ):
        runs.run("sample", None, {}, str(tmp_path / "whole"), {"condition": "0"})
    gan = jaxgan.load(tmp_path / "whole")
    own = gan.sample(4, condition=views)
    assert own.shape == (4, 8, 8, 3) and np.abs(own - gan.sample(4)).max() > 1e-3
    np.testing.assert_allclose(gan.sample(2, condition=views[1]), gan.sample(2, condition=views[[1, 1]]))
    for wrong in (0, views[..., 0], np.zeros((2, 8, 8, 1), np.uint8)):
        with pytest.raises(
            UsageError, match=r"the condition is a picture \[8, 8, 1\] of floats, and this is \w+ \[.*; give a"
        ):
            gan.sample(2, condition=wrong)
    # A page lets choose among pictures of the data, if that is there.
    pages = []
    monkeypatch.setattr(export, "to_page", lambda *_, **about: pages.append(about["vector"]) or "")
    monkeypatch.setattr(export, "find_engine", lambda _: tmp_path)
    jaxgan.export(tmp_path / "whole", forms="html")
    assert pages[0].shape == (12, 8, 8, 1)
    (tmp_path / "images.npz").unlink()
    jaxgan.export(tmp_path / "whole", forms="html")
    assert not pages[1].any() if given else pages[1] is None
    with pytest.raises(DataError, match=r"; give the data's place by --config.dataset.path$"):
        runs.run("sample", None, {}, str(tmp_path / "whole"), {})


def test_given_views_are_those_of_the_scored_part_and_in_the_range(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (80, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "images.npz", examples=images, conditions=images[..., 0])
    config = pix2pix.get_config()
    fields = {"dataset.name": "npz", "dataset.path": str(tmp_path / "images.npz"), "condition": "vectors"}
    fields |= {"translation.view": "given", "generator.widths": (3, 4), "discriminator.widths": (3, 4)}
    fields |= {"dataset.validation_examples": 10, "translation.examples": 8, "translation.draws": 2}
    config.update_from_flattened_dict(fields | {"evaluation.metrics": ("task",)})
    inputs = read_inputs(config := complete(config))
    experiment = build(config, inputs.facts)
    monkeypatch.setattr(evaluation_module, "SPLIT_BYTES", 4 * 8 * 8 * 3 * 20)  # 20 examples of a split
    seen = []
    task = experiment.task._replace(measure=lambda trained: seen.append(trained) or Scores())
    evaluation_module.Evaluation(config, inputs, experiment.replace(task=task), 0, print).run(
        experiment.initial_state(0)
    )
    (trained,) = seen
    assert len(trained.train) == 20 < len(inputs.dataset.train)
    np.testing.assert_allclose(trained.train_conditions[..., 0], trained.train[..., 0], atol=1e-5)
    np.testing.assert_allclose(trained.test_conditions[..., 0], trained.test[..., 0], atol=1e-5)
    np.savez(tmp_path / "images.npz", examples=images, conditions=images[..., 0].astype(np.float32))
    with pytest.raises(
        DataError, match=r"its conditions run from 0 to 255, and views from -1 to 1; store them as bytes"
    ):
        read_inputs(config)


# --- Without pairs


def _unpaired(view="grey", **options):
    task = _task(view, cycle=3.0, cycle_widths=(3, 4), **options)
    networks = {"normalization": "instance", "widths": (3, 4)}
    return task, {
        "generator": task.generator(NETWORKS["pix2pix"](output_shape=SHAPE, output="tanh", **networks), None),
        "discriminator": task.discriminator(NETWORKS["pix2pix"](**networks), None),
        "latent": LATENT,
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": optax.sgd(0.1),
    }


TWO = {"real": jax.random.uniform(jax.random.key(1), (2, 8, *SHAPE), minval=-1)}


def test_the_views_are_those_of_another_minibatch():
    task, _ = _unpaired()
    condition = task.prepare(None, TWO)["condition"]
    np.testing.assert_array_equal(condition.images, TWO["real"])
    for own, other in ((0, 1), (1, 0)):
        np.testing.assert_allclose(condition.views[own], grey(TWO["real"][other]), rtol=1e-6)
    with pytest.raises(ValueError, match="needs two minibatches in a step; set generator_batches=1"):
        task.prepare(None, BATCH)


def test_both_cycles_by_hand():
    # G doubles the view in three channels and F is the mean: |2·mean x − x| and |2c − c|, plus G's own z.
    constant = lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}}  # noqa: E731
    forward = Network(
        constant, lambda v, z, condition=None, **_: (v["params"]["w"] * 2 * jnp.tile(condition, (1, 1, 1, 3)), {})
    )
    back = Network(constant, lambda v, z, condition=None, **_: (condition.mean(-1, keepdims=True), {}))
    images, views = jnp.full((2, 2, 2, 3), 0.3), jnp.full((2, 2, 2, 1), 0.25)
    network = cycling(forward, back, (2, 2, 3))
    variables = network.init(KEY, jnp.zeros((2, 3)), condition=views)
    assert set(variables["params"]) == {"generator", "inverse"}
    made, _ = network.apply(variables, jnp.zeros((2, 3)), condition=Unpaired(images, views), train=True)
    np.testing.assert_allclose(made.fake["images"], 0.5)
    np.testing.assert_allclose(made.fake["views"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(made.extra.cycle, 0.3 + 0.25, rtol=1e-5)
    np.testing.assert_array_equal(made.extra.identity, 0)
    plain, _ = network.apply(variables, jnp.zeros((2, 3)), condition=views)
    np.testing.assert_allclose(plain, 0.5)


def test_both_identities_by_hand():
    # G doubles what it is given, F halves it: |2x − x| and |c/2 − c|.
    def scaling(factor):
        return Network(
            lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}},
            lambda v, z, condition=None, **_: (v["params"]["w"] * factor * condition, {}),
        )

    images, views = jnp.full((2, 2, 2, 3), 0.3), jnp.full((2, 2, 2, 3), -0.2)
    network = cycling(scaling(2), scaling(0.5), (2, 2, 3), identity=True)
    variables = network.init(KEY, jnp.zeros((2, 3)), condition=views)
    made, _ = network.apply(variables, jnp.zeros((2, 3)), condition=Unpaired(images, views), train=True)
    np.testing.assert_allclose(made.extra.identity, 0.3 + 0.1, rtol=1e-6)
    np.testing.assert_allclose(made.extra.cycle, 0, atol=1e-6)
    task = _task("small", cycle=3.0, identity=2.0, cycle_widths=(3, 4))
    (term,) = task.terms
    assert float(term.generator(types.SimpleNamespace(extra=made.extra))) == pytest.approx(0.8)
    with pytest.raises(ValueError, match=r"identity needs views of the images' shape \[8, 8, 3\], not \[8, 8, 1\]"):
        _task("grey", cycle=3.0, identity=2.0, cycle_widths=(3, 4))


def test_a_step_without_pairs_trains_all_four_networks_and_keeps_the_players_apart():
    task, parts = _unpaired()
    step = jax.jit(make_train_step(**parts, loss=LOSSES["least_squares"], terms=task.terms, generator_batches=1))
    state = _start(task, parts)
    after, metrics = step(state, task.prepare(None, TWO))
    for player, names in (("generator", ("generator", "inverse")), ("discriminator", ("images", "views"))):
        for name in names:
            before, now = (getattr(s, player).params[name] for s in (state, after))
            assert difference(before, now) > 0, (player, name)
    # The term is 3 times both errors, which lie between 0 and 4.
    assert 0 < metrics["g_terms"] < 12 and "d_terms" not in metrics
    frozen = jax.jit(
        make_train_step(
            **parts | {"generator_tx": optax.sgd(0.0)}, loss=LOSSES["hinge"], terms=task.terms, generator_batches=1
        )
    )
    assert difference(state.generator.params, frozen(state, task.prepare(None, TWO))[0].generator.params) == 0


@pytest.mark.medium
@pytest.mark.parametrize("mapping", slow_but(["shard_map"], ["pmap", "shard_map"]))
def test_four_devices_without_pairs_train_as_one_does(mapping):
    task, parts = _unpaired("small", identity=1.0)

    def factory(axis_name=None):
        step = make_train_step(
            **parts, loss=LOSSES["least_squares"], terms=task.terms, axis_name=axis_name, generator_batches=1
        )
        return prepared(step, task, axis_name)

    state = _start(task, parts)
    one, _ = jax.jit(factory())(state, TWO)
    step, place_state, place_batch = distribute(factory, devices=jax.devices()[:4], mapping=mapping)
    many, _ = step(place_state(state), place_batch(TWO))
    assert difference(one, many) < 1e-5


def test_what_does_not_suit_unpaired_translation_is_told():
    config = pix2pix.get_config()
    config.translation.cycle = 5.0
    config.augmentation.names = ("color",)
    said = problem_texts(config)
    for part in ("set generator_batches=1", "leaves no pairs to compare; set terms.l1=0", "not for augmentation.names"):
        assert any(part in text for text in said), said
    config = cyclegan.get_config()
    assert not problem_texts(config)
    with pytest.raises(ValueError, match="pix2pix with 4 widths makes images .* whose sides divide by 16"):
        _task("grey", cycle=1.0, cycle_widths=(4,) * 4)
