"""Semi-supervised learning: K + 1 classes by hand, labelled examples, the same step on all devices, runs, scores."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import default, semi_supervised_mnist
from jaxgan import runs
from jaxgan.config import DataFacts, build, complete
from jaxgan.errors import UsageError
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import mlp
from jaxgan.networks.layers import gaussian_noise
from jaxgan.optimizers import Averaged, keep_average
from jaxgan.parallel import distribute
from jaxgan.runs.sweep.members import make_groups, make_members, read_data
from jaxgan.runs.sweep.trials import Setting
from jaxgan.tasks import TASKS, Labelled, ScoreInputs
from jaxgan.tasks.base import prepared
from jaxgan.tasks.semi_supervised import choose, classifying, linear_classes, logistic_regression, measure
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Judgement, Latent, Network, PlayerState, TrainState
from tests.games import difference, equal
from tests.small_runs import OF_A_FILE, assert_same_run
from tests.tasks.test_tasks import after_moving_alone, problem_texts

KEY = jax.random.key(0)


def two_classes():
    """D(x) has the class logits (0, w·x), w = log 2, and a logit of its own that nobody is to read; G(z) = θ = 0."""

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        outputs = jnp.stack([jnp.zeros_like(inputs), variables["params"]["w"] * inputs], 1)
        return Judgement(jnp.full(inputs.shape, 99.0), class_logits=outputs), {}

    def make(variables, latents, *, condition=None, key=None, train=False):
        return jnp.broadcast_to(variables["params"], latents.shape[:1]), {}

    return {
        "discriminator": Network(lambda key, x, condition=None: {"params": {"w": jnp.log(jnp.float32(2))}}, judge),
        "generator": Network(lambda key, z, condition=None: {"params": jnp.zeros(())}, make),
    }


def started(networks, given, example, **options):
    """The task's state, and its step by axis name, with optimizers that may be replaced."""
    latent = Latent(lambda key, count: jax.random.uniform(key, (count, 4)), 4)
    task = TASKS["semi_supervised"](example_shape=example.shape[1:], latent=latent, given=given, **options)
    parts = {
        "generator": task.generator(networks["generator"], None),
        "discriminator": task.discriminator(networks["discriminator"], None),
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": task.discriminator_tx(optax.sgd(0.1)),
        "latent": latent,
    }
    state = jax.jit(lambda key: init_state(key, **parts, example=example))(KEY)
    rest = {"loss": task.loss(LOSSES["non_saturating"]), "terms": task.terms}

    def factory(axis_name, **changes):
        return prepared(make_train_step(**parts | rest | changes, axis_name=axis_name), task, axis_name)

    return state, factory


