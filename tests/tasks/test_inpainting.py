"""All conditionals: masks, what the players see of them, the same step on all devices, runs, and scores."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import default
from jaxgan import runs
from jaxgan.config import DataFacts, build
from jaxgan.errors import UsageError
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import dcgan, maxout, mlp
from jaxgan.networks.encoder import encoder
from jaxgan.parallel import distribute
from jaxgan.tasks import MASKS, TASKS, PlainGenerator, ScoreInputs
from jaxgan.tasks.base import prepared
from jaxgan.tasks.completions import Known, k_nearest_known, known, latent_search, masked_rmse, mean_fill, nearest_known
from jaxgan.tasks.inpainting import completing, measure, seeing_masks
from jaxgan.tasks.masks import chosen, mixed
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Network, PerExample
from tests.games import difference, equal
from tests.small_runs import OF_A_FILE, assert_same_run
from tests.tasks.test_tasks import after_moving_alone, problem_texts

KEY = jax.random.key(0)


@pytest.fixture
def mine():
    """A mask of the user's own, in the table for a test: the left upper pixel alone is known, in all channels."""

    def corner(key, count, shape):
        return jnp.zeros((count, *shape[:2], 1)).at[:, 0, 0].set(1.0)

    MASKS["mine"] = corner
    yield "mine"
    del MASKS["mine"]


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (lambda key, count, shape: None, r"must be \[2, 4, 5, 1\], and is None"),
        (lambda key, count, shape: jnp.ones(shape), r"must be \[2, 4, 5, 1\], and is \[4, 5, 1\]"),
        (lambda key, count, shape: jax.random.bernoulli(key, 0.5, (count, shape)), "'mine' of 2 examples .* failed: "),
        (lambda key, count, shape: 0.5 * jnp.ones((count, *shape)), r"1 where a value is known and 0 .* has \[0.5\]"),
    ],
)
def test_a_mask_of_the_users_that_is_none_is_told_so(mask, told, monkeypatch):
    monkeypatch.setitem(MASKS, "mine", mask)
    with pytest.raises(ValueError, match=told):
        TASKS["inpainting"](example_shape=(4, 5, 1), latent=LATENTS["uniform"](4), masks=("random", "mine"))


