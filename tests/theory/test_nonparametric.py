"""Proposition 2: p_g converges to p_d, and C(G) falls to −log 4."""

import jax
import numpy as np
import optax
import pytest
from scipy import stats

from jaxgan.theory import descend

LOG4 = np.log(4)


def start(seed=0, n=20):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n))


@pytest.mark.medium
def test_the_minimax_step_of_rate_1_halves_the_distance():
    # exp(−log(1 − D*)) = (p_d + p_g)/p_g, so the step is p_g ← (p_d + p_g)/2.
    p, q = start()
    points = descend(p, q, steps=10).p_generator
    exact = p + 0.5 ** np.arange(11)[:, None] * (q - p)
    np.testing.assert_allclose(points, exact, atol=1e-12)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_the_criterion_falls_to_minus_log_4(name, rate):
    p, q = start(seed=int(10 * rate))
    descent = descend(p, q, loss=name, steps=200, learning_rate=rate)
    assert (np.diff(descent.criterion) <= 1e-15).all()
    assert (np.diff(descent.divergence) <= 1e-15).all()
    np.testing.assert_allclose(descent.criterion[-1], -LOG4, atol=1e-9)
    np.testing.assert_allclose(descent.p_generator[-1], p, atol=1e-6)
    np.testing.assert_allclose(descent.p_generator.sum(1), 1, atol=1e-12)
    assert descent.criterion[0] > -LOG4 + 0.05


@pytest.mark.parametrize("name", ["hinge", "wasserstein"])
def test_losses_whose_gradient_jumps_converge_with_a_falling_rate(name):
    p, q = start()
    schedule = optax.exponential_decay(1.0, 20, 0.9)
    descent = descend(p, q, loss=name, steps=2000, learning_rate=schedule)
    assert descent.divergence[0] > 0.3
    assert descent.divergence[-1] < 1e-3
    np.testing.assert_allclose(descent.criterion[-1], -LOG4, atol=1e-3)


def test_the_equilibrium_is_a_fixed_point():
    p, _ = start()
    for name in ("minimax", "non_saturating"):  # the others' D* is a sign, here that of a rounding error
        descent = descend(p, p, loss=name, steps=3)
        np.testing.assert_allclose(descent.p_generator[-1], p, atol=1e-15)
        np.testing.assert_allclose(descent.divergence, 0, atol=1e-15)


@pytest.mark.medium
def test_mass_where_no_data_are_is_taken_away():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.3, 0.5])
    for name in ("minimax", "non_saturating"):
        descent = descend(p, q, loss=name, steps=60)
        np.testing.assert_allclose(descent.p_generator[-1], p, atol=1e-12)
    # The non-saturating loss is infinite there: all of that mass goes in one step.
    assert descent.p_generator[1, 2] == 0


def test_densities_on_a_grid():
    x = (np.arange(400) + 0.5) / 400 * 16 - 8
    p, q = stats.norm(0, 1).pdf(x), stats.norm(1.5, 1.5).pdf(x)
    descent = descend(p, q, steps=30, cell_width=0.04)
    np.testing.assert_allclose(descent.p_generator[-1], p, atol=1e-6)
    np.testing.assert_allclose(descent.criterion[-1], -LOG4, atol=1e-9)


@pytest.mark.medium
def test_errors():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    with pytest.raises(ValueError, match="p_generator is 0 at a point that p_data can reach"):
        descend(p, q, steps=1)
    assert np.isnan(jax.jit(lambda p, q: descend(p, q, steps=1).criterion)(p, q)).all()
    with pytest.raises(ValueError, match="learning_rate must be above 0, got -1"):
        descend(p, p, steps=1, learning_rate=-1.0)
    with pytest.raises(ValueError, match="steps must be at least 0, got -3"):
        descend(p, p, steps=-3)
    with pytest.raises(ValueError, match="unknown loss vanilla; a name is needed, one of minimax"):
        descend(p, p, loss="vanilla", steps=1)
    with pytest.raises(ValueError, match="must be vectors"):
        descend(p[None], p[None], steps=1)


def test_single_precision_goes_down_as_well():
    with jax.enable_x64(False):
        descent = descend(*map(np.float32, start()), steps=40)
        np.testing.assert_allclose(descent.criterion[-1], -LOG4, atol=1e-6)