@pytest.mark.medium
def test_a_step_of_k_plus_one_classes_by_hand():
    given = Labelled(np.ones(1, np.float32), np.array([1], np.int32))
    state, factory = started(two_classes(), given, jnp.zeros(2), average_decay=0.75)
    batch = {"real": jnp.ones((1, 2))}
    after, metrics = jax.jit(factory(None))(state, batch)
    # Data has l = (0, log 2): Z = 3, D = 3/4 and sp(−log 3) = log 4/3. Samples have (0, 0): Z = 2 and sp(log 2) =
    # log 3. Half of both is ½ log 4 = log 2. The labelled example's p(1 | x) = 2/3: log 3/2. In all log 3.
    np.testing.assert_allclose(metrics["d_loss"], np.log(3), rtol=1e-6)
    np.testing.assert_allclose(metrics["d_terms"], np.log(1.5), rtol=1e-6)
    np.testing.assert_allclose([metrics["d_real_logit"], metrics["d_fake_logit"]], np.log([3, 2]), rtol=1e-6)
    # ∂w: of data −½·(1 − D)·p(1 | x) = −½·¼·⅔ = −1/12, of samples 0, of the labelled one −(1 − ⅔) = −⅓; in all −5/12.
    start, moved = np.log(2), np.log(2) + 0.1 * 5 / 12
    np.testing.assert_allclose(after.discriminator.params["w"], moved, rtol=1e-6)
    np.testing.assert_allclose(after.discriminator.opt_state.average["w"], 0.75 * start + 0.25 * moved, rtol=1e-6)
    # From the labels alone: log 3/2, and −⅓.
    state, factory = started(two_classes(), given, jnp.zeros(2), unsupervised=0.0)
    after, metrics = jax.jit(factory(None))(state, batch)
    np.testing.assert_allclose(metrics["d_loss"], np.log(1.5), rtol=1e-6)
    np.testing.assert_allclose(after.discriminator.params["w"], np.log(2) + 0.1 / 3, rtol=1e-6)
    # Half of data's entropy, H = log 3 − ⅔ log 2 of (⅓, ⅔), whose ∂w is −p (log p + H) = −⅔·⅓ log 2.
    state, factory = started(two_classes(), given, jnp.zeros(2), unsupervised=0.0, entropy=0.5)
    after, metrics = jax.jit(factory(None))(state, batch)
    np.testing.assert_allclose(metrics["d_terms"], np.log(1.5) + (np.log(3) - np.log(2) * 2 / 3) / 2, rtol=1e-6)
    expected = np.log(2) + 0.1 * (1 / 3 + np.log(2) / 9)
    np.testing.assert_allclose(after.discriminator.params["w"], expected, rtol=1e-6)


def test_the_logit_is_that_of_a_softmax_of_k_plus_one_classes():
    outputs = np.random.default_rng(0).normal(0, 3, (7, 5))
    network = classifying(Network(None, lambda variables, x, **_: (Judgement(x[:, 0], x, x), {})))
    judged, _ = network.apply({}, jnp.asarray(outputs, jnp.float32))
    with_sample = np.concatenate([outputs, np.zeros((7, 1))], 1)  # l_{K+1} = 0
    chances = np.exp(with_sample) / np.exp(with_sample).sum(1, keepdims=True)
    np.testing.assert_allclose(jax.nn.sigmoid(judged.logits), 1 - chances[:, -1], rtol=1e-5)
    loss = np.mean(-np.log(1 - chances[:, -1])) + np.mean(-np.log(chances[:, -1]))
    found = LOSSES["non_saturating"].discriminator(judged.logits, judged.logits)
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    np.testing.assert_array_equal(judged.features, judged.class_logits)  # the rest is as it was
    with pytest.raises(ValueError, match="needs the discriminator's class logits"):
        classifying(Network(None, lambda variables, x, **_: (x, {}))).apply({}, jnp.zeros(2))


def vectors_game(**options):
    """Vectors of 6 in three classes: networks with batch norm, weight norm and noise, as in the recipe."""
    networks = {
        "generator": mlp(output_shape=(6,), widths=(8,), activation="softplus", output="sigmoid"),
        "discriminator": mlp(
            output_shape=(),
            widths=(8, 8),
            normalization="weight",
            noise_input=0.3,
            noise_hidden=0.5,
            features=True,
            class_logits=3,
        ),
    }
    examples = np.random.default_rng(0).random((9, 6), np.float32)
    return started(networks, Labelled(examples, np.arange(9, dtype=np.int32) % 3), jnp.zeros((2, 6)), **options)


@pytest.mark.slow
def test_the_step_is_the_same_on_four_devices():
    state, factory = vectors_game(average_decay=0.5)
    batches = [{"real": jax.random.uniform(jax.random.key(i), (1, 16, 6))} for i in range(2)]
    found = []
    for mapping in ("jit", "pmap", "shard_map"):
        step, place_state, place_batch = distribute(factory, mapping=mapping)
        current = place_state(state)
        for batch in batches:
            current, metrics = step(current, place_batch(batch))
        found.append((jax.device_get((current.generator.params, current.discriminator)), metrics))
    for other in found[1:]:
        assert difference(found[0], other) < 2e-5


