"""Theorem 1, Proposition 1 and the decompositions, on random pairs of distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from jaxgan import theory
from jaxgan.losses import binary_cross_entropy

LOG2, LOG4 = np.log(2), np.log(4)
POINTS = 12


@st.composite
def distributions(draw):
    """Up to twelve points with weights from 1 to 10⁶ or none at all, so that supports differ."""
    weights = draw(st.lists(st.one_of(st.just(0), st.integers(1, 10**6)), min_size=POINTS, max_size=POINTS))
    weights[draw(st.integers(0, POINTS - 1))] += 1
    return np.array(weights, np.float64) / sum(weights)


@st.composite
def pairs(draw):
    """Two distributions: unrelated, or the second a small step from the first."""
    p, q = draw(distributions()), draw(distributions())
    mix = draw(st.sampled_from([0.0, 0.5, 0.99, 1 - 1e-6]))
    return p, mix * p + (1 - mix) * q


@jax.jit
def _theorem(p, q):
    optimal = theory.optimal_discriminator(p, q)
    return {
        "optimal": optimal,
        "value": theory.value(optimal, p, q),
        "criterion": theory.criterion(p, q),
        "of_logits": theory.value_of_logits(theory.optimal_logits(p, q), p, q),
        "at_equality": theory.criterion(p, p),
    }


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(pairs(), st.lists(st.floats(0.01, 0.99), min_size=POINTS, max_size=POINTS))
def test_theorem_1(pair, other):
    p, q = pair
    with jax.enable_x64(True):
        found = {name: np.asarray(x) for name, x in _theorem(p, q).items()}
        of_other = float(_value(np.array(other), p, q))
    # Against numpy, by the definition.
    with np.errstate(divide="ignore", invalid="ignore"):
        optimal = np.where(p + q > 0, p / (p + q), 0.5)
        value = np.where(p > 0, p * np.log(optimal), 0).sum() + np.where(q > 0, q * np.log(1 - optimal), 0).sum()
    np.testing.assert_allclose(found["optimal"], optimal, atol=1e-15)
    np.testing.assert_allclose(found["value"], value, atol=1e-12)
    # Theorem 1: max_D V(D, G) = C(G) = −log 4 + 2·JSD.
    np.testing.assert_allclose(found["value"], found["criterion"], atol=1e-6)
    np.testing.assert_allclose(found["of_logits"], found["criterion"], atol=1e-6)
    # Proposition 1: no other D does better.
    assert of_other <= found["value"] + 1e-12
    # −log 4 ≤ C(G) ≤ 0, with equality iff p_g = p_d: JSD ≥ ½ TV² by Pinsker's inequality, so C + log 4 ≥ TV².
    distance = np.abs(p - q).sum() / 2
    assert found["criterion"] + LOG4 >= distance**2 - 1e-15
    assert found["criterion"] <= 1e-12
    assert abs(found["at_equality"] + LOG4) < 1e-15


_value = jax.jit(theory.value)


@jax.jit
def _terms(p, q):
    logits = theory.optimal_logits(p, q)
    non_saturating = theory.expectation(q, jax.nn.softplus(-logits))  # E_{p_g}[−log D*]
    minimax = -theory.expectation(p, jax.nn.softplus(-logits)) - theory.expectation(q, jax.nn.softplus(logits))
    return theory.minimax_terms(p, q).total, minimax, theory.non_saturating_terms(p, q), non_saturating


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pairs())
def test_both_decompositions_add_up(pair):
    p, q = pair
    with jax.enable_x64(True):
        minimax, expected_minimax, terms, expected = jax.tree.map(np.asarray, _terms(p, q))
        total = np.asarray(terms.total)
    np.testing.assert_allclose(minimax, expected_minimax, atol=1e-6)
    if (q[p == 0] > 0).any():
        assert total == np.inf and expected == np.inf
        return
    np.testing.assert_allclose(total, expected, atol=1e-6)
    np.testing.assert_allclose(
        terms.kl, np.where(q > 0, q * np.log(np.where(q > 0, q / np.where(p > 0, p, 1), 1)), 0).sum(), atol=1e-6
    )
    assert terms.constant == 2 * LOG2


def test_worked_case():
    # p_d = (1/2, 1/2), p_g = (1/4, 3/4): D* = (2/3, 2/5), V = ½ log 2/3 + ½ log 2/5 + ¼ log 1/3 + ¾ log 3/5.
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    np.testing.assert_allclose(theory.optimal_discriminator(p, q), [2 / 3, 2 / 5])
    value = 0.5 * np.log(2 / 3) + 0.5 * np.log(2 / 5) + 0.25 * np.log(1 / 3) + 0.75 * np.log(3 / 5)
    np.testing.assert_allclose(theory.criterion(p, q), value)
    np.testing.assert_allclose(theory.criterion(p, q, base=2), value / LOG2)
    np.testing.assert_allclose(theory.value(np.full(2, 0.5), p, q), -LOG4)
    terms = theory.non_saturating_terms(p, q)
    np.testing.assert_allclose(terms.total, -0.25 * np.log(2 / 3) - 0.75 * np.log(2 / 5))
    np.testing.assert_allclose(terms.data, 0.5 * np.log(2 / 3) + 0.5 * np.log(2 / 5))


def test_points_of_one_player_alone():
    p, q = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.5, 0.5, 0.0])
    np.testing.assert_array_equal(theory.optimal_discriminator(p, q), [1, 0.5, 0, 0.5])
    np.testing.assert_array_equal(theory.optimal_logits(p, q), [np.inf, 0, -np.inf, 0])
    np.testing.assert_allclose(theory.value(np.array([1, 0.5, 0, 0.5]), p, q), -LOG2)  # finite: 0·log 0 = 0
    assert theory.value(np.array([0, 0.5, 0, 0.5]), p, q) == -np.inf  # certain, and wrong


def test_gradients_of_the_criterion_against_finite_differences():
    rng = np.random.default_rng(0)
    p, q, direction = rng.dirichlet(np.full(8, 5.0)), rng.dirichlet(np.full(8, 5.0)), rng.normal(size=8)
    direction -= direction.mean()
    for which in (0, 1):
        step = 1e-6
        ends = [
            theory.criterion(*(x + s * step * direction if i == which else x for i, x in enumerate((p, q))))
            for s in (1, -1)
        ]
        gradient = jax.grad(theory.criterion, argnums=which)(jnp.asarray(p), jnp.asarray(q))
        np.testing.assert_allclose(gradient @ direction, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
    # In closed form ∂C/∂p_g = log(p_g/(p_d + p_g)), up to a constant that does not move mass about.
    expected = np.log(q / (p + q))
    np.testing.assert_allclose(gradient - gradient.mean(), expected - expected.mean(), atol=1e-10)
    # Danskin: the same through D*, and with D* held fixed.
    optimal = theory.optimal_discriminator(p, q)
    fixed = jax.grad(lambda q: theory.value(optimal, p, q))(jnp.asarray(q))
    through = jax.grad(lambda q: theory.value(theory.optimal_discriminator(p, q), p, q))(jnp.asarray(q))
    np.testing.assert_allclose(fixed @ direction, gradient @ direction, rtol=1e-10)
    np.testing.assert_allclose(through @ direction, gradient @ direction, rtol=1e-10)


def test_two_gaussians_on_a_grid():
    edges = np.linspace(-12, 12, 2401)
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    p, q = stats.norm(0, 1).pdf(x), stats.norm(1, 1).pdf(x)
    # D*(x) = sigmoid(log p_d − log p_g) = sigmoid(½ − x) for these two.
    optimal = theory.optimal_discriminator(p, q, cell_width=width)
    np.testing.assert_allclose(optimal, 1 / (1 + np.exp(x - 0.5)), rtol=1e-9)
    criterion = theory.criterion(p, q, cell_width=width)
    np.testing.assert_allclose(theory.value(optimal, p, q, cell_width=width), criterion, rtol=1e-12)

    # Independent of the grid: JSD of N(0, 1) and N(1, 1) by adaptive quadrature.
    def integrand(t):
        a, b = stats.norm.pdf(t), stats.norm.pdf(t - 1)
        return 0.5 * (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b)))

    np.testing.assert_allclose(criterion, -LOG4 + 2 * integrate.quad(integrand, -10, 11)[0], rtol=1e-9)
    with jax.enable_x64(False):  # where D itself rounds to 1, its logit does not
        p, q = (np.asarray(stats.norm(mean, 1).pdf(x), np.float32) for mean in (0, 3))
        logits = theory.optimal_logits(p, q)
        np.testing.assert_allclose(
            theory.value_of_logits(logits, p, q, cell_width=width),
            theory.criterion(p, q, cell_width=width),
            rtol=1e-5,
        )
        assert theory.value(theory.optimal_discriminator(p, q), p, q, cell_width=width) == -np.inf
        gradient = jax.grad(lambda q: theory.non_saturating_terms(p, q, cell_width=width).total)(q)
        assert np.isfinite(gradient).all()


def test_estimates_from_samples():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, 20000), rng.normal(1, 1, 20000)
    at_optimum = 0.5 - real, 0.5 - fake
    value, error = theory.estimate_value(*at_optimum)
    np.testing.assert_allclose(value, -binary_cross_entropy(*map(jnp.asarray, at_optimum)), rtol=1e-12)
    terms = np.log1p(np.exp(-at_optimum[0])), np.log1p(np.exp(at_optimum[1]))
    np.testing.assert_allclose(error, np.sqrt((terms[0].var(ddof=1) + terms[1].var(ddof=1)) / 20000), rtol=1e-10)
    edges = np.linspace(-12, 12, 2401)
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    exact = theory.criterion(stats.norm(0, 1).pdf(x), stats.norm(1, 1).pdf(x), cell_width=width)
    assert abs(value - exact) < 4 * error
    bound, bound_error = theory.js_lower_bound(*at_optimum)
    np.testing.assert_allclose([bound, bound_error], [(value + LOG4) / 2, error / 2], rtol=1e-12)
    # A worse discriminator bounds from further below; a constant one not at all.
    worse, _ = theory.js_lower_bound(0.3 * at_optimum[0], 0.3 * at_optimum[1])
    assert worse < bound - 5 * bound_error
    np.testing.assert_allclose(theory.js_lower_bound(np.zeros(5), np.zeros(3)), [0, 0], atol=1e-15)


def test_errors_name_the_argument():
    uniform = np.full(2, 0.5)
    with pytest.raises(ValueError, match="apply sigmoid to logits"):
        theory.value(np.array([2.0, -1.0]), uniform, uniform)
    with pytest.raises(ValueError, match=r"logits must have the shape of p_data, \(2,\), got \(3,\)"):
        theory.value_of_logits(np.zeros(3), uniform, uniform)
    with pytest.raises(ValueError, match=r"d must have the shape of p_data, \(2,\), got \(3,\)"):
        theory.value(np.full(3, 0.5), uniform, uniform)
    with pytest.raises(ValueError, match="p_generator has a total mass of 2"):
        theory.criterion(uniform, 2 * uniform)
    with pytest.raises(ValueError, match="p_data has an entry that is negative"):
        theory.optimal_discriminator(np.array([-1.0, 2.0]), uniform)
    with pytest.raises(ValueError, match="p_data and p_generator must have one shape"):
        theory.optimal_discriminator(np.full(3, 1 / 3), uniform)
    with pytest.raises(ValueError, match="p_data has a total mass of 2"):
        theory.optimal_discriminator(2 * uniform, uniform, cell_width=1.0)
    with pytest.raises(ValueError, match="fake_logits must be a vector of at least 2 logits"):
        theory.estimate_value(np.zeros(4), np.zeros((4, 1)))
    assert np.isnan(jax.jit(theory.value)(np.array([2.0, 0.5]), uniform, uniform))
