"""Labels as a condition: what networks see of them, from a config to samples, and in sweeps."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxgan
from configs import acgan, default
from jaxgan import figures, runs
from jaxgan.config import DataFacts, build
from jaxgan.errors import UsageError
from jaxgan.networks import dcgan, mlp, resnet
from jaxgan.runs import sampling
from jaxgan.runs.load import asked_for, load_run
from jaxgan.training.step import generate
from jaxgan.types import Network, stream
from jaxgan.wrappers.conditions import one_hot, unconditional
from tests.small_runs import OF_A_FILE, assert_same_run, saved

KEY = jax.random.key(0)


def watching(independent=None):
    """A network that returns its condition."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return condition, {}

    facts = {} if independent is None else {"per_example": True, "independent": independent}
    return Network(lambda key, inputs, condition=None: {"params": condition}, apply, **facts)


def test_labels_become_one_hot_vectors_or_nothing():
    labels, expected = jnp.array([2, 0]), [[0.0, 0, 1], [1, 0, 0]]
    network = one_hot(watching(), 3)
    np.testing.assert_array_equal(network.apply({}, jnp.ones((2, 1)), condition=labels)[0], expected)
    np.testing.assert_array_equal(network.init(KEY, jnp.ones((2, 1)), condition=labels)["params"], expected)
    assert network.apply({}, jnp.ones((2, 1)))[0] is None
    shares = jnp.array([[0.5, 0, 0.5], [0, 1, 0]])  # between two classes
    np.testing.assert_array_equal(network.apply({}, jnp.ones((2, 1)), condition=shares)[0], shares)
    blind = unconditional(watching())
    assert blind.apply({}, jnp.ones((2, 1)), condition=labels)[0] is None
    assert blind.init(KEY, jnp.ones((2, 1)), condition=labels)["params"] is None
    for independent in (True, False):
        for network in (one_hot(watching(independent), 3), unconditional(watching(independent))):
            assert network.per_example and network.independent is independent
    with pytest.raises(ValueError, match="at least 1 class"):
        one_hot(watching(), 0)
    for wrong in (jnp.ones(2), jnp.ones((2, 3), jnp.int32), jnp.ones((2, 2))):
        with pytest.raises(ValueError, match=r"labels are whole numbers \[batch\]"):
            one_hot(watching(), 3).apply({}, jnp.ones((2, 1)), condition=wrong)


@pytest.mark.parametrize("network", [mlp(output_shape=(), widths=(3,)), dcgan(widths=(3,))])
def test_labels_are_no_features(network):
    images, labels = jnp.ones((2, 4, 4, 1)), jnp.array([1, 0])
    with pytest.raises(ValueError, match="one_hot"):
        network.init(KEY, images, condition=labels)
    conditional = one_hot(network, 2)
    variables = conditional.init(KEY, images, condition=labels)
    logits = conditional.apply(variables, images, condition=labels)[0]
    assert logits.shape == (2,) and logits[0] != logits[1]  # the images are the same


HEADED = {
    "mlp": lambda **options: mlp(output_shape=(), widths=(5,), **options),
    "dcgan": lambda **options: dcgan(widths=(3,), initial_scale=0.5, **options),
    "resnet": lambda **options: resnet(widths=(4,), **options),
}


@pytest.mark.medium
@pytest.mark.parametrize("name", HEADED)
def test_class_logits_are_a_second_last_layer_and_change_nothing_else(name):
    images = jax.random.normal(KEY, (3, 4, 4, 1))
    network, plain = HEADED[name](class_logits=6, features=True), HEADED[name]()
    variables = jax.jit(network.init)(KEY, images)
    head = variables["params"].pop("class_logits")
    jax.tree.map(np.testing.assert_array_equal, variables, jax.jit(plain.init)(KEY, images))
    given = {**variables, "params": {**variables["params"], "class_logits": head}}
    found, expected = jax.jit(network.apply)(given, images)[0], jax.jit(plain.apply)(variables, images)[0]
    np.testing.assert_allclose(found.logits, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        found.class_logits, found.features @ head["kernel"] + head["bias"][None], rtol=1e-4, atol=1e-5
    )
    assert found.class_logits.shape == (3, 6)
    # Without features, and of a generator nothing.
    bare = jax.eval_shape(HEADED[name](class_logits=6).apply, given, images)[0]
    assert bare.features is None and bare.class_logits.shape == (3, 6)


