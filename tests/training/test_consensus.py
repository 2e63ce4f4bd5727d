"""Consensus optimisation: by hand, against finite differences in double precision, over devices and parts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import at, batch_norm_game, curved_game, data, difference, equal, noisy_game, scalar_game, start, step_of

from jaxgan.latents import LATENTS
from jaxgan.losses.penalties import lazy, r1
from jaxgan.parallel import distribute
from jaxgan.training.step import GANSpec, discriminator_update, generator_update, make_train_step


@pytest.mark.medium
def test_a_step_by_hand():
    # Wasserstein, real mean 2: ∂L_D/∂w = θ − 2 and ∂L_G/∂θ = −w, so ½‖v‖² = ½((θ − 2)² + w²), with γ = .3.
    # At w = .5, θ = −1 D descends −3 + .3·.5 = −2.85: w = .5 + .285 = .785. Its loss: .5·(−1 − 2) + .15·(9 + .25).
    # Then G descends −.785 + .3·(−1 − 2) = −1.685: θ = −1 + .1685. Its loss: .785 + .15·(9 + .785²).
    game, batch = scalar_game("wasserstein"), {"real": jnp.array([[1.0, 3.0]])}
    for weight in (0.3, jnp.float32(0.3)):
        state, metrics = jax.jit(lambda s, b, w: make_train_step(**game, consensus=w)(s, b))(
            at(game, 0.5, -1.0), batch, weight
        )
        np.testing.assert_allclose(state.discriminator.params["w"], 0.785, rtol=1e-6)
        np.testing.assert_allclose(state.generator.params["theta"], -0.8315, rtol=1e-6)
        np.testing.assert_allclose([metrics["d_gradient_norm"], metrics["g_gradient_norm"]], [2.85, 1.685], rtol=1e-6)
        np.testing.assert_allclose(metrics["d_loss"], -1.5 + 0.15 * 9.25, rtol=1e-5)
        np.testing.assert_allclose(metrics["g_loss"], 0.785 + 0.15 * (9 + 0.785**2), rtol=1e-6)
    plain, none = (make_train_step(**game, consensus=weight)(at(game, 0.5, -1.0), batch) for weight in (None, 0.0))
    assert equal(plain[0], none[0]) and plain[0].discriminator.params["w"] != 0.785


@pytest.mark.slow
@pytest.mark.parametrize("player", [pytest.param("discriminator", marks=pytest.mark.slow), "generator"])
def test_the_gradient_is_that_of_the_joint_fields_squared_length(player):
    """In float64: the field of hand-written losses with R1, its squared length by differences of its parameters."""
    with jax.enable_x64(True):
        game, key = curved_game(), jax.random.key(5)
        real = jax.random.uniform(jax.random.key(1), (4, 3), jnp.float64)
        state = jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, start(game, 0, (3,)))
        latents = LATENTS["normal"](2).sample(jax.random.split(key, 6)[0], 4)

        def d_loss(psi, theta):
            fake, slope = jnp.tanh(latents @ theta), 1 - jnp.tanh(real @ psi["w"]) ** 2
            logits = (jnp.tanh(x @ psi["w"]) @ psi["v"] for x in (real, fake))
            gradients = (slope * psi["v"][None]) @ psi["w"].T
            penalty = 0.7 / 2 * (gradients**2).sum(1).mean()
            return sum(jnp.log1p(jnp.exp(s * x)).mean() for s, x in zip((-1, 1), logits, strict=True)) + penalty

        def g_loss(psi, theta):
            return jnp.log1p(jnp.exp(-jnp.tanh(jnp.tanh(latents @ theta) @ psi["w"]) @ psi["v"])).mean()

        @jax.jit
        def half_squared_length(psi, theta):
            field = jax.grad(d_loss)(psi, theta), jax.grad(g_loss, 1)(psi, theta)
            return sum((leaf**2).sum() for leaf in jax.tree.leaves(field)) / 2

        psi, theta = state.discriminator.params, state.generator.params
        own = psi if player == "discriminator" else theta
        flat, shaped = jax.flatten_util.ravel_pytree(own)

        def moved(i, by):
            there = shaped(flat.at[i].add(by))
            return half_squared_length(*((there, theta) if player == "discriminator" else (psi, there)))

        expected = np.array([(moved(i, 1e-5) - moved(i, -1e-5)) / 2e-5 for i in range(flat.size)])
        assert np.abs(expected).max() > 0.1
        updates = {"discriminator": discriminator_update, "generator": generator_update}
        after = [
            jax.jit(functools.partial(updates[player], GANSpec(**game, penalties=(r1(0.7),), consensus=weight)))(
                state, key, real
            )[0].params
            for weight in (1e-9, 1.5)  # with the same keys for both
        ]
        ravelled = [np.asarray(jax.flatten_util.ravel_pytree(params)[0]) for params in after]
        np.testing.assert_allclose((ravelled[0] - ravelled[1]) / 0.1, 1.5 * expected, rtol=1e-6, atol=1e-8)


@functools.cache
def _trained(mapping, parts=1):
    options = {"consensus": 0.3, "penalties": (lazy(r1(0.1), 2),), "accumulation_steps": parts}
    factory = functools.partial(make_train_step, **noisy_game(), **options)
    step, place, place_batch = distribute(factory, mapping=mapping)
    state, batches = place(start(curved_game(), example_shape=(3,))), data(3, batch=16, shape=(3,))
    for i in range(3):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.generator.params, state.discriminator.params, metrics))


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_four_devices_in_two_parts_each_have_the_field_of_the_whole_batch(mapping):
    assert difference(_trained(mapping, 2), _trained("jit")) < 1e-6


@pytest.mark.medium
def test_the_layers_of_the_player_see_one_update_and_those_of_the_other_none():
    game = batch_norm_game()
    batch = step_of(data(1), 0)
    state, key = start(game), jax.random.key(3)

    @jax.jit
    def statistics(state):
        return [
            update(GANSpec(**game, consensus=weight), state, key, batch["real"][0])[0].model_state
            for weight in (None, 1.0)
            for update in (discriminator_update, generator_update)
        ]

    d_plain, g_plain, d_found, g_found = statistics(state)
    assert difference((d_plain, g_plain), (d_found, g_found)) < 1e-6
    assert difference(d_plain, state.discriminator.model_state) > 1e-3


def test_what_cannot_be():
    game = scalar_game()
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="consensus must be a finite number of at least 0, got"):
            make_train_step(**game, consensus=weight)
    with pytest.raises(ValueError, match="consensus and unrolled_steps cannot be together, got 2; leave one out"):
        make_train_step(**game, consensus=0.1, unrolled_steps=2)
