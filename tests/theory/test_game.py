"""Theorem 1, Proposition 1 and the decompositions, on random pairs of distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxgan import theory
from jaxgan.losses import binary_cross_entropy

LOG2, LOG4 = np.log(2), np.log(4)
PAIRS, POINTS = 2000, 12


def random_pairs():
    """[PAIRS, POINTS] twice: distributions that are unrelated, or the second a small step from the first.

    Weights are from 1 to 10⁶, or none at all with a probability that differs from row to row, so that supports differ.
    """
    rng = np.random.default_rng(0)
    weights = np.exp(rng.uniform(0, np.log(1e6), (2, PAIRS, POINTS)))
    weights *= rng.random(weights.shape) >= rng.choice([0.0, 0.3, 0.9], (2, PAIRS, 1))
    np.put_along_axis(weights, rng.integers(0, POINTS, (2, PAIRS, 1)), 1.0, axis=2)  # at least one point
    p, q = weights / weights.sum(2, keepdims=True)
    mix = rng.choice([0.0, 0.5, 0.99, 1 - 1e-6], (PAIRS, 1))
    return p, mix * p + (1 - mix) * q


def test_theorem_1():
    p, q = random_pairs()
    other = np.random.default_rng(1).uniform(0.01, 0.99, p.shape)

    @jax.jit
    def compute(p, q, other):
        optimal = theory.optimal_discriminator(p, q)
        return {
            "optimal": optimal,
            "value": theory.value(optimal, p, q),
            "criterion": theory.criterion(p, q),
            "of_logits": theory.value_of_logits(theory.optimal_logits(p, q), p, q),
            "at_equality": theory.criterion(p, p),
            "of_other": theory.value(other, p, q),
        }

    found = {name: np.asarray(x) for name, x in compute(p, q, other).items()}
    # Against numpy, by the definition.
    with np.errstate(divide="ignore", invalid="ignore"):
        optimal = np.where(p + q > 0, p / (p + q), 0.5)
        value = np.where(p > 0, p * np.log(optimal), 0) + np.where(q > 0, q * np.log(1 - optimal), 0)
    np.testing.assert_allclose(found["optimal"], optimal, atol=1e-15)
    np.testing.assert_allclose(found["value"], value.sum(1), atol=1e-12)
    # Theorem 1: max_D V(D, G) = C(G) = −log 4 + 2·JSD.
    np.testing.assert_allclose(found["value"], found["criterion"], atol=1e-6)
    np.testing.assert_allclose(found["of_logits"], found["criterion"], atol=1e-6)
    # Proposition 1: no other D does better.
    assert (found["of_other"] <= found["value"] + 1e-12).all()
    # −log 4 ≤ C(G) ≤ 0, with equality iff p_g = p_d: JSD ≥ ½ TV² by Pinsker's inequality, so C + log 4 ≥ TV².
    distance = np.abs(p - q).sum(1) / 2
    assert (found["criterion"] + LOG4 >= distance**2 - 1e-15).all()
    assert (found["criterion"] <= 1e-12).all()
    assert np.abs(found["at_equality"] + LOG4).max() < 1e-15


def test_both_decompositions_add_up():
    p, q = random_pairs()

    @jax.jit
    def compute(p, q):
        logits = theory.optimal_logits(p, q)
        non_saturating = theory.expectation(q, jax.nn.softplus(-logits))  # E_{p_g}[−log D*]
        minimax = -theory.expectation(p, jax.nn.softplus(-logits)) - theory.expectation(q, jax.nn.softplus(logits))
        return theory.minimax_terms(p, q).total, minimax, theory.non_saturating_terms(p, q), non_saturating

    minimax, expected_minimax, terms, expected = jax.tree.map(np.asarray, compute(p, q))
    np.testing.assert_allclose(minimax, expected_minimax, atol=1e-6)
    infinite = ((p == 0) & (q > 0)).any(1)
    assert 100 < infinite.sum() < PAIRS - 100
    total = np.asarray(terms.total)
    assert (total[infinite] == np.inf).all() and (expected[infinite] == np.inf).all()
    np.testing.assert_allclose(total[~infinite], expected[~infinite], atol=1e-6)
    kl = np.where(q > 0, q * np.log(np.where(q > 0, q / np.where(p > 0, p, 1), 1)), 0).sum(1)
    np.testing.assert_allclose(terms.kl[~infinite], kl[~infinite], atol=1e-6)
    np.testing.assert_array_equal(terms.constant, 2 * LOG2)


@pytest.mark.medium
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


@pytest.mark.medium
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
        gradient = jax.jit(jax.grad(theory.criterion, argnums=which))(p, q)
        np.testing.assert_allclose(gradient @ direction, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
    # In closed form ∂C/∂p_g = log(p_g/(p_d + p_g)), up to a constant that does not move mass about.
    expected = np.log(q / (p + q))
    np.testing.assert_allclose(gradient - gradient.mean(), expected - expected.mean(), atol=1e-10)
    # Danskin: the same through D*, and with D* held fixed.
    optimal = theory.optimal_discriminator(p, q)
    fixed = jax.jit(jax.grad(lambda q: theory.value(optimal, p, q)))(q)
    through = jax.jit(jax.grad(lambda q: theory.value(theory.optimal_discriminator(p, q), p, q)))(q)
    np.testing.assert_allclose(fixed @ direction, gradient @ direction, rtol=1e-10)
    np.testing.assert_allclose(through @ direction, gradient @ direction, rtol=1e-10)


@pytest.mark.slow
def test_two_gaussians_on_a_grid():
    edges = np.linspace(-12, 12, 2401)
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    p, q = stats.norm(0, 1).pdf(x), stats.norm(1, 1).pdf(x)

    @jax.jit
    def compute(p, q):
        optimal = theory.optimal_discriminator(p, q, cell_width=width)
        return {
            "optimal": optimal,
            "value": theory.value(optimal, p, q, cell_width=width),
            "criterion": theory.criterion(p, q, cell_width=width),
            "of_logits": theory.value_of_logits(theory.optimal_logits(p, q, cell_width=width), p, q, cell_width=width),
            "gradient": jax.grad(lambda q: theory.non_saturating_terms(p, q, cell_width=width).total)(q),
        }

    # D*(x) = sigmoid(log p_d − log p_g) = sigmoid(½ − x) for these two.
    found = compute(p, q)
    np.testing.assert_allclose(found["optimal"], 1 / (1 + np.exp(x - 0.5)), rtol=1e-9)
    np.testing.assert_allclose(found["value"], found["criterion"], rtol=1e-12)

    # Independent of the grid: JSD of N(0, 1) and N(1, 1) by adaptive quadrature.
    def integrand(t):
        a, b = stats.norm.pdf(t), stats.norm.pdf(t - 1)
        return 0.5 * (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b)))

    jsd = integrate.quad(integrand, -10, 11)[0]
    np.testing.assert_allclose(found["criterion"], -LOG4 + 2 * jsd, rtol=1e-9)
    with jax.enable_x64(False):  # where D itself rounds to 1, its logit does not
        found = compute(*(np.asarray(stats.norm(mean, 1).pdf(x), np.float32) for mean in (0, 3)))
        np.testing.assert_allclose(found["of_logits"], found["criterion"], rtol=1e-5)
        assert found["value"] == -np.inf and np.isfinite(found["gradient"]).all()


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