def _conditional(**changes):
    config = default.get_config()
    config.condition = "labels"
    config.generator.widths, config.discriminator.widths = (4,), (4,)
    config.generator.output_bias = "zero"
    for name, value in changes.items():
        setattr(config.discriminator, name, value)
    return config


def test_each_player_sees_the_labels_as_its_section_says():
    for conditional, inputs in ((True, 2 + 3), (False, 2)):
        experiment = build(_conditional(conditional=conditional), DataFacts((2,), 100, classes=3))
        state = experiment.abstract_state()
        assert state.generator.params["Dense_0"]["kernel"].shape == (100 + 3, 4)
        assert state.discriminator.params["Dense_0"]["kernel"].shape == (inputs, 4)
    # A pack of two has the labels of both, and a virtual batch's labels are the classes in turn.
    config = _conditional()
    config.packing = 2
    state = build(config, DataFacts((2,), 100, classes=3)).abstract_state()
    assert state.discriminator.params["Dense_0"]["kernel"].shape == (2 * (2 + 3), 4)
    config = _conditional()
    config.batch_size, config.generator.network, config.generator.normalization = 5, "dcgan", "virtual"
    state = build(config, DataFacts((4, 4, 1), 100, classes=3)).initial_state(0)
    reference = state.generator.model_state["reference"]["condition"]
    np.testing.assert_array_equal(reference.argmax(1), [0, 1, 2, 0, 1])


def test_a_head_of_other_classes_is_refused_when_the_data_is_known():
    config = acgan.get_config()
    build(config, DataFacts((28, 28, 1), 100, classes=10))
    with pytest.raises(UsageError, match=r"class_logits 10 does not suit the data; it has 26 classes.*class_logits=26"):
        build(config, DataFacts((28, 28, 1), 100, classes=26))


def test_samples_have_the_classes_in_turn_however_many_are_made(monkeypatch):
    experiment = build(_conditional(), DataFacts((3,), 100, classes=3))
    np.testing.assert_array_equal(experiment.condition(5, 4), [1, 2, 0, 1, 2])
    assert build(default.get_config(), DataFacts((3,), 100)).condition(5) is None
    monkeypatch.setattr(sampling, "BATCH", 4)
    network = one_hot(watching(), 3)
    draw = sampling.sampler(experiment.replace(networks=lambda axis_name: (network, None)))
    samples, _ = draw(experiment.initial_state(0), KEY, 9)
    np.testing.assert_array_equal(samples.argmax(1), [0, 1, 2, 0, 1, 2, 0, 1, 2])