@pytest.mark.slow
def test_each_player_moves_itself_alone():
    state, factory = vectors_game()
    moved = after_moving_alone(factory, state, {"real": jax.random.uniform(KEY, (1, 8, 6))})
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        assert equal(getattr(moved[other], name).params, getattr(state, name).params)
        assert not equal(getattr(moved[other], other).params, getattr(state, other).params)


@pytest.mark.medium
def test_labelled_examples_are_drawn_by_step_and_place():
    examples = np.arange(5, dtype=np.float32)
    task = TASKS["semi_supervised"](
        example_shape=(), latent=LATENTS["normal"](1), given=Labelled(examples, np.arange(5, dtype=np.int32))
    )
    step = jax.jit(prepared(lambda state, batch: batch["condition"], task, None))
    state = TrainState(jnp.int32(0), KEY, None, None)
    seen = [step(state.replace(step=jnp.int32(number)), {"real": jnp.zeros((2, 500))}) for number in (0, 0, 1)]
    with pytest.raises(ValueError, match="labelled examples must be floats .*, got uint8"):
        TASKS["semi_supervised"](
            example_shape=(), latent=LATENTS["normal"](1), given=Labelled(np.uint8([1]), np.int32([0]))
        )
    np.testing.assert_array_equal(seen[0].examples, seen[0].labels)  # each with its own label
    np.testing.assert_array_equal(seen[0].labels, seen[1].labels)
    assert (seen[0].labels != seen[2].labels).mean() > 0.5 and (seen[0].labels[0] != seen[0].labels[1]).mean() > 0.5
    counts = np.bincount(np.ravel(seen[0].labels), minlength=5)
    assert counts.shape == (5,) and (np.abs(counts - 200) < 60).all()  # 200 each, ± 12.6


def test_the_labelled_are_balanced_and_chosen_by_the_seed():
    labels = np.random.default_rng(0).integers(4, size=400)
    chosen = choose(labels, 40, 4, seed=1)
    assert len(set(chosen)) == 40 and (np.diff(chosen) > 0).all()
    assert np.bincount(labels[chosen]).tolist() == [10] * 4
    np.testing.assert_array_equal(chosen, choose(labels, 40, 4, seed=1))
    assert set(choose(labels, 20, 4, seed=1)) < set(chosen) and set(choose(labels, 40, 4, seed=2)) != set(chosen)
    assert sorted(np.bincount(labels[choose(labels, 42, 4, seed=1)])) == [10, 10, 11, 11]
    np.testing.assert_array_equal(choose(np.array([0, 1, 1]), 3, 2, seed=1), [0, 1, 2])  # all, as uneven as they are
    with pytest.raises(ValueError, match=r"6 labelled examples are 2 of class 0, and there are 1 of 9"):
        choose(np.array([0] + [1] * 4 + [2] * 4), 6, 3, seed=1)
    with pytest.raises(ValueError, match="3 labelled examples are not one of each of 4 classes"):
        choose(labels, 3, 4, seed=1)


