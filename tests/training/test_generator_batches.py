"""Data, a size and conditions of the generator's own updates: isolated from the discriminator's, on four devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import curved_game, data, difference, equal, scalar_game, start

from jaxgan.losses.penalties import r1
from jaxgan.losses.terms import TERMS
from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step
from jaxgan.types import BatchShard, DiscriminatorOutput, Network


def _batch(k, own, size=8, seed=1):
    return {"real": data(1, k + own, size, (3,), seed)["real"][0]}


def test_the_generator_compares_with_data_of_its_own():
    # D(x) = w·x, G(z) = θ = -1, relativistic: G's gradient in θ is -σ(w·(x - θ))·w, its mean over its own x.
    game = scalar_game("relativistic_paired")
    judge = game["discriminator"].apply
    game["discriminator"] = Network(lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}}, judge)
    real = jnp.array([[1.0, 3.0], [0.0, 2.0], [4.0, -2.0]])  # D's, and two minibatches of the generator's
    step = jax.jit(make_train_step(**game, generator_batches=2))
    after, _ = step(start(game, example_shape=()), {"real": real})
    w = float(after.discriminator.params["w"])
    assert w != 1
    slope = w / (1 + np.exp(-w * (np.array([0.0, 2.0, 4.0, -2.0]) + 1)))
    np.testing.assert_allclose(after.generator.params["theta"], -1 + 0.1 * slope.mean(), rtol=1e-6)


@pytest.mark.slow
def test_each_players_data_touch_that_player_only():
    game, batch = curved_game(), _batch(2, 2 * 1)
    options = {"discriminator_steps": 2, "generator_steps": 2}
    step = jax.jit(make_train_step(**game, **options, generator_batches=1))
    state = start(game, example_shape=(3,))
    first, metrics = step(state, batch)
    # The discriminator's updates are those of a step in which the generator sees the last of its minibatches.
    shared, _ = jax.jit(make_train_step(**game, **options))(state, {"real": batch["real"][:2]})
    assert equal(first.discriminator, shared.discriminator)
    moved, _ = step(state, {"real": batch["real"].at[2:].add(0.5)})
    assert equal(moved.discriminator, first.discriminator)
    # A loss that does not compare does not read them: only their number matters, the latents' number.
    assert equal(moved.generator, first.generator) and equal(first.generator, shared.generator)
    larger, more = jax.jit(make_train_step(**game, **options, generator_batches=3))(state, _batch(2, 2 * 3))
    assert (
        not equal(larger.generator, first.generator) and np.isfinite(more["g_loss"]) and np.isfinite(metrics["g_loss"])
    )


def _conditional_game():
    """G(z, c) = M z + a_c and D(x, c) = v·tanh(W x) + b_c·x, for integers c of three classes."""

    def generate(variables, latents, *, condition=None, key=None, train=False):
        params = variables["params"]
        return jnp.tanh(latents @ params["m"]) + params["a"][condition], {}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        return jnp.tanh(inputs @ params["w"]).sum(1) + (params["b"][condition] * inputs).sum(1), {}

    def first(names):
        def init(key, inputs, condition=None):
            keys = jax.random.split(key, len(names))
            return {"params": {n: jax.random.normal(k, s) for k, (n, s) in zip(keys, names.items(), strict=True)}}

        return init

    return curved_game() | {
        "generator": Network(first({"m": (2, 3), "a": (3, 3)}), generate),
        "discriminator": Network(first({"w": (3, 3), "b": (3, 3)}), judge),
    }


def _draw(key, count):
    return jax.random.randint(key, (count,), 0, 3)


CONDITIONAL = {"generator_batches": 2, "condition_prior": _draw, "generator_steps": 2}


def _conditional_batch():
    real = _batch(1, 2 * 2)["real"]
    return {"real": real, "condition": jnp.zeros(real.shape[:2], jnp.int32)}


@pytest.mark.slow
def test_generated_examples_have_conditions_of_their_own():
    # All data are of class 0. With their labels, nothing else of the tables a and b moves; with draws all rows do.
    game = _conditional_game()
    state = start(game, example_shape=(3,), condition=jnp.zeros(2, jnp.int32))
    rows = {}
    for name, prior in (("data", None), ("draws", _draw), ("fixed", lambda key, count: jnp.full(count, 2))):
        step = jax.jit(make_train_step(**game, **CONDITIONAL | {"condition_prior": prior}))
        after, _ = step(state, _conditional_batch())
        moved = [
            np.abs(getattr(after, player).params[table] - getattr(state, player).params[table]).max(1) > 0
            for player, table in (("generator", "a"), ("discriminator", "b"))
        ]
        rows[name] = [row.tolist() for row in moved]
    assert rows == {
        "data": [[True, False, False], [True, False, False]],
        "draws": [[True, True, True], [True, True, True]],
        "fixed": [[False, False, True], [True, False, True]],  # D's row 0 by the data, row 2 by what is generated
    }


@pytest.mark.slow
def test_a_classifier_is_told_the_labels_of_each_side():
    game = _conditional_game()
    judge = game["discriminator"].apply

    def classify(variables, inputs, **options):
        logits, state = judge(variables, inputs, **options)
        return DiscriminatorOutput(logits, class_logits=inputs @ variables["params"]["b"]), state

    game["discriminator"] = Network(game["discriminator"].init, classify)
    state = start(game, example_shape=(3,), condition=jnp.zeros(2, jnp.int32))
    found = []
    for number in (0, 2):
        prior = lambda key, count, number=number: jnp.full(count, number)  # noqa: E731
        options = CONDITIONAL | {"condition_prior": prior, "terms": [TERMS["auxiliary_classifier"](1.0)]}
        found.append(jax.jit(make_train_step(**game, **options))(state, _conditional_batch())[1]["g_terms"])
    assert found[0] != found[1]


@pytest.mark.slow
@pytest.mark.parametrize(("mapping", "loss"), [("pmap", "hinge"), ("shard_map", "relativistic_paired")])
def test_four_devices_see_the_same_batches_and_conditions(mapping, loss):
    game = _conditional_game() | {"loss": scalar_game(loss)["loss"]}
    first, found = start(game, example_shape=(3,), condition=jnp.zeros(2, jnp.int32)), []
    batch = _conditional_batch()
    batch["condition"] = jnp.arange(batch["condition"].size).reshape(batch["condition"].shape) % 3
    for kind in (mapping, "jit"):
        factory = functools.partial(make_train_step, **game, **CONDITIONAL)
        step, place, place_batch = distribute(factory, mapping=kind)
        state, metrics = step(place(first), place_batch(batch))
        found.append((state.generator.params, state.discriminator.params, metrics))
    assert difference(*found) < 1e-5


def test_what_cannot_be_is_refused():
    game = curved_game()
    state = start(game, example_shape=(3,))
    step = make_train_step(**game, discriminator_steps=2, generator_batches=2)
    with pytest.raises(ValueError, match="k = discriminator_steps = 2, and 2 for the generator, generator_steps times"):
        step(state, _batch(2, 0))
    for options, said in (
        ({"generator_batches": -1}, "generator_batches must be at least 0"),
        ({"generator_batches": 1, "extragradient": True}, "leave generator_batches out"),
        ({"condition_prior": _draw, "penalties": [r1(1.0)]}, "penalties judge all points under the data's conditions"),
    ):
        with pytest.raises(ValueError, match=said):
            make_train_step(**game, **options)


# From a config


def test_a_config_reads_data_for_both_players():
    pytest.importorskip("jaxgan.config", reason="needs ml_collections and flax: pip install 'jaxgan[train]'")
    from jaxgan.config import DataFacts, build, check, complete, minibatches_per_step, schema

    config = complete({"batch_size": 10, "discriminator_steps": 5, "generator_batches": 2, "condition": "labels"})
    config = schema.replaced(config, {"generated_labels": "uniform", "generator_optimizer.momentum_schedule": "linear"})
    check(config)
    assert minibatches_per_step(config) == 7
    experiment = build(config, DataFacts((4,), 700, classes=3))
    assert experiment.options["generator_batches"] == 2
    labels = experiment.options["condition_prior"](jax.random.key(0), 3_000)
    np.testing.assert_allclose(np.bincount(labels) / 3_000, 1 / 3, atol=0.03)
    for change, classes in (({"generated_labels": "data"}, 3), ({"condition": "none"}, None)):
        plain = build(schema.replaced(config, change), DataFacts((4,), 700, classes=classes))
        assert plain.options["condition_prior"] is None
    # 70 minibatches are an epoch, so ten steps are: ten updates of the generator, fifty of the discriminator.
    tx = experiment.options["generator_tx"]
    state, params, momenta = tx.init({"w": jnp.zeros(1)}), {"w": jnp.zeros(1)}, []
    for _ in range(11):
        _, state = tx.update({"w": jnp.ones(1)}, state, params)
        momenta.append(
            float(optax.tree_utils.tree_get(state, "b1", filtering=lambda path, leaf: isinstance(leaf, jax.Array)))
        )
    assert momenta[:10] == [0.5] * 10 and momenta[10] != 0.5


def test_a_prior_of_conditions_draws_a_tree_for_the_rows_of_a_device():
    two = {"label": jax.random.randint, "vector": lambda key, shape, low, high: jax.random.normal(key, (*shape, 2))}

    def prior(key, count):
        return {name: draw(key, (count,), 0, 3) for name, draw in two.items()}

    def per_device(_):
        return BatchShard("i").draw(functools.partial(prior, jax.random.key(0)), 2)

    rows = jax.pmap(per_device, axis_name="i")(jnp.arange(4))
    for name, drawn in prior(jax.random.key(0), 8).items():
        np.testing.assert_array_equal(rows[name].reshape(drawn.shape), drawn)


@pytest.mark.parametrize(
    ("prior", "without", "said"),
    [
        (lambda key, count: jnp.zeros(count + 1, jnp.int32), False, r"must return \[count, ...\], got \(9,\) of 8"),
        (lambda key, count: jnp.zeros(count, jnp.int32), True, 'batch needs a "condition" too'),
    ],
)
def test_a_prior_of_conditions_that_does_not_fit(prior, without, said):
    game, batch = _conditional_game(), _batch(1, 0)
    condition = jnp.zeros((1, 8), jnp.int32)
    state = start(game, example_shape=(3,), condition=condition[0, :2])
    step = make_train_step(**game, condition_prior=prior)
    with pytest.raises(ValueError, match=said):
        step(state, batch if without else batch | {"condition": condition})