RUN = OF_A_FILE | {
    "steps": "20",
    "sample_every": "10",
    "checkpoint_every": "10",
    "dataset.name": "npz",
    "dataset.validation_examples": "40",
    "generator.output": "sigmoid",
    "condition": "labels",
    "loss": "wasserstein",
    "discriminator.class_logits": "3",
    "discriminator.conditional": "False",
    "discriminator.features": "True",
    "terms.auxiliary_classifier": "0.5",
    "terms.feature_matching": "0.1",
    "terms.adversarial": "2",
    "alarms.patience": "1",
    "alarms.samples": "16",
    "evaluation.metrics": "sliced_wasserstein",
    "evaluation.features": "raw",
    "evaluation.samples": "32",
}


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """A small run on noisy images of three classes, of which each has another bright column."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=240, dtype=np.int32)
    images = random.integers(100, size=(240, 4, 4, 1), dtype=np.uint8)
    images[np.arange(240), :, labels] += 150
    path = tmp_path_factory.mktemp("data") / "classes.npz"
    np.savez(path, examples=images, labels=labels)
    return RUN | {"dataset.path": str(path)}


@pytest.fixture(scope="module")
def conditional(changes, tmp_path_factory):
    """The run."""
    workdir = tmp_path_factory.mktemp("conditional")
    runs.run("train", "configs/ring.py", changes, str(workdir), {})
    return workdir


@pytest.mark.slow
def test_a_conditional_run_logs_its_terms_and_the_wasserstein_estimate(conditional):
    lines = [json.loads(line) for line in (conditional / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        np.testing.assert_allclose(line["d_wasserstein"], line["d_real_logit"] - line["d_fake_logit"], rtol=1e-4)
        np.testing.assert_allclose(line["d_loss"], line["d_terms"] - line["d_wasserstein"], rtol=1e-4)
        np.testing.assert_allclose(line["g_loss"] - line["g_terms"], -2 * line["d_fake_logit"], atol=0.03)
        assert 0.5 * np.log(3) < line["d_terms"] < 2.5  # half of two cross-entropies, log 3 each of a guess
    assert saved(conditional)[1]["data"]["classes"] == 3


@pytest.mark.slow
def test_it_resumes_bit_for_bit_and_streams_the_same_labels(changes, conditional, tmp_path):
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", changes | {"steps": steps}, str(tmp_path), {})
    assert_same_run(tmp_path, conditional)
    other = changes | {"dataset.placement": "stream", "steps": "10", "alarms.patience": "0"}
    runs.run("train", "configs/ring.py", other, str(tmp_path / "streamed"), {})
    first = [
        json.loads((path / "metrics.jsonl").read_text().splitlines()[0])
        for path in (tmp_path / "streamed", conditional)
    ]
    for name, value in first[0].items():
        np.testing.assert_allclose(first[1][name], value, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_its_samples_follow_their_labels_in_every_mode(conditional):
    runs.run("sample", None, {}, str(conditional), {"count": 24})
    archive = np.load(conditional / "samples" / "sample_step_00000020_seed_0.npz")
    np.testing.assert_array_equal(archive["labels"], np.tile(np.arange(3), 8))
    assert archive["samples"].shape == (24, 4, 4, 1)
    runs.run("evaluate", None, {}, str(conditional), {})
    found = sorted(path.name for path in (conditional / "evaluation").iterdir())
    ends = (".json", "_classes.png", "_interpolation.png", "_nearest.png")
    assert found == [f"step_00000020_seed_0{end}" for end in ends]


@pytest.mark.medium
def test_pictures_have_a_row_for_each_class_and_the_same_latents_in_every_row(conditional, tmp_path):
    # 50 images in a picture, so 16 in each of 3 rows; of a class that is asked for a square.
    run = load_run(str(conditional))
    assert sampling.columns_of(run.experiment, 50) == 16 and sampling.columns_of(run.experiment, 1_000) == 20
    latents, labels = sampling.picture_inputs(run.experiment, KEY, 50)
    np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], 16))
    np.testing.assert_array_equal(latents, np.tile(latents[:16], (3, 1)))
    key = stream(jax.random.key(run.config["seed"]), "sample_pictures")
    given = sampling.picture_inputs(run.experiment, key, 50)
    images = generate(run.experiment.generator, run.state, given[0], condition=given[1])
    figures.save_samples(tmp_path / "expected.png", images, columns=16)
    found, expected = (Image.open(p) for p in (conditional / "samples/step_00000020.png", tmp_path / "expected.png"))
    assert found.size == expected.size and np.abs(np.asarray(found, int) - np.asarray(expected, int)).max() <= 1
    two = run.experiment.replace(conditions=np.array([2, 1], np.int32))
    assert sampling.columns_of(two, 1) is None and sampling.columns_of(two, 5) == 2
    many = run.experiment.replace(conditions=np.arange(30, dtype=np.int32))
    assert sampling.columns_of(many, 10) == 3 and len(sampling.picture_inputs(many, KEY, 10)[0]) == 9
    assert sampling.columns_of(run.experiment.replace(example_shape=(2,)), 50) is None  # points are not rows
    assert sampling.columns_of(run.experiment.replace(conditions=None), 50) is None


@pytest.mark.medium
@pytest.mark.parametrize(("text", "expected"), [("2", [2] * 4), ("0,2", [0, 2, 0, 2])])
def test_samples_of_the_classes_that_are_asked_for(conditional, text, expected, tmp_path, capsys):
    runs.run("sample", None, {}, str(conditional), {"count": 4, "condition": text})
    stem = conditional / "samples" / f"sample_step_00000020_seed_0_condition_{text.replace(',', '_')}"
    archive = np.load(stem.with_suffix(".npz"))
    np.testing.assert_array_equal(archive["labels"], expected)
    run = load_run(str(conditional))
    latents = run.experiment.latent.sample(jax.random.fold_in(jax.random.key(0), 0), 4)
    images = generate(run.experiment.generator, run.state, latents, condition=np.array(expected))
    np.testing.assert_allclose(archive["samples"], images, atol=1e-6)
    asked = asked_for(run, text)
    if text == "0,2":  # two rows, of the same two latents
        images = sampling.draw_grid(asked.experiment, run.state, jax.random.key(0), 4)
    figures.save_samples(tmp_path / "expected.png", images, columns=None if text == "2" else 2)
    found, expected = (np.asarray(Image.open(p), int) for p in (stem.with_suffix(".png"), tmp_path / "expected.png"))
    assert found.shape == expected.shape and np.abs(found - expected).max() <= 1
    said = capsys.readouterr().out
    assert "4 samples of step 20" in said
    given = int(text) if text == "2" else [int(part) for part in text.split(",")]
    np.testing.assert_array_equal(jaxgan.load(conditional).sample(4, condition=given), archive["samples"])
    assert (" shows them;" if text == "2" else " shows others, a row of the same latents") in said


@pytest.mark.parametrize("text", ["3", "-1", "0,1,3", "one", "", "0;1", "0.5", "1e0"])
def test_a_class_that_is_none_is_one_line(conditional, text):
    with pytest.raises(UsageError, match="the condition is a class, 0 to 2; give one, or several: --condition=0,1,2"):
        runs.run("sample", None, {}, str(conditional), {"condition": text})


def test_classes_in_python(conditional):
    gan = jaxgan.load(conditional)
    of_each = gan.sample(6, condition=np.uint8([0, 1, 2]))
    np.testing.assert_array_equal(gan.sample(6), of_each)  # all of them in turn
    np.testing.assert_array_equal(gan.sample(6, condition=[0, 1, 2, 0, 1, 2]), of_each)
    assert (gan.sample(6, condition=1)[::3] != of_each[::3]).any() and "condition labels" in repr(gan)
    for wrong in (3, -1, [0, 3], "one", 0.5, [], [[0]], {}):
        said = "the condition is a class, 0 to 2; give a class, or a list of some"
        with pytest.raises(UsageError, match=said):
            gan.sample(2, condition=wrong)


def test_projections_need_a_class(conditional):
    gan = jaxgan.load(conditional)
    samples = gan.sample(4, condition=[0, 1, 2, 0])
    latents = gan.project(samples, condition=[0, 1, 2, 0])
    again = jaxgan.generate(gan.generator, gan.state, latents, condition=np.array([0, 1, 2, 0]))
    assert np.abs(again - samples).max() < 0.05
    np.testing.assert_array_equal(gan.project(samples, condition=1), gan.project(samples, condition=[1] * 4))
    for options, said in (
        ({}, "give condition=, a class or a vector"),
        ({"condition": [0, 1]}, "there are 2 conditions"),
    ):
        with pytest.raises(UsageError, match=said):
            gan.project(samples, **options)


@pytest.mark.slow
def test_a_conditional_member_of_a_sweep_is_the_run_alone(changes, tmp_path):
    changes = changes | {"alarms.patience": "0", "seed": "3"}
    swept = {"population.seeds": "1", "population.grid": "terms.auxiliary_classifier=0.25,0.5"}
    runs.run("sweep", "configs/ring.py", changes | swept, str(tmp_path / "sweep"), {})
    members = sorted(path for path in (tmp_path / "sweep" / "members").iterdir())
    alone = changes | {"terms.auxiliary_classifier": "0.25"}
    runs.run("train", "configs/ring.py", alone, str(tmp_path / "alone"), {})
    (states, extra), (expected, _) = saved(members[0]), saved(tmp_path / "alone")
    assert extra["data"]["classes"] == 3
    # Not bit for bit with full optimisation: XLA fuses the gradient of the term in two ways, see docs/sweeps.md.
    for path, leaf in expected.items():
        np.testing.assert_allclose(states[path], leaf, rtol=1e-5, atol=1e-8, err_msg=path)
    swept, other, single = (
        json.loads((path / "metrics.jsonl").read_text().splitlines()[-1]) for path in (*members, tmp_path / "alone")
    )
    assert swept == pytest.approx(single, rel=1e-5) and swept["d_terms"] != pytest.approx(other["d_terms"], rel=1e-2)
    assert list((members[0] / "samples").glob("step_00000020.png"))


def test_data_without_labels_is_refused(changes, tmp_path):
    np.savez(tmp_path / "a.npz", examples=np.random.default_rng(0).random((200, 2), np.float32))
    other = changes | {"dataset.path": str(tmp_path / "a.npz")}
    with pytest.raises(UsageError, match="condition=labels does not suit the dataset npz; it has no labels"):
        runs.run("train", "configs/ring.py", other, str(tmp_path / "run"), {})