@pytest.mark.medium
def test_noise_has_its_deviation_and_belongs_to_the_example():
    keys = jax.random.split(KEY, 300)
    inputs = jnp.full((300, 200), 2.0)
    made = np.asarray(gaussian_noise(keys, inputs, 0.5, 1))
    # Of 60,000: the mean ± .002, the deviation ± .0014.
    assert abs(made.mean() - 2) < 0.008 and abs(made.std() - 0.5) < 0.006
    np.testing.assert_array_equal(made[7:9], gaussian_noise(keys[7:9], inputs[7:9], 0.5, 1))
    assert np.abs(made - gaussian_noise(keys, inputs, 0.5, 2)).max() > 0.1 and np.abs(made[0] - made[1]).max() > 0.1
    assert gaussian_noise(None, inputs, 0.5, 1) is inputs and gaussian_noise(keys, inputs, 0.0, 1) is inputs
    # On the inputs of every layer: of an mlp without hidden layers x + .3 ε in training, x elsewhere.
    network = mlp(output_shape=(), widths=(), noise_input=0.3, initializer="uniform")
    variables = network.init(KEY, inputs)
    plain, _ = network.apply(variables, inputs)
    noisy, _ = network.apply(variables, inputs, key=keys, train=True)
    length = np.linalg.norm(np.asarray(variables["params"]["Dense_0"]["kernel"]))
    assert abs(np.std(np.asarray(noisy - plain)) / (0.3 * length) - 1) < 0.15  # ± .04 of 300
    hidden = mlp(output_shape=(), widths=(5,), noise_hidden=0.5, initializer="uniform")
    variables = hidden.init(KEY, inputs)
    difference = hidden.apply(variables, inputs, key=keys, train=True)[0] - hidden.apply(variables, inputs)[0]
    length = np.linalg.norm(np.asarray(variables["params"]["Dense_1"]["kernel"]))
    assert abs(np.std(np.asarray(difference)) / (0.5 * length) - 1) < 0.15


def test_the_parameters_average_by_hand():
    tx = keep_average(optax.sgd(0.1), 0.5)
    params = jnp.float32(1.0)
    state = tx.init(params)
    for expected in ((0.9, 0.95), (0.8, 0.875)):  # ā: (1 + .9)/2, (.95 + .8)/2
        updates, state = tx.update(jnp.float32(1.0), state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose((params, state.average), expected, rtol=1e-6)


@pytest.mark.slow
def test_the_logistic_regression_is_at_its_minimum():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 5)), random.integers(3, size=60)
    x[:, 0] += y
    weights, biases = (np.asarray(part, np.float64) for part in logistic_regression(x.astype(np.float32), y, 3))
    logits = x @ weights + biases
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = chances - np.eye(3)[y]
    # ∇_W = Xᵀ(P − Y) + W and ∇_b = Σ (P − Y) are 0 at the minimum.
    np.testing.assert_allclose(x.T @ wrong + weights, 0, atol=2e-3)
    np.testing.assert_allclose(wrong.sum(0), 0, atol=2e-3)
    assert np.abs(weights).max() > 0.3
    # Points of two sides, far from 0 and in another unit.
    found = linear_classes(np.array([[1000.0], [1002.0]]), np.array([1, 0]), np.array([[1000.2], [1001.5]]), 2)
    assert found.tolist() == [1, 0]


@pytest.mark.medium
def test_errors_by_hand():
    test = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1], [1, 0]], np.float32)
    scale = {"params": jnp.float32(1.0)}
    trained = ScoreInputs(
        generate=None,
        latent=None,
        train=test,
        test=test,
        test_labels=np.array([0, 1, 1, 1, 0]),
        classify=None,
        unit=None,
        key=KEY,
        discriminator=PlayerState(scale["params"], {}, Averaged((), jnp.float32(-1.0))),
        discriminate=lambda variables, x: Judgement(x[:, 0], x, np.asarray(variables["params"]) * x),
        labelled=Labelled(test[:2], np.array([0, 1])),
    )
    (found,) = measure(trained).scores
    # One of five is wrong, ± √(5·.2·.8); with the average's reversed sign four are. Both probes see the pixels.
    assert (found.name, found.better, found.samples) == ("test_errors", "lower", 5)
    error = np.sqrt(0.8)
    expected = {"this run": 1, "its average": 4, "probe": 1, "the average's probe": 1, "pixels": 1}
    assert list(found.by_method) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found.by_method[name][1:3], (value, error))
    bare = trained._replace(
        discriminator=PlayerState(scale["params"], {}, ()), discriminate=lambda v, x: Judgement(x[:, 0], None, x)
    )
    scores = measure(bare)
    assert list(scores.scores[0].by_method) == ["this run", "pixels"]
    assert any("discriminator.features" in note for note in scores.notes)
    assert any("average_decay" in note for note in scores.notes)
    assert measure(trained._replace(test_labels=None)).scores == ()


