"""The extragradient step: by hand, with Adam's moments, its draws, over devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import at, curved_game, data, difference, noisy_game, scalar_game, start, step_of

from jaxgan.losses.penalties import r1
from jaxgan.parallel import distribute
from jaxgan.training.coordination import Coordination
from jaxgan.training.step import make_train_step
from jaxgan.types import Latent, Network

BATCH = {"real": jnp.array([[1.0, 3.0]])}


def test_a_step_by_hand():
    # Wasserstein, real mean 2: ∂L_D/∂w = θ − 2 and ∂L_G/∂θ = −w. From w = .5, θ = −1 a first step of rate .1 leads to
    # w′ = .5 + .3 = .8 and θ′ = −1 + .05 = −.95. There the gradients are −2.95 and −.8, and they move w and θ.
    game = scalar_game("wasserstein")
    state, metrics = make_train_step(**game, extragradient=True)(at(game, 0.5, -1.0), BATCH)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.5 + 0.295, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["theta"], -1 + 0.08, rtol=1e-6)
    np.testing.assert_allclose([metrics["d_gradient_norm"], metrics["g_gradient_norm"]], [2.95, 0.8], rtol=1e-6)
    np.testing.assert_allclose([metrics["d_loss"], metrics["g_loss"]], [0.8 * (-0.95 - 2), 0.8 * 0.95], rtol=1e-6)
    # R1 = (γ/2)·w² adds γ·w, γ = 2: w′ = .5 + .2 = .7, and at it the gradient is θ′ − 2 + 1.4 = −1.55.
    state, _ = make_train_step(**game, extragradient=True, penalties=[r1(2.0)])(at(game, 0.5, -1.0), BATCH)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.5 + 0.155, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["theta"], -1 + 0.07, rtol=1e-6)


def test_the_average_is_of_where_the_step_ends():
    game = scalar_game("wasserstein")
    state, _ = make_train_step(**game, extragradient=True, average_decay=0.75)(at(game, 0.5, -1.0), BATCH)
    np.testing.assert_allclose(state.average_params["theta"], 0.75 * -1 + 0.25 * -0.92, rtol=1e-6)


def test_adam_s_moments_go_on_at_both_gradients():
    rate, b1, b2, eps = 0.1, 0.5, 0.9, 1e-3
    tx = optax.adam(rate, b1, b2, eps)
    game = scalar_game("wasserstein") | {"generator_tx": tx, "discriminator_tx": tx}
    state, step = at(game, 0.5, -1.0), jax.jit(make_train_step(**game, extragradient=True))
    point, mean, square = np.array([0.5, -1.0]), np.zeros(2), np.zeros(2)
    for t in range(1, 4):
        state, _ = step(state, BATCH)
        there = point
        for count in (2 * t - 1, 2 * t):  # ahead, and for the update
            gradient = np.array([there[1] - 2, -there[0]])
            mean, square = b1 * mean + (1 - b1) * gradient, b2 * square + (1 - b2) * gradient**2
            there = point - rate * mean / (1 - b1**count) / (np.sqrt(square / (1 - b2**count)) + eps)
        point = there
        found = state.discriminator.params["w"], state.generator.params["theta"]
        np.testing.assert_allclose(found, point, rtol=1e-5)
    counts = [
        int(count)
        for player in (state.generator, state.discriminator)
        for _, count in optax.tree_utils.tree_get_all_with_path(player.opt_state, "count")
    ]
    assert counts == [6, 6] and int(state.step) == 3


@pytest.mark.slow
def test_every_draw_of_a_step_has_a_key_of_its_own():
    seen = []

    def watched(network):
        def apply(variables, inputs, *, key=None, **options):
            seen.append(key)
            return network.apply(variables, inputs, **options)

        return Network(network.init, apply)

    game = scalar_game()
    state = start(game, example_shape=())
    game |= {name: watched(game[name]) for name in ("generator", "discriminator")}
    game |= {"latent": Latent(lambda key, count: seen.append(key) or jnp.zeros((count, 1)), 1)}
    with jax.disable_jit():
        for _ in range(2):
            state, _ = make_train_step(**game, extragradient=True)(state, BATCH)
    # For each of a step's four gradients a latent, a generator and two judgements.
    assert len(seen) == 2 * 4 * 4
    assert len({tuple(jax.random.key_data(key).tolist()) for key in seen}) == len(seen)


def test_the_states_of_layers_go_on_at_both_points():
    # A running mean of momentum .5 over the inputs, from 0: of real 4 and fake −1 it is .5·(.5·4) + .5·(−1) = .5.
    # At w = 0 the generator has no gradient, so ahead the fake is −1 too: .5·(.5·.5 + .5·4) + .5·(−1).
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        mean = 0.5 * variables["stats"]["mean"] + 0.5 * inputs.mean()
        return variables["params"]["w"] * inputs, {"stats": {"mean": mean}}

    def init(key, inputs, condition=None):
        return {"params": {"w": jnp.zeros(())}, "stats": {"mean": jnp.zeros(())}}

    game = scalar_game() | {"discriminator": Network(init, judge)}
    step = make_train_step(**game, extragradient=True)
    state, _ = step(start(game, example_shape=()), {"real": jnp.array([[3.0, 5.0]])})
    np.testing.assert_allclose(state.discriminator.model_state["stats"]["mean"], 0.5 * (0.25 + 2) - 0.5, rtol=1e-6)


@functools.cache
def _trained(mapping, parts=1):
    options = {"extragradient": True, "accumulation_steps": parts}
    step, place, place_batch = distribute(
        functools.partial(make_train_step, **noisy_game(), **options), mapping=mapping
    )
    state, batches = place(start(curved_game(), example_shape=(3,))), data(3, batch=16, shape=(3,))
    for i in range(3):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.generator.params, state.discriminator.params, metrics))


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_four_devices_in_two_parts_each_step_as_one_does(mapping):
    assert difference(_trained(mapping, 2), _trained("jit")) < 1e-6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"discriminator_steps": 2}, r"moves both players once: discriminator_steps and generator_steps are \(2, 1\)"),
        ({"generator_steps": 3}, r"are \(1, 3\)"),
        ({"unrolled_steps": 1}, "extragradient and unrolled_steps cannot be together, got 1; leave one out"),
        ({"coordination": Coordination()}, "moves both players in every step; leave coordination out"),
    ],
)
def test_what_cannot_be(options, said):
    with pytest.raises(ValueError, match=said):
        make_train_step(**scalar_game(), extragradient=True, **options)
