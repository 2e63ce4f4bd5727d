"""Gradient penalties against hand-worked cases, finite differences, and the mistakes of other libraries."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import data, difference, equal, scalar_game, start, step_of

from jaxgan.latents import LATENTS
from jaxgan.parallel import distribute
from jaxgan.penalties import PENALTIES, r1, r2, squared_gradient_norms
from jaxgan.state import Network
from jaxgan.step import Game, generator_update, make_train_step

KEY = jax.random.key(0)
SHAPE = (2, 3, 2)  # of an example: an image of two channels


def curved_critic(examples, weights=None):
    """tanh of two directions, added up: a gradient that differs from example to example."""
    weights = jnp.linspace(-1, 1, 24).reshape(12, 2) if weights is None else weights
    return jnp.tanh(examples.reshape(-1, 12) @ weights).sum(1)


def examples(seed, count=5):
    return jax.random.normal(jax.random.key(seed), (count, *SHAPE))


def test_worked_case():
    # l(x) = 3 x_1 + 4 x_2 has ‖∇l‖² = 25 everywhere, so (γ/2)·E‖∇l‖² = 25 at γ = 2, on one example or many.
    def critic(x):
        return x @ jnp.array([3.0, 4.0])

    for name in PENALTIES:
        for count in (1, 8):
            points = jnp.ones((count, 2))
            np.testing.assert_allclose(PENALTIES[name](2.0)(critic, points, points, KEY), 25.0)
    # l(x) = x²: ∇l = 2x, so on x = (1, 2, 3) the mean square is 4·14/3, and (1/2)·56/3 = 28/3.
    scalar = jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(r1(1.0)(jnp.square, scalar, scalar, KEY), 28 / 3, rtol=1e-6)


def test_r1_reads_the_data_and_r2_the_generated_examples():
    real, fake = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(r1(1.0)(jnp.square, real, fake, KEY), 28 / 3, rtol=1e-6)
    np.testing.assert_allclose(r2(1.0)(jnp.square, real, fake, KEY), 2 / 3, rtol=1e-6)


def test_one_norm_per_example_over_all_of_its_dimensions():
    with jax.enable_x64(True):
        x = examples(0).astype(jnp.float64)
        weights = np.linspace(-1, 1, 24).reshape(12, 2)

        def logit(flat):
            return np.tanh(flat @ weights).sum()

        expected = []
        for flat in np.asarray(x).reshape(5, 12):
            step = 1e-6 * np.eye(12)
            gradient = [(logit(flat + e) - logit(flat - e)) / 2e-6 for e in step]
            expected.append(np.square(gradient).sum())
        critic = functools.partial(curved_critic, weights=jnp.asarray(weights))
        np.testing.assert_allclose(squared_gradient_norms(critic, x), expected, rtol=1e-7)
        np.testing.assert_allclose(r1(0.1)(critic, x, x, KEY), 0.05 * np.mean(expected), rtol=1e-7)


def test_one_backward_pass_gives_every_examples_own_gradient():
    x = examples(1)
    own = jax.vmap(jax.grad(lambda e: curved_critic(e[None])[0]))(x)
    np.testing.assert_allclose(squared_gradient_norms(curved_critic, x), jnp.square(own).sum((1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_is_a_scalar_that_grows_with_its_weight_and_spares_a_flat_critic(name):
    real, fake = examples(2), examples(3)

    def penalty(gamma, weights):
        return PENALTIES[name](gamma)(functools.partial(curved_critic, weights=weights), real, fake, KEY)

    weights = jnp.linspace(-1, 1, 24).reshape(12, 2)
    assert penalty(1.0, weights).shape == () and penalty(1.0, weights) > 0
    np.testing.assert_allclose(penalty(3.0, weights), 3 * penalty(1.0, weights), rtol=1e-6)
    assert penalty(1.0, 0 * weights) == 0
    assert np.isfinite(jax.grad(penalty, argnums=1)(1.0, 0 * weights)).all()  # a square root would give NaN here


@pytest.mark.parametrize("name", PENALTIES)
def test_errors(name):
    with pytest.raises(ValueError, match="examples of type uint8; scale them to floats"):
        PENALTIES[name](1.0)(curved_critic, *2 * [examples(0).astype(jnp.uint8)], KEY)
    for wrong in (-1.0, float("nan"), np.float32(-1), jnp.array(-1.0)):
        with pytest.raises(ValueError, match="gamma must be at least 0, got"):
            PENALTIES[name](wrong)
    with pytest.raises(ValueError, match=r"logits \[batch\], got \(5, 1\)"):
        PENALTIES[name](1.0)(lambda x: curved_critic(x)[:, None], examples(0), examples(0), KEY)


def test_a_step_with_r1_by_hand():
    # D(x) = w·x at w = 1: R1 = (γ/2)·w² adds γ·w = 4 to the gradient, and the step of rate 0.1 takes −0.4 more.
    game = scalar_game()
    judge = game["discriminator"].apply
    ones = Network(lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}}, judge)
    game |= {"discriminator": ones}
    batch = {"real": jnp.array([[1.0, 3.0]])}
    after = [
        make_train_step(**game, penalties=penalties)(start(game, example_shape=()), batch)[0]
        for penalties in ([], [r1(4.0)], [r1(1.0), r2(3.0)])
    ]
    weights = [float(state.discriminator.params["w"]) for state in after]
    np.testing.assert_allclose(np.array(weights[1:]) - weights[0], -0.4, rtol=1e-5)


def small_game():
    """D(x) = v·tanh(xW), G(z) = zM."""

    def init_discriminator(key, inputs, condition=None):
        return {"params": {"w": jax.random.normal(key, (6, 4)), "v": jnp.ones(4)}}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        return jnp.tanh(inputs @ params["w"]) @ params["v"], {}

    def init_generator(key, inputs, condition=None):
        return {"params": jax.random.normal(key, (4, 6))}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return latents @ variables["params"], {}

    return scalar_game() | {
        "discriminator": Network(init_discriminator, judge),
        "generator": Network(init_generator, generate),
        "latent": LATENTS["normal"](4),
    }


def test_the_generators_update_does_not_see_a_penalty():
    state, real = start(small_game()), step_of(data(1), 0)["real"][0]
    games = (Game(**small_game(), penalties=penalties) for penalties in ((), (r1(5.0), r2(5.0))))
    assert equal(*(generator_update(game, state, KEY, real)[0].params for game in games))


@functools.cache
def _trained(mapping):
    factory = functools.partial(make_train_step, **small_game(), penalties=(r1(0.5), r2(0.5)))
    step, place_state, place_batch = distribute(factory, mapping=mapping)
    state, batches = place_state(start(small_game())), data(5, batch=16)
    for i in range(5):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_penalise_as_one_does(mapping):
    assert difference(_trained(mapping), _trained("jit")) < 1e-5