def test_fields_that_do_not_go_together():
    config = default.get_config()
    config.task, config.condition, config.loss, config.packing = "semi_supervised", "labels", "hinge", 2
    config.terms.mutual_information, config.real_label = 1.0, 0.9
    said = " ".join(problem_texts(config))
    for part in (
        "task=semi_supervised needs discriminator.class_logits",
        "loss hinge: task=semi_supervised is of K + 1 classes",
        "real_label 0.9: task=semi_supervised has the classes as labels",
        "condition=labels does not go with task=semi_supervised",
        "task=semi_supervised classifies single examples",
        "task=semi_supervised has the class logits",
    ):
        assert part in said, part
    config = default.get_config()
    config.discriminator.network, config.discriminator.noise_input = "maxout", 0.3
    assert problem_texts(config) == ["discriminator.noise_input: maxout has none; set it to 0.0"]


@pytest.mark.medium
def test_the_recipe_is_its_sources():
    config = semi_supervised_mnist.get_config()
    config.generator.output_bias = "zero"
    given = Labelled(np.zeros((10, 28, 28, 1), np.float32), np.arange(10, dtype=np.int32))
    experiment = build(config, DataFacts((28, 28, 1), 60_000, labelled=given))
    state = experiment.abstract_state()
    sizes = [784, 1000, 500, 250, 250, 250]
    params = state.discriminator.params
    assert [params[f"Dense_{i}"]["kernel"].shape for i in range(5)] == list(itertools.pairwise(sizes))
    assert params["class_logits"]["kernel"].shape == (250, 10) and "scale" in params["class_logits"]
    assert (
        state.generator.params["Dense_2"]["kernel"].shape == (500, 784) and "batch_stats" in state.generator.model_state
    )
    batch = {"real": jax.ShapeDtypeStruct((1, 100, 28, 28, 1), jnp.float32)}
    after, metrics = jax.eval_shape(experiment.train_step(), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state) and {"d_terms", "g_terms"} <= set(metrics)
    assert experiment.options["loss"].generator(np.zeros(2), np.zeros(2)) == 0  # only feature matching
    old = complete({"seed": 3, "generator": {}, "discriminator": {}})
    assert old["semi_supervised"] == default.get_config().semi_supervised.to_dict()
    with pytest.raises(UsageError, match=r"labelled examples must be \[5\], got \[28, 28, 1\]"):
        build(config, DataFacts((5,), 60_000, labelled=given))


