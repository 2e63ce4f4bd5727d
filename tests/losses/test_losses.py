"""Losses against published cases, their closed forms, and the traps of other libraries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan.losses import LOSSES, bounded_exp, named_loss, smooth_real_labels, weigh_discriminator
from jaxgan.theory import SOLUTIONS

REAL = jnp.array([-5.0, 1.4, 12.5, 2.7])
FAKE = jnp.array([10.0, 4.4, -5.5, 3.6])


def _halves(name):
    return named_loss(name).discriminator, named_loss(name).generator


# TensorFlow-GAN's own cases, recomputed in float64.
@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("non_saturating", 1.38582, 5.833866),
        ("minimax", -4.510821, 5.833866),
        ("hinge", -3.125, 6.75),
        ("wasserstein", -3.125, 0.225),
        ("least_squares", 17.69625, 41.73375),
    ],
)
def test_published_case(name, generator, discriminator):
    np.testing.assert_allclose(named_loss(name).generator(REAL, FAKE), generator, rtol=1e-5)
    np.testing.assert_allclose(named_loss(name).discriminator(REAL, FAKE), discriminator, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [("relativistic_average", 4.9401135, 4.390114), ("relativistic_paired", 4.589827, 4.314827)],
)
def test_published_case_of_relativistic_losses(name, generator, discriminator):
    real = jnp.array([-2.0, 0.4, 12.5, 2.7])
    np.testing.assert_allclose(named_loss(name).generator(real, FAKE), generator, rtol=1e-5)
    np.testing.assert_allclose(named_loss(name).discriminator(real, FAKE), discriminator, rtol=1e-5)


# Conjugates f*(g(v)) by hand, in float64, from the source's tables 2 and 6.
F_GANS = {
    "f_kl": (lambda v: v, lambda t: np.exp(t - 1)),
    "f_reverse_kl": (lambda v: -np.exp(-v), lambda t: -1 - np.log(-t)),
    "f_pearson": (lambda v: v, lambda t: t**2 / 4 + t),
    "f_squared_hellinger": (lambda v: 1 - np.exp(-v), lambda t: t / (1 - t)),
    "f_jensen_shannon": (lambda v: np.log(2) - np.log1p(np.exp(-v)), lambda t: -np.log(2 - np.exp(t))),
}


@pytest.mark.parametrize("name", F_GANS)
def test_f_gans_are_their_tables(name):
    output, conjugate = F_GANS[name]
    real, fake = np.array([-2.0, 0.3, 4.0]), np.array([1.5, -0.7, 3.0])
    expected = -output(real).mean() + conjugate(output(fake)).mean()
    np.testing.assert_allclose(named_loss(name).discriminator(*map(jnp.asarray, (real, fake))), expected, rtol=1e-5)
    generator = named_loss(name).generator(*map(jnp.asarray, (real, fake)))
    np.testing.assert_allclose(generator, -conjugate(output(fake)).mean(), rtol=1e-5)


def test_exponentials_go_on_as_their_tangent_above_20():
    x = jnp.array([-50.0, 0.0, 19.0, 20.0, 21.0, 1e4])
    expected = [np.exp(-50.0), 1.0, np.exp(19.0), np.exp(20.0), 2 * np.exp(20.0), (1 + 1e4 - 20) * np.exp(20.0)]
    np.testing.assert_allclose(bounded_exp(x), expected, rtol=2e-6)
    slopes = jax.vmap(jax.grad(bounded_exp))(x)
    np.testing.assert_allclose(slopes, np.exp(np.minimum(x, 20.0)), rtol=2e-6)


def test_only_differences_of_logits_matter_to_relativistic_losses():
    for name in ("relativistic_paired", "relativistic_average"):
        for half in _halves(name):
            np.testing.assert_allclose(half(REAL + 3, FAKE + 3), half(REAL, FAKE), rtol=1e-5)
    # Paired: real i with generated i, and no other: sp(10 - -5) + sp(3) + sp(-18) + sp(.9), of four.
    expected = np.log1p(np.exp([15.0, 3.0, -18.0, 0.9])).mean()
    np.testing.assert_allclose(LOSSES["relativistic_paired"].discriminator(REAL, FAKE), expected, rtol=1e-5)


def test_smoothed_labels():
    smoothed = smooth_real_labels(LOSSES["non_saturating"], 0.9)
    softplus = np.log1p(np.exp(-np.abs(REAL))) + np.maximum(REAL, 0)  # softplus(l); softplus(-l) is it less l
    expected = (0.9 * (softplus - REAL) + 0.1 * softplus).mean() + np.logaddexp(0, FAKE).mean()
    np.testing.assert_allclose(smoothed.discriminator(REAL, FAKE), expected, rtol=1e-5)
    assert smoothed.generator is LOSSES["non_saturating"].generator
    # The optimum for p_d = p_g is D = alpha/2, where a smoothing that scales the logit has it at 1/2.
    logits = jnp.log(jnp.array([0.45 / 0.55]))
    slope = jax.grad(lambda both: smoothed.discriminator(both, both))(logits)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    squares = smooth_real_labels(LOSSES["least_squares"], 0.9)
    expected = (np.square(REAL - 0.9).mean() + np.square(FAKE).mean()) / 2
    np.testing.assert_allclose(squares.discriminator(REAL, FAKE), expected, rtol=1e-6)
    np.testing.assert_allclose(
        smooth_real_labels(LOSSES["minimax"], 1.0).discriminator(REAL, FAKE), 5.833866, rtol=1e-5
    )
    with pytest.raises(ValueError, match="only a loss with labels"):
        smooth_real_labels(LOSSES["hinge"], 0.9)
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\], got 1.2"):
        smooth_real_labels(LOSSES["minimax"], 1.2)


@pytest.mark.parametrize("name", LOSSES)
def test_finite_values_and_gradients_at_extreme_logits(name):
    extreme = jnp.array([1e4, -1e4, 1e4, -1e4]), jnp.array([1e4, -1e4, -1e4, 1e4])
    for loss in _halves(name):
        value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(*extreme)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_scalar_and_invariant_to_the_order_of_the_batch(name):
    order = jnp.array([2, 0, 3, 1])
    for loss in _halves(name):
        assert loss(REAL, FAKE).shape == ()
        np.testing.assert_allclose(loss(REAL[order], FAKE[order]), loss(REAL, FAKE), rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("real", "fake"), [((4,), (4, 1)), ((4,), (3,)), ((), ()), ((4, 1), (4, 1))])
def test_shapes_that_would_broadcast_are_refused_by_name(name, real, fake):
    for loss in _halves(name):
        with pytest.raises(ValueError) as error:
            loss(jnp.zeros(real), jnp.zeros(fake))
        assert str(real) in str(error.value) and str(fake) in str(error.value)


def test_equilibrium_without_a_factor_of_one_half():
    zeros = jnp.zeros(3)  # D = 1/2 everywhere
    for name in ("minimax", "non_saturating"):
        np.testing.assert_allclose(named_loss(name).discriminator(zeros, zeros), 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(LOSSES["minimax"].generator(zeros, zeros), -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(LOSSES["non_saturating"].generator(zeros, zeros), np.log(2), rtol=1e-6)
    assert LOSSES["hinge"].discriminator(zeros, zeros) == 2 and LOSSES["hinge"].generator(zeros, zeros) == 0
    assert LOSSES["wasserstein"].discriminator(zeros, zeros) == LOSSES["wasserstein"].generator(zeros, zeros) == 0


def test_minimax_saturates_where_non_saturating_does_not():
    # d/dl of -softplus(l) is -sigmoid(l); of softplus(-l) it is -sigmoid(-l). At l = -10, sigmoid(l) = 4.54e-5.
    losing = jnp.array([-10.0])
    gradients = {name: jax.grad(named_loss(name).generator, argnums=1)(losing, losing)[0] for name in LOSSES}
    np.testing.assert_allclose(gradients["minimax"], -4.539787e-05, rtol=1e-5)
    np.testing.assert_allclose(gradients["non_saturating"], -0.9999546, rtol=1e-6)


RATIOS = [name for name in LOSSES if named_loss(name).log_ratio is not None]


@pytest.mark.parametrize("name", RATIOS)
def test_log_ratios_are_those_of_every_losss_solution(name):
    p_data, p_generator = np.array([0.1, 0.6, 0.3]), np.array([0.5, 0.2, 0.3])
    logits = SOLUTIONS[name].optimal_logits(p_data, p_generator)
    np.testing.assert_allclose(named_loss(name).log_ratio(logits), np.log(p_data / p_generator), rtol=1e-5, atol=1e-6)


def test_losses_whose_logits_do_not_determine_the_ratio_have_none():
    assert set(LOSSES) - set(RATIOS) == {
        *("least_squares", "hinge", "wasserstein", "relativistic_paired", "relativistic_average", "f_pearson")
    }


@pytest.mark.parametrize("name", [name for name in SOLUTIONS if named_loss(name).threshold is not None])
def test_thresholds_are_the_optimal_logit_where_both_densities_are_equal(name):
    less, more = SOLUTIONS[name].optimal_logits(np.array([0.29, 0.31]), np.array([0.3, 0.3]))
    assert less < named_loss(name).threshold < more


def test_losses_without_a_threshold():
    assert {name for name in LOSSES if named_loss(name).threshold is None} == {
        *("wasserstein", "relativistic_paired", "relativistic_average")
    }
    assert (LOSSES["f_kl"].threshold, LOSSES["f_pearson"].threshold) == (1, 0)  # 1 + log 1 and 2(1 − 1)


def test_a_loss_of_two_functions_has_the_defaults():
    loss = jaxgan.Loss(*_halves("hinge"))
    assert (loss.log_ratio, loss.threshold, loss.metrics, loss.smoothed) == (None, 0.0, None, None)
    assert loss.pair_generator(loss.discriminator)(REAL, FAKE) == loss.discriminator(FAKE, REAL)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_does_not_compare_is_the_mean_of_its_halves(name):
    loss = named_loss(name)
    real, fake = (jax.random.normal(jax.random.key(i), (8,)) for i in range(2))
    halves = (loss.discriminator, loss.generator, *((loss.metrics,) if loss.metrics else ()))
    for half in halves:
        of_parts = jax.tree.map(lambda a, b: (a + b) / 2, half(real[:4], fake[:4]), half(real[4:], fake[4:]))
        gap = max(jax.tree.leaves(jax.tree.map(lambda a, b: abs(float(a - b)), of_parts, half(real, fake))))
        assert gap > 1e-3 if loss.compares else gap < 1e-6


def test_facts_of_wrapped_losses():
    # Smoothed: D* = α p_d/(p_d + p_g), so the logit is not log p_d/p_g; a weight does not move the optimum.
    smoothed, weighed = smooth_real_labels(LOSSES["minimax"], 0.9), weigh_discriminator(LOSSES["minimax"], 3.0)
    assert smoothed.log_ratio is None and weighed.log_ratio(2.5) == 2.5
    assert not smoothed.cross_entropy and weighed.cross_entropy and smoothed.threshold == weighed.threshold == 0
    assert smooth_real_labels(LOSSES["least_squares"], 0.9).threshold == 0.45
    # With the label .5 for data, D* = p_d/(2 (p_d + p_g)) is nowhere above ½.
    assert smooth_real_labels(LOSSES["minimax"], 0.5).threshold is None
    assert weigh_discriminator(LOSSES["wasserstein"], 3.0).threshold is None
    # In any order: 3 times the smoothed loss.
    expected = 3 * smoothed.discriminator(REAL, FAKE)
    np.testing.assert_allclose(smooth_real_labels(weighed, 0.9).discriminator(REAL, FAKE), expected, rtol=1e-6)
    np.testing.assert_allclose(weigh_discriminator(smoothed, 3.0).discriminator(REAL, FAKE), expected, rtol=1e-6)
