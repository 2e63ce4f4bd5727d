"""How the players keep in step: k by a schedule, a discriminator that rests, one that is looked through."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import data, difference, dropout_game, equal, flax_networks, scalar_game, start, step_of

from jaxgan.optimizers import OPTIMIZERS
from jaxgan.parallel import distribute
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.step import make_train_step
from jaxgan.types import Network


def _counts(state):
    return int(optax.tree_utils.tree_get_all_with_path(state.discriminator.opt_state, "count")[0][1])


def test_a_linear_schedule():
    steps = linear_steps(1, 5, 8)
    assert [int(steps(jnp.asarray(step))) for step in (0, 1, 2, 4, 8, 100)] == [1, 2, 2, 3, 5, 5]  # 1.5 rounds to even


def test_updates_before_a_step():
    build = pytest.importorskip("jaxgan.config.build", reason="needs ml_collections: pip install 'jaxgan[train]'")
    # k is 1, 2, 2, 3 in the first four steps and 5 from step 8 on; before it 1 + 2 + 2 + 2 + 3 + 4 + 4 + 4 = 22.
    counts = [int(linear_steps(1, 5, 8)(jnp.asarray(step))) for step in range(20)]
    np.testing.assert_array_equal(
        build.updates_before(np.arange(21), 1, 5, 8), np.concatenate([[0], np.cumsum(counts)])
    )
    assert build.updates_before(10**9, 3, 3, 8) == 3 * 10**9


@pytest.mark.slow
def test_k_by_a_schedule_makes_the_first_updates_alone():
    game, batches = dropout_game(), data(4, 3)
    step = jax.jit(make_train_step(**game, discriminator_steps=3, coordination=Coordination(linear_steps(1, 3, 2))))
    state = start(game)
    for i, expected in enumerate((1, 2, 3, 3)):
        before = _counts(state)
        # The same minibatches and keys as a step of k = 3 that stops there.
        state, metrics = step(state, step_of(batches, i))
        assert _counts(state) - before == expected == float(metrics["d_updates"])


def test_the_generator_sees_the_last_minibatch_that_was_due():
    game = scalar_game("relativistic_paired")
    options = {"discriminator_steps": 3, "coordination": Coordination(linear_steps(2, 3, 1000))}
    step, state = jax.jit(make_train_step(**game, **options)), start(game, example_shape=())
    real = jnp.array([[1.0, 3.0], [0.0, 2.0], [4.0, -2.0]])
    after, _ = step(state, {"real": real})
    unseen, _ = step(state, {"real": real.at[2].add(9.0)})
    seen, _ = step(state, {"real": real.at[1].add(9.0)})
    assert equal(after.generator, unseen.generator) and not equal(after.generator, seen.generator)


@pytest.mark.slow
def test_all_updates_are_those_of_a_step_without_coordination():
    game, batches = dropout_game(), data(4, 3)
    state = start(game)
    whole = jax.jit(make_train_step(**game, discriminator_steps=3))
    everything = jax.jit(make_train_step(**game, discriminator_steps=3, coordination=Coordination()))
    for found, plain in zip(everything(state, step_of(batches, 0)), whole(state, step_of(batches, 0)), strict=True):
        if isinstance(found, dict):
            assert found.pop("d_updates") == 3
        else:
            found, plain = (s.replace(key=jax.random.key_data(s.key)) for s in (found, plain))
        assert difference(found, plain) < 1e-6


@pytest.mark.medium
def test_a_discriminator_that_wins_rests():
    # D(x) = w·x, w = 1, fakes at θ = -1, real at 1: every logit is right, accuracy 1.
    game = scalar_game()
    ones = Network(lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}}, game["discriminator"].apply)
    game |= {"discriminator": ones}
    batch = {"real": jnp.ones((3, 4))}
    for limit, updates in ((0.9, 0), (1.0, 3)):
        step = make_train_step(**game, discriminator_steps=3, coordination=Coordination(accuracy_limit=limit))
        state, metrics = step(start(game, example_shape=()), batch)
        assert metrics["d_updates"] == updates
        assert (state.discriminator.params["w"] == 1) == (updates == 0)
        np.testing.assert_allclose(metrics["d_accuracy"], 1.0)
    # It rests from the first minibatch that it wins: here the second, where data are at 1 and not at -1.
    step = make_train_step(**game, discriminator_steps=3, coordination=Coordination(accuracy_limit=0.9))
    mixed = {"real": jnp.array([[-1.0] * 4, [1.0] * 4, [-1.0] * 4])}
    _, metrics = step(start(game, example_shape=()), mixed)
    assert metrics["d_updates"] == 1
    np.testing.assert_allclose(metrics["d_accuracy"], 0.75)  # ½ and 1, of the two that were computed


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_rest_as_one_does(mapping):
    options = {"discriminator_steps": 2, "coordination": Coordination(linear_steps(1, 2, 2), 0.7)}
    found = []
    for kind in (mapping, "jit"):
        step, place, place_batch = distribute(
            functools.partial(make_train_step, **dropout_game(), **options), mapping=kind
        )
        state, batches = place(start(dropout_game())), data(4, 2, batch=16)
        for i in range(4):
            state, metrics = step(state, place_batch(step_of(batches, i)))
        found.append((state.generator, state.discriminator, metrics))
    assert difference(*found) < 1e-5


def test_an_unrolled_discriminator_by_hand():
    # D(x) = w·x, data at 0, w = 0, G = θ = -1, SGD .1. D's gradient in w is σ(wθ)·θ, so its own update makes w₁ = .05,
    # and looked ahead once it is w₂(θ) = w₁ - .1·σ(w₁θ)·θ. G descends softplus(-w₂(θ)·θ).
    game = scalar_game()
    batch = {"real": jnp.zeros((1, 4))}
    state, _ = make_train_step(**game, unrolled_steps=1)(start(game, example_shape=()), batch)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.05, atol=1e-7)

    def loss(theta):
        ahead = 0.05 - 0.1 * theta / (1 + np.exp(-0.05 * theta))
        return np.log1p(np.exp(-ahead * theta))

    slope = (loss(-1 + 1e-5) - loss(-1 - 1e-5)) / 2e-5
    np.testing.assert_allclose(state.generator.params["theta"], -1 - 0.1 * slope, atol=1e-6)
    plain, _ = make_train_step(**game)(start(game, example_shape=()), batch)
    assert abs(float(plain.generator.params["theta"] - state.generator.params["theta"])) > 1e-3
    with pytest.raises(ValueError, match="unrolled_steps must be at least 0"):
        make_train_step(**game, unrolled_steps=-1)


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_look_ahead_as_one_does(mapping):
    # Some of its units are dead: their gradients are 0, where Adam's root has no derivative.
    game = dropout_game() | {"discriminator": flax_networks().mlp(output_shape=(), widths=(12, 8), keep_hidden=0.5)}
    step, place, place_batch = distribute(functools.partial(make_train_step, **game, unrolled_steps=2), mapping=mapping)
    alone = jax.jit(make_train_step(**game, unrolled_steps=2))
    state, expected = place(start(game)), start(game)
    for i in range(2):
        state, metrics = step(state, place_batch(step_of(data(2, batch=16), i)))
        expected, last = alone(expected, step_of(data(2, batch=16), i))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((last, expected.generator, metrics)))
    assert difference((state.generator, metrics), (expected.generator, last)) < 1e-5


def test_optimistic_adam_is_two_steps_less_the_one_before():
    gradients = [jnp.array([1.0, -2.0]), jnp.array([0.5, 0.3]), jnp.array([-1.0, 4.0])]
    adam, optimistic = (OPTIMIZERS[name](0.1) for name in ("adam", "optimistic_adam"))
    params = jnp.zeros(2)
    a, o, before = adam.init(params), optimistic.init(params), None
    for gradient in gradients:
        plain, a = adam.update(gradient, a, params)
        found, o = optimistic.update(gradient, o, params)
        np.testing.assert_allclose(found, plain if before is None else 2 * plain - before, rtol=1e-5)
        before = plain