TASK = {
    "task": "semi_supervised",
    "semi_supervised.labelled": "8",
    "semi_supervised.average_decay": "0.9",
    "terms.feature_matching": "1.0",
    "terms.adversarial": "0.0",
    "discriminator.class_logits": "4",
    "discriminator.features": "True",
    "discriminator.noise_hidden": "0.5",
}
RUN = OF_A_FILE | TASK
RUN |= {"steps": "20", "sample_every": "10", "checkpoint_every": "10", "dataset.name": "npz"}
RUN |= {"dataset.validation_examples": "40", "generator.output": "sigmoid"}
RUN |= {"evaluation.metrics": "task", "evaluation.features": "raw", "evaluation.samples": "32"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noisy images of 4 x 4, whose class is the place of a bright column."""
    random = np.random.default_rng(0)
    images = random.integers(100, size=(240, 4, 4, 1), dtype=np.uint8)
    labels = random.integers(4, size=240)
    images[np.arange(240), :, labels] += 150
    path = tmp_path_factory.mktemp("data") / "columns.npz"
    np.savez(path, examples=images, labels=labels)
    return {"dataset.path": str(path)}


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A small run of the task."""
    workdir = tmp_path_factory.mktemp("semi_supervised")
    runs.run("train", "configs/ring.py", RUN | data, str(workdir), {})
    return workdir


@pytest.mark.slow
def test_it_resumes_bit_for_bit_and_streams_the_same_labels(data, run, tmp_path):
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", RUN | data | {"steps": steps}, str(tmp_path / "a"), {})
    assert_same_run(tmp_path / "a", run)
    other = RUN | data | {"dataset.placement": "stream", "steps": "10"}
    runs.run("train", "configs/ring.py", other, str(tmp_path / "b"), {})
    first = [json.loads((path / "metrics.jsonl").read_text().splitlines()[0]) for path in (tmp_path / "b", run)]
    for name, value in first[0].items():
        np.testing.assert_allclose(first[1][name], value, rtol=1e-4, err_msg=name)


@pytest.mark.slow
def test_an_evaluation_counts_the_errors(run, data, capsys):
    runs.run("evaluate", None, {}, str(run), {})
    found = json.loads((run / "evaluation" / "step_00000020_seed_0.json").read_text())
    (score,) = found["task"]["scores"]
    assert score["name"] == "test_errors" and score["examples"] == 40
    assert list(score["values"]) == ["this run", "its average", "probe", "the average's probe", "pixels"]
    for value in score["values"].values():
        share = value["value"] / 40
        np.testing.assert_allclose(value["standard_error"], np.sqrt(40 * share * (1 - share)))
    assert score["values"]["pixels"]["value"] == 0  # two bright columns of each class are enough for these
    assert "test_errors" in capsys.readouterr().out


def test_data_that_does_not_suit_is_told_in_one_line(data, tmp_path):
    for change, said in (
        ({"semi_supervised.labelled": "400"}, r"400 labelled examples are 100 of class 0, and there are \d+ of 160"),
        ({"semi_supervised.labelled": "3"}, "3 labelled examples are not one of each of 4 classes"),
        ({"discriminator.class_logits": "5"}, "task=semi_supervised needs one for each of its 4 classes"),
    ):
        with pytest.raises(UsageError, match=said):
            runs.run("train", "configs/ring.py", RUN | data | change, str(tmp_path), {})
    bare = {"dataset.path": str(tmp_path / "bare.npz")}
    np.savez(bare["dataset.path"], examples=np.load(data["dataset.path"])["examples"])
    with pytest.raises(UsageError, match="task=semi_supervised does not suit the dataset npz; it has no labels"):
        runs.run("train", "configs/ring.py", RUN | bare, str(tmp_path), {})


def test_members_of_a_sweep_share_a_program_only_with_their_labels(data, tmp_path):
    config = default.get_config().to_dict() | {"task": "semi_supervised", "batch_size": 16}
    config["discriminator"] |= {"class_logits": 4, "features": True}
    config["dataset"] |= {"name": "npz", "path": data["dataset.path"]}

    def groups(*sections):
        settings = [Setting({}, config | {"semi_supervised": config["semi_supervised"] | s}) for s in sections]
        members = make_members(settings, 2, tmp_path)
        read_data(members)
        return [[member.number for member in group] for group in make_groups(members)]

    assert groups({"labelled": 8, "unsupervised": 0.5}, {"labelled": 8, "unsupervised": 1.0}) == [[0, 1, 2, 3]]
    assert groups({"labelled": 8}, {"labelled": 12}) == [[0, 1], [2, 3]]
    assert groups({"labelled": 8, "seed": 0}, {"labelled": 8, "seed": 1}) == [[0, 1], [2, 3]]
    # A ring is drawn by the run's own seed, and so are its labelled examples.
    config["dataset"] |= {"name": "ring", "path": ""}
    config["discriminator"] |= {"class_logits": 8}
    config["generator"] |= {"output": "linear"}
    assert groups({"labelled": 8}) == [[0], [1]]