@pytest.mark.medium
def test_masks_by_hand():
    drawn = jax.jit(lambda key: {name: mask(key, 400, (4, 5, 3)) for name, mask in MASKS.items()})(KEY)
    drawn = jax.tree.map(np.asarray, drawn)
    assert all(mask.shape == (400, 4, 5, 1) and set(np.unique(mask)) <= {0.0, 1.0} for mask in drawn.values())
    # Half of each side, from a quarter on: rows 1, 2 of 4 and columns 1, 2 of 5.
    centre = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 1, 1], [1, 0, 0, 1, 1], [1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(drawn["centre"][..., 0], np.broadcast_to(centre, (400, 4, 5)))
    upper, left = np.zeros((4, 5)), np.zeros((4, 5))
    upper[:2], left[:, :2] = 1, 1  # the left half of five columns has two
    halves = [upper, 1 - upper, left, 1 - left]
    counts = [(drawn["half"][..., 0] == half).all((1, 2)).sum() for half in halves]
    assert sum(counts) == 400 and min(counts) > 60  # 100 each, ± 8.7
    lines = drawn["lines"][..., 0]
    rows, columns = (lines == lines[:, :, :1]).all((1, 2)), (lines == lines[:, :1]).all((1, 2))
    assert (rows | columns).all() and 100 < (rows & ~columns).sum() < 300 and 100 < (columns & ~rows).sum() < 300
    assert not drawn["nothing"].any()


@pytest.mark.medium
def test_each_example_has_its_own_share_of_random_pixels():
    for shape in ((30, 40, 1), (1200,)):
        shares = np.asarray(MASKS["random"](KEY, 300, shape)).reshape(300, -1).mean(1)
        # U(0, 1) has mean 1/2 ± .017 of 300, and deviation 1/√12 = .2887, which 1,200 pixels hardly widen.
        assert abs(shares.mean() - 0.5) < 0.06 and abs(shares.std() - 0.2887) < 0.03


@pytest.mark.slow
def test_a_mixture_has_one_kind_for_each_example(mine):
    masks = chosen(["centre", "nothing", mine], (4, 4, 3))
    drawn = np.asarray(jax.jit(lambda key: mixed(list(masks.values()))(key, 300, (4, 4, 3)))(KEY))
    assert drawn.shape == (300, 4, 4, 3)  # whole examples, all channels alike
    sums = drawn.sum((1, 2, 3))
    # 16 pixels but 4, none, and one, of three channels.
    assert {value: 70 < (sums == value).sum() < 130 for value in (36.0, 0.0, 3.0)} == dict.fromkeys((36, 0, 3), True)
    assert set(chosen(["all"], (4, 4, 3))) == set(MASKS)


@pytest.mark.medium
def test_vectors_have_the_masks_that_suit_them():
    assert set(chosen(["all"], (7,))) == {"random", "nothing"}


def test_masks_that_do_not_suit_are_told_in_one_line():
    with pytest.raises(ValueError, match=r"mask 'half' is of images, and examples are \[2\]"):
        chosen(["half"], (2,))
    with pytest.raises(ValueError, match="unknown mask 'halves'; did you mean half"):
        chosen(["halves"], (4, 4, 1))
    MASKS["wrong"] = lambda key, count, shape: jnp.ones((count, 3, 3, 1))
    try:
        told = r"of 2 examples \[4, 4, 3\] must be \[2, 4, 4, 3\] or \[2, 4, 4, 1\], and is \[2, 3, 3, 1\]"
        with pytest.raises(ValueError, match=f"mask 'wrong' {told}"):
            chosen(["wrong"], (4, 4, 3))
    finally:
        del MASKS["wrong"]


def echo(output=None):
    """A network that returns what it is given, or always the same."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        assert condition is None
        return inputs if output is None else jnp.broadcast_to(output, inputs.shape[:1] + output.shape), {}

    return Network(lambda key, inputs, condition=None: {"params": {"saw": inputs}}, PerExample(apply, True))


def test_what_the_players_see_by_hand():
    x, m = jnp.array([[1.0, 2, 3]]), jnp.array([[1.0, 0, 1]])
    given = known(x, m)
    np.testing.assert_array_equal(given.values, [[1, 0, 3]])
    z = jnp.array([[9.0, 8]])
    # G's input is (z, x·m, m), and its output 7 stands where nothing was known.
    completer = completing(echo(jnp.full(3, 7.0)))
    np.testing.assert_array_equal(completer.init(KEY, z, given)["params"]["saw"], [[9, 8, 1, 0, 3, 1, 0, 1]])
    np.testing.assert_array_equal(completer.apply({"params": {}}, z, condition=given)[0], [[1, 7, 3]])
    judge = seeing_masks(echo())
    np.testing.assert_array_equal(judge.apply({}, x, condition=given)[0], [[1, 2, 3, 1, 0, 1]])
    assert judge.apply.independent and completer.apply.independent
    # Images have the mask as a further channel.
    image = jnp.ones((2, 4, 4, 1))
    assert judge.apply({}, image, condition=Known(image, image))[0].shape == (2, 4, 4, 2)


@pytest.mark.medium
def test_an_encoder_sees_images_and_leaves_the_known_as_it_is():
    shape = (8, 8, 1)
    generator = dcgan(output_shape=shape, widths=(4,), normalization="none", initial_scale=0.5)
    network = completing(generator, encoder((3, 5), shape))
    x = jax.random.normal(KEY, (2, *shape))
    given, z = known(x, jnp.zeros((2, *shape)).at[:, :4].set(1.0)), jnp.ones((2, 6))
    variables = jax.jit(network.init)(KEY, z, given)
    assert set(variables["params"]) == {"generator", "encoder"}
    assert variables["params"]["generator"]["Dense_0"]["kernel"].shape[0] == 6 + 128
    assert variables["params"]["encoder"]["Dense_0"]["kernel"].shape[0] == 2 * 2 * 5  # 8 pixels, halved twice
    made, state = jax.jit(lambda variables: network.apply(variables, z, condition=given, train=True))(variables)
    np.testing.assert_array_equal(made[:, :4], x[:, :4])
    assert state == {} and float(jnp.abs(made[0, 4:] - made[1, 4:]).max()) > 1e-4  # z is the same, what is known is not
    with pytest.raises(ValueError, match=r"sides divide by 8, not \[28, 28, 1\]"):
        encoder((4, 4, 4), (28, 28, 1))


@functools.cache
def inpainting_game():
    """Masked vectors of 6: an MLP against maxout with dropout."""
    task = TASKS["inpainting"](example_shape=(6,), latent=LATENTS["uniform"](4), masks=("random", "nothing"))
    parts = {
        "generator": task.generator(mlp(output_shape=(6,), widths=(16,), output="sigmoid"), None),
        "discriminator": task.discriminator(maxout(widths=(12,), pieces=2, initial_scale=0.5), None),
        "generator_tx": optax.adam(1e-2),
        "discriminator_tx": optax.adam(1e-2),
        "latent": LATENTS["uniform"](4),
    }
    step = {"loss": LOSSES["non_saturating"], "discriminator_steps": 2}
    given = {"example": jnp.zeros((2, 6)), "condition": task.condition(2)}
    state = jax.jit(lambda key: init_state(key, **parts, **given))(KEY)

    def factory(axis_name, **changes):
        return prepared(make_train_step(**parts | step | changes, axis_name=axis_name), task, axis_name)

    return task, state, factory


@pytest.mark.medium
def test_masks_belong_to_a_step_and_to_a_place_in_the_global_batch():
    task, state, _ = inpainting_game()
    batch = {"real": jax.random.uniform(KEY, (2, 64, 6))}
    step = jax.jit(prepared(lambda state, batch: batch, task, None))
    seen = [step(state.replace(step=jnp.int32(number)), batch) for number in (0, 0, 1)]
    masks = [np.asarray(each["condition"].mask) for each in seen]
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(seen[0]["condition"].values, batch["real"] * masks[0])
    # Another step, another minibatch and another example have other masks; about half of them know nothing.
    assert (masks[0] != masks[2]).mean() > 0.2 and (masks[0][0] != masks[0][1]).mean() > 0.2
    assert len(np.unique(masks[0].reshape(-1, 6), axis=0)) > 20
    assert 0.3 < (masks[0].sum(-1) == 0).mean() < 0.8


@pytest.mark.slow
def test_the_step_is_the_same_on_four_devices():
    _, state, factory = inpainting_game()
    batches = [{"real": jax.random.uniform(jax.random.key(i), (2, 16, 6))} for i in range(2)]
    found = []
    for mapping in ("jit", "pmap", "shard_map"):
        step, place_state, place_batch = distribute(factory, mapping=mapping)
        current = place_state(state)
        for batch in batches:
            current, metrics = step(current, place_batch(batch))
        found.append((jax.device_get(current.generator.params), jax.device_get(current.discriminator.params), metrics))
    for other in found[1:]:
        assert difference(found[0], other) < 2e-5


@pytest.mark.slow
def test_each_player_moves_itself_alone():
    _, state, factory = inpainting_game()
    moved = after_moving_alone(factory, state, {"real": jax.random.uniform(KEY, (2, 8, 6))})
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        assert equal(getattr(moved[other], name).params, getattr(state, name).params)
        assert not equal(getattr(moved[other], other).params, getattr(state, other).params)


def test_fields_that_do_not_go_together():
    config = default.get_config()
    config.task, config.condition = "inpainting", "labels"
    config.augmentation.names = ("color", "translation")
    config.sampling.method = "rejection"
    config.inpainting.masks = ("half", "centr")
    problems = problem_texts(config)
    assert len(problems) == 5  # two of them of sampling.method, with a condition and with a task
    assert "inpainting.masks: 'centr' is none of all, centre, half, lines, nothing, random; did you mean centre?" in (
        problems
    )
    assert any(problem.startswith("condition=labels does not go with task=inpainting") for problem in problems)
    assert any(problem.startswith("augmentation.names: translation would move") for problem in problems)
    config = default.get_config()
    config.task, config.inpainting.masks = "inpainting", ("half",)
    with pytest.raises(UsageError, match=r"task=inpainting does not suit the data; mask 'half' is of images"):
        build(config, DataFacts((2,), 100))
    config.inpainting.masks, config.inpainting.encoder = ("random",), (8,)
    with pytest.raises(UsageError, match=r"task=inpainting does not suit the data; an encoder of 1 convolutions sees"):
        build(config, DataFacts((2,), 100))


def test_completions_and_their_errors_by_hand():
    training = np.array([[0.0, 0, 0], [1, 2, 3], [1, 5, 9]], np.float32)
    x, m = np.array([[1.0, 1, 8], [4, 4, 4]], np.float32), np.array([[1.0, 0, 0], [0, 1, 1]], np.float32)
    given = known(x, m)
    np.testing.assert_allclose(mean_fill(given, training), [[1, 7 / 3, 4], [2 / 3, 4, 4]], rtol=1e-6)
    # Of x_1 only 1 is known: rows 1 and 2 both have it, and the first is taken. Of x_2 (4, 4): distances squared are
    # 32 of (0, 0), 4 + 1 of (2, 3), 1 + 25 of (5, 9).
    np.testing.assert_array_equal(nearest_known(given, training), [[1, 2, 3], [1, 4, 4]])
    # (1 - 2)² and (8 - 3)² over two values; (4 - 1)² over one.
    errors = masked_rmse(np.array([[[1.0, 2, 3], [1, 4, 4]]]), x, m)
    np.testing.assert_allclose(errors, [[np.sqrt(13), 3]])
    assert np.isnan(masked_rmse(x, x, np.ones_like(x))).all()


def test_the_nearest_examples_are_those_of_numpy(monkeypatch):
    from jaxgan.tasks import completions

    monkeypatch.setattr(completions, "BLOCK", 7)
    random = np.random.default_rng(0)
    training, x = random.random((40, 3, 3, 1), np.float32), random.random((6, 3, 3, 1), np.float32)
    m = (random.random((6, 3, 3, 1)) < 0.5).astype(np.float32)
    distances = (np.square(x[:, None] - training[None]) * m[:, None]).sum((2, 3, 4))
    expected = m * x + (1 - m) * training[distances.argmin(1)]
    np.testing.assert_array_equal(nearest_known(known(x, m), training), expected)
    # Ten of them are in two blocks of seven, at least; of 40 there are no 50.
    order = distances.argsort(1, kind="stable").T
    for count in (10, 50):
        np.testing.assert_array_equal(
            k_nearest_known(known(x, m), training, count), m * x + (1 - m) * training[order[:count]]
        )
    # Nothing is known: all are equally near, and the first are taken.
    nothing = known(x, np.zeros_like(m))
    np.testing.assert_array_equal(k_nearest_known(nothing, training, 3)[:, 0], training[:3])


def test_a_latent_search_finds_the_latent_that_was_masked():
    matrix = jnp.array([[1.0, 0, 1, 1, 2], [0, 1, 1, -1, 0]])
    z = jnp.array([[0.5, -1.0], [1.2, 0.3], [9.0, 0.0]])
    x = z @ matrix
    m = jnp.array([[1.0, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 0]])
    found = latent_search(lambda z: z @ matrix, LATENTS["uniform"](2), known(x, m), KEY, steps=400)
    np.testing.assert_allclose(found[:2], x[:2], atol=0.02)  # three equations of two unknowns
    np.testing.assert_array_equal(np.where(m > 0, found, x), x)
    assert float(found[2, 4]) <= 2 * np.sqrt(3)  # and not 18: 9 is out of the prior's range, which no search leaves


def _trained(**changes):
    """A generator of G(z) = z, data in (0, 1, 0, 1), and labels by the first value."""
    random = np.random.default_rng(0)
    test = (random.random((40, 4)) < 0.5).astype(np.float32)

    def generate(latents, condition):
        return np.asarray(jnp.where(condition.mask > 0, condition.values, latents))

    values = {
        "generate": generate,
        "latent": LATENTS["uniform"](4)._replace(sample=lambda key, count: jax.random.uniform(key, (count, 4))),
        "train": np.zeros((3, 4), np.float32),
        "test": test,
        "test_labels": test[:, 0].astype(int),
        "classify": lambda examples: (examples[:, 0] > 0.5).astype(int),
        "unit": lambda examples: examples,
        "key": KEY,
    }
    return ScoreInputs(**values | changes)


def numbers(score):
    """A score's values and standard errors, by method."""
    return {method: (each.value, each.standard_error) for method, each in score.by_method.items()}


@pytest.mark.medium
def test_scores_of_completions_by_hand(mine):
    MASKS.pop(mine)
    whats = ("rmse_best", "rmse_mean", "accuracy")
    masks = {"first": lambda key, count, shape: jnp.zeros((count, 4)).at[:, 0].set(1.0)}
    found = measure(_trained(), masks, draws=5, examples=30)
    by_name = {each.name: each for each in found.scores}
    assert set(by_name) == {f"{kind} {what}" for kind in ("random", "first", "mixed") for what in whats}
    first = {what: numbers(by_name[f"first {what}"]) for what in whats}
    # |U − b| is uniform for b = 0 and 1 alike, and a point of the unit cube is on average .9606 from a corner: the
    # error is .9606/√3 = .5546. Zeros in their place have the root of the share of ones among three.
    assert abs(first["rmse_mean"]["this run"][0] - 0.5546) < 0.03
    assert first["rmse_best"]["this run"][0] < first["rmse_mean"]["this run"][0] - 0.05
    chosen = np.sort(np.asarray(jax.random.permutation(jax.random.split(KEY, 2)[0], 40))[:30])
    expected = np.sqrt(_trained().test[chosen, 1:].mean(1))
    for method in ("mean fill", "nearest"):
        value, error = first["rmse_best"][method]
        np.testing.assert_allclose((value, error), (expected.mean(), expected.std(ddof=1) / np.sqrt(30)), rtol=1e-6)
    assert first["accuracy"]["this run"] == (1.0, 0.0)  # the label is what is known
    # Two training examples are equally near to all, zeros and ones: the better has the root of the lesser share.
    two = measure(_trained(train=np.eye(2, dtype=np.float32)[:, :1].repeat(4, 1)), masks, draws=2, examples=30)
    by_hand = {each.name: numbers(each) for each in two.scores}
    ones = _trained().test[chosen]
    shares = ones[:, 1:].mean(1)
    for way, errors in (("best", np.minimum(shares, 1 - shares)), ("mean", (shares, 1 - shares))):
        expected = np.sqrt(errors).reshape(-1, 30).mean(0)
        found_here = by_hand[f"first rmse_{way}"]["k nearest"]
        np.testing.assert_allclose(found_here, (expected.mean(), expected.std(ddof=1) / np.sqrt(30)), rtol=1e-6)
    # One completion for each example: that of the training example with its label.
    assert by_hand["first rmse_best"]["nearest"] == by_hand["first rmse_mean"]["nearest"]
    assert by_hand["first accuracy"]["k nearest"] == (1.0, 0.0)
    assert any("k nearest: the 2 nearest training examples" in note for note in two.notes)
    accuracies = numbers(by_name["random accuracy"])
    assert accuracies["mean fill"][0] < 1 == accuracies["real data"][0]
    assert any("--config.evaluation.other_run" in note for note in found.notes)
    assert any("without the mask `nothing`" in note for note in found.notes)
    other = PlainGenerator(lambda z: z, LATENTS["uniform"](4), "plain")
    without = measure(_trained(classify=None, other=other), masks, draws=2, examples=10)
    assert not [each for each in without.scores if "accuracy" in each.name]
    assert all("latent search" in each.by_method and each.samples <= 10 for each in without.scores)
    assert any("evaluation.features must be a classifier" in note for note in without.notes)
    MASKS[mine] = None


def test_a_mask_that_leaves_nothing_to_complete_is_left_out(mine):
    MASKS.pop(mine)
    found = measure(_trained(), {"whole": lambda key, count, shape: jnp.ones((count, 4))}, draws=2, examples=10)
    kinds = {each.name.partition(" ")[0] for each in found.scores}
    assert kinds == {"random", "mixed"} and any("Left out: whole" in note for note in found.notes)
    MASKS[mine] = None


RUN = OF_A_FILE | {
    "steps": "20",
    "sample_every": "10",
    "sample_count": "12",
    "checkpoint_every": "10",
    "dataset.name": "npz",
    "dataset.validation_examples": "40",
    "generator.output": "sigmoid",
    "evaluation.metrics": "task,sliced_wasserstein",
    "evaluation.features": "raw",
    "evaluation.samples": "32",
}
TASK = {"task": "inpainting", "inpainting.draws": "4", "inpainting.examples": "8", "discriminator_steps": "2"}
TASK |= {"inpainting.masks": "random,half"}  # scores are of all masks that suit the data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noisy images of 4 x 4 with a bright column."""
    random = np.random.default_rng(0)
    images = random.integers(100, size=(240, 4, 4, 1), dtype=np.uint8)
    images[np.arange(240), :, random.integers(4, size=240)] += 150
    path = tmp_path_factory.mktemp("data") / "columns.npz"
    np.savez(path, examples=images)
    return {"dataset.path": str(path)}


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A small run of the task."""
    workdir = tmp_path_factory.mktemp("inpainting")
    runs.run("train", "configs/ring.py", RUN | TASK | data, str(workdir), {})
    return workdir


@pytest.mark.slow
def test_it_resumes_bit_for_bit_and_streams_the_same_masks(data, run, tmp_path):
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", RUN | TASK | data | {"steps": steps}, str(tmp_path / "a"), {})
    assert_same_run(tmp_path / "a", run)
    other = RUN | TASK | data | {"dataset.placement": "stream", "steps": "10"}
    runs.run("train", "configs/ring.py", other, str(tmp_path / "b"), {})
    first = [json.loads((path / "metrics.jsonl").read_text().splitlines()[0]) for path in (tmp_path / "b", run)]
    for name, value in first[0].items():
        np.testing.assert_allclose(first[1][name], value, rtol=1e-4, err_msg=name)


@pytest.mark.slow
def test_samples_are_completions_of_test_examples(run, data):
    runs.run("sample", None, data, str(run), {"count": 9})
    archive = np.load(run / "samples" / "sample_step_00000020_seed_0.npz")
    # Nine examples are two rows of four draws; the masks take turns.
    assert archive["samples"].shape == (8, 4, 4, 1) and archive["originals"].shape == (2, 4, 4, 1)
    assert archive["kinds"].tolist() == ["random", "half"]
    test = np.load(data["dataset.path"])["examples"]
    assert {row.tobytes() for row in np.rint(archive["originals"] * 255).astype(np.uint8)} <= {
        x.tobytes() for x in test
    }
    made = archive["samples"].reshape(2, 4, 4, 4, 1)
    masks = np.broadcast_to(archive["masks"][:, None], made.shape)
    np.testing.assert_array_equal(
        made[masks > 0], np.broadcast_to(archive["originals"][:, None], made.shape)[masks > 0]
    )
    assert archive["masks"][1].sum() == 8 and np.ptp(made[1], axis=0).max() > 0  # of half an image, draws that differ
    runs.run("sample", None, data, str(run), {"count": 9, "plain": True})
    archive = np.load(run / "samples" / "sample_step_00000020_seed_0_plain.npz")
    assert archive["samples"].shape == (9, 4, 4, 1) and archive.files == ["samples"]
    with pytest.raises(UsageError, match="steps cannot be changed"):
        runs.run("sample", None, {"steps": "3"}, str(run), {})


@pytest.mark.slow
def test_an_evaluation_has_the_tasks_scores(run, data, tmp_path, capsys):
    plain = RUN | data | {"steps": "10", "evaluation.metrics": "auto"}
    runs.run("train", "configs/ring.py", plain, str(tmp_path), {})
    runs.run("evaluate", None, {"evaluation.other_run": str(tmp_path), "inpainting.examples": "6"}, str(run), {})
    found = json.loads((run / "evaluation" / "step_00000020_seed_0.json").read_text())
    scores = {score["name"]: score for score in found["task"]["scores"]}
    assert found["task"]["name"] == "inpainting" and [score["name"] for score in found["scores"]] == [
        "sliced_wasserstein"
    ]
    kinds = ("random", "half", "centre", "lines", "mixed")
    assert set(scores) == {f"{kind} rmse_{way}" for kind in kinds for way in ("best", "mean")}
    for score in scores.values():
        assert list(score["values"]) == ["this run", "mean fill", "nearest", "k nearest", "latent search"]
        assert all(0 < value["value"] < 1 and value["standard_error"] > 0 for value in score["values"].values())
        assert 0 < score["examples"] <= 6
    text = capsys.readouterr().out
    assert "half rmse_best" in text and "latent search: in the generator of" in text
    assert "half rmse_best" in (run / "report.html").read_text()
    with pytest.raises(UsageError, match="its generator has a condition"):
        runs.run("evaluate", None, {"evaluation.other_run": str(run)}, str(run), {})
    with pytest.raises(UsageError, match="task=none has no scores"):
        runs.run("evaluate", None, {"evaluation.metrics": "task"}, str(tmp_path), {})


@pytest.mark.slow
def test_a_member_of_a_sweep_is_the_run_alone(run, data, tmp_path):
    swept = {"population.seeds": "1", "population.grid": "discriminator_steps=2,1"}
    runs.run("sweep", "configs/ring.py", RUN | TASK | data | swept, str(tmp_path), {})
    members = [tmp_path / "members" / name for name in ("000", "001")]
    lines = [(path / "metrics.jsonl").read_bytes() for path in (*members, run)]
    assert lines[0] == lines[2] != lines[1]
    last = "samples/step_00000020.png"
    assert (members[0] / last).read_bytes() == (run / last).read_bytes()


@pytest.mark.medium
@pytest.mark.parametrize(
    "name",
    ["mlp", "dcgan"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("maxout", "cifar10", "resnet", "r3gan", "vit")],
)
def test_every_network_plays_with_masks(name):
    config = default.get_config()
    config.task, config.packing, config.precision, config.augmentation.names = "inpainting", 2, "bfloat16", ("noise",)
    config.discriminator.network = name
    shape = (32, 32, 3)
    if name != "maxout":  # which is a discriminator's
        config.generator.network, config.inpainting.encoder = name, (4, 8)
    config.generator.output = "linear" if name in ("cifar10", "r3gan") else "sigmoid"
    config.generator.output_bias = "zero"
    # cifar10 has one width, and r3gan one for each of 4, 8, 16 and 32 pixels.
    widths = {"cifar10": (8,), "r3gan": (32, 32, 32, 32)}.get(name, (8, 4))
    config.generator.widths = config.discriminator.widths = widths
    experiment = build(config, DataFacts(shape, 100))
    state = experiment.abstract_state()
    batch = {"real": jax.ShapeDtypeStruct((1, 4, *shape), jnp.float32)}
    after, metrics = jax.eval_shape(experiment.train_step(), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state) and metrics["d_loss"].shape == ()
