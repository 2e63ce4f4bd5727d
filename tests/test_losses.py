"""Losses against published cases, their closed forms, and the traps of other libraries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.losses import LOSSES

REAL = jnp.array([-5.0, 1.4, 12.5, 2.7])
FAKE = jnp.array([10.0, 4.4, -5.5, 3.6])


# TensorFlow-GAN's own cases, recomputed in float64.
@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("non_saturating", 1.38582, 5.833866),
        ("minimax", -4.510821, 5.833866),
        ("hinge", -3.125, 6.75),
        ("wasserstein", -3.125, 0.225),
    ],
)
def test_published_case(name, generator, discriminator):
    np.testing.assert_allclose(LOSSES[name].generator(REAL, FAKE), generator, rtol=1e-5)
    np.testing.assert_allclose(LOSSES[name].discriminator(REAL, FAKE), discriminator, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_finite_values_and_gradients_at_extreme_logits(name):
    extreme = jnp.array([1e4, -1e4, 1e4, -1e4]), jnp.array([1e4, -1e4, -1e4, 1e4])
    for loss in LOSSES[name]:
        value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(*extreme)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_scalar_and_invariant_to_the_order_of_the_batch(name):
    order = jnp.array([2, 0, 3, 1])
    for loss in LOSSES[name]:
        assert loss(REAL, FAKE).shape == ()
        np.testing.assert_allclose(loss(REAL[order], FAKE[order]), loss(REAL, FAKE), rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("real", "fake"), [((4,), (4, 1)), ((4,), (3,)), ((), ()), ((4, 1), (4, 1))])
def test_shapes_that_would_broadcast_are_refused_by_name(name, real, fake):
    for loss in LOSSES[name]:
        with pytest.raises(ValueError) as error:
            loss(jnp.zeros(real), jnp.zeros(fake))
        assert str(real) in str(error.value) and str(fake) in str(error.value)


def test_equilibrium_without_a_factor_of_one_half():
    zeros = jnp.zeros(3)  # D = 1/2 everywhere
    for name in ("minimax", "non_saturating"):
        np.testing.assert_allclose(LOSSES[name].discriminator(zeros, zeros), 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(LOSSES["minimax"].generator(zeros, zeros), -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(LOSSES["non_saturating"].generator(zeros, zeros), np.log(2), rtol=1e-6)
    assert LOSSES["hinge"].discriminator(zeros, zeros) == 2 and LOSSES["hinge"].generator(zeros, zeros) == 0
    assert LOSSES["wasserstein"].discriminator(zeros, zeros) == LOSSES["wasserstein"].generator(zeros, zeros) == 0


def test_minimax_saturates_where_non_saturating_does_not():
    # d/dl of -softplus(l) is -sigmoid(l); of softplus(-l) it is -sigmoid(-l). At l = -10, sigmoid(l) = 4.54e-5.
    losing = jnp.array([-10.0])
    gradients = {name: jax.grad(LOSSES[name].generator, argnums=1)(losing, losing)[0] for name in LOSSES}
    np.testing.assert_allclose(gradients["minimax"], -4.539787e-05, rtol=1e-5)
    np.testing.assert_allclose(gradients["non_saturating"], -0.9999546, rtol=1e-6)
