"""Information measures against scipy, closed forms of Gaussians, and the cases that other code gets wrong."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from jaxgan import theory
from jaxgan.theory import F_DIVERGENCES, FDivergence

LOG2 = np.log(2)
PAIRED = ["cross_entropy", "kl_divergence", "js_divergence", "total_variation"]


def random_pair(n=7, zeros=False, seed=0):
    generator = np.random.default_rng(seed)
    pair = generator.gamma(0.7, size=(2, n)) + 1e-4
    if zeros:
        pair[0, :2] = pair[1, 1:3] = 0  # a point only Q can reach, one that neither can, one only P can reach
    return pair / pair.sum(1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_against_scipy(seed):
    p, q = random_pair(seed=seed)
    np.testing.assert_allclose(theory.entropy(p), stats.entropy(p), rtol=1e-12)
    np.testing.assert_allclose(theory.kl_divergence(p, q), stats.entropy(p, q), rtol=1e-12)
    np.testing.assert_allclose(theory.cross_entropy(p, q), stats.entropy(p) + stats.entropy(p, q), rtol=1e-12)
    np.testing.assert_allclose(theory.js_divergence(p, q), jensenshannon(p, q) ** 2, rtol=1e-12)
    np.testing.assert_allclose(theory.js_divergence(p, q, base=2), jensenshannon(p, q, base=2) ** 2, rtol=1e-12)
    np.testing.assert_allclose(theory.total_variation(p, q), np.abs(p - q).sum() / 2, rtol=1e-12)
    np.testing.assert_allclose(theory.self_information(p), -np.log(p), rtol=1e-12)


def test_worked_case():
    # P = (1/2, 1/2), Q = (1/4, 3/4), M = (3/8, 5/8).
    p, q = jnp.array([0.5, 0.5]), jnp.array([0.25, 0.75])
    np.testing.assert_allclose(theory.entropy(p, base=2), 1.0)
    np.testing.assert_allclose(theory.self_information(0.125, base=2), 3.0)
    np.testing.assert_allclose(theory.kl_divergence(p, q), 0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    np.testing.assert_allclose(theory.kl_divergence(q, p), 0.25 * np.log(1 / 2) + 0.75 * np.log(3 / 2))
    # ½[½ log 4/3 + ½ log 4/5] + ½[¼ log 2/3 + ¾ log 6/5]
    jsd = 0.25 * np.log(16 / 15) + 0.125 * np.log(2 / 3) + 0.375 * np.log(6 / 5)
    np.testing.assert_allclose(theory.js_divergence(p, q), jsd)
    np.testing.assert_allclose(theory.total_variation(p, q), 0.25)


def test_the_range_of_the_jensen_shannon_divergence():
    apart = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    np.testing.assert_allclose(theory.js_divergence(*apart), LOG2, rtol=1e-15)  # nats: log 2, not 1
    np.testing.assert_allclose(theory.js_divergence(*apart, base=2), 1.0, rtol=1e-15)
    assert theory.js_divergence(apart[0], apart[0]) == 0


def test_infinite_where_it_is_infinite_and_only_there():
    p, q = random_pair(zeros=True)
    for infinite in (theory.kl_divergence, theory.cross_entropy):
        assert infinite(p, q) == np.inf and infinite(q, p) == np.inf
    supported = np.where(q > 0, p, 0) / p[q > 0].sum()
    assert np.isfinite(theory.kl_divergence(supported, q))
    np.testing.assert_allclose(theory.kl_divergence(supported, q), stats.entropy(supported, q))
    np.testing.assert_allclose(theory.js_divergence(p, q), jensenshannon(p, q) ** 2)
    assert theory.self_information(0.0) == np.inf


def test_empty_cells_count_nothing_in_values_and_gradients():
    p, q = (np.insert(x, 3, 0.0) for x in random_pair())
    for name in PAIRED:
        measure = getattr(theory, name)
        np.testing.assert_allclose(measure(p, q), measure(np.delete(p, 3), np.delete(q, 3)), rtol=1e-14)
        gradients = jax.jit(jax.grad(measure, argnums=(0, 1)))(p, q)
        assert all(np.isfinite(gradient).all() and gradient[3] == 0 for gradient in gradients), name
    assert np.isfinite(jax.jit(jax.grad(theory.entropy))(p)).all()


@pytest.mark.parametrize("name", PAIRED)
def test_gradients_against_finite_differences(name):
    measure = getattr(theory, name)
    p, q = random_pair()
    direction = np.random.default_rng(1).normal(size=p.shape)
    direction -= direction.mean()  # stays on the simplex
    step = 1e-6
    for which in (0, 1):
        moved = [[x + s * step * direction if i == which else x for i, x in enumerate((p, q))] for s in (1, -1)]
        numeric = (measure(*moved[0]) - measure(*moved[1])) / (2 * step)
        gradient = jax.jit(jax.grad(measure, argnums=which))(p, q)
        np.testing.assert_allclose(gradient @ direction, numeric, rtol=1e-6)


@pytest.mark.medium
@pytest.mark.parametrize("precise", [True, False])
def test_gradients_are_finite_in_the_tails_of_densities(precise):
    # The tails run down to the smallest numbers there are; 1/q² would overflow there.
    with jax.enable_x64(precise):
        reach = 30.0 if precise else 12.0
        x = jnp.linspace(-reach, reach, 601)
        p, q = (jnp.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (0.0, 1.0))
        measures = {name: getattr(theory, name) for name in PAIRED}
        measures |= {name: functools.partial(theory.f_divergence, f=name) for name in F_DIVERGENCES}
        width = float(x[1] - x[0])

        @jax.jit
        def gradients(p, q):
            return {
                name: jax.grad(functools.partial(of, cell_width=width), (0, 1))(p, q) for name, of in measures.items()
            }

        for first, second in ((p, q), (p, p)):
            for name, by_p_and_q in gradients(first, second).items():
                assert not np.isnan(np.stack(by_p_and_q)).any(), name
        by_q = jax.jit(jax.grad(theory.kl_divergence, argnums=1))(p * width, q * width)
        reached = (p * width > 0) & (q * width > 0)
        np.testing.assert_allclose(by_q[reached], -(p / q)[reached], rtol=1e-4)


def test_densities_on_a_grid_against_closed_forms_of_gaussians():
    edges = np.linspace(-14, 14, 4001)
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    p, q = stats.norm(0.5, 1.2).pdf(x), stats.norm(-0.3, 0.9).pdf(x)
    kl = np.log(0.9 / 1.2) + (1.2**2 + 0.8**2) / (2 * 0.9**2) - 0.5
    np.testing.assert_allclose(theory.kl_divergence(p, q, cell_width=width), kl, rtol=1e-9)
    np.testing.assert_allclose(theory.kl_divergence(p, q, cell_width=width, base=2), kl / LOG2, rtol=1e-9)
    np.testing.assert_allclose(theory.entropy(p, cell_width=width), stats.norm(0.5, 1.2).entropy(), rtol=1e-9)
    # A narrow density has a negative differential entropy: ½ log(2πe σ²) at σ = 0.05.
    narrow = stats.norm(0, 0.05).pdf(x)
    np.testing.assert_allclose(theory.entropy(narrow, cell_width=width), -1.5767937, rtol=1e-6)
    # Two densities of one width s, d apart: TV = 2 Φ(d/2s) − 1.
    shifted = stats.norm(0.5 + 1.8, 1.2).pdf(x)
    tv = 2 * stats.norm.cdf(1.8 / 2.4) - 1
    np.testing.assert_allclose(theory.total_variation(p, shifted, cell_width=width), tv, rtol=1e-5)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_f_divergences_are_the_sum_of_q_f(name):
    p, q = random_pair()
    f = {
        "kl": lambda t: t * np.log(t),
        "reverse_kl": lambda t: -np.log(t),
        "jensen_shannon": lambda t: (t * np.log(2 * t / (1 + t)) + np.log(2 / (1 + t))) / 2,
        "total_variation": lambda t: np.abs(t - 1) / 2,
        "pearson": lambda t: (t - 1) ** 2,
        "neyman": lambda t: (t - 1) ** 2 / t,
        "squared_hellinger": lambda t: (np.sqrt(t) - 1) ** 2,
    }[name]
    np.testing.assert_allclose(theory.f_divergence(p, q, name), (q * f(p / q)).sum(), rtol=1e-12)
    assert theory.f_divergence(p, p, name) == 0
    # The stated limits are those of f at both ends.
    tiny, huge = 1e-12, 1e12
    limits = F_DIVERGENCES[name].at_zero, F_DIVERGENCES[name].slope
    for limit, reached in zip(limits, (f(tiny), f(huge) / huge), strict=True):
        assert reached > 20 if np.isinf(limit) else abs(reached - limit) < 1e-4


def test_f_divergences_where_the_supports_differ():
    p, q = random_pair(zeros=True)
    only_p, only_q = p[q == 0].sum(), q[p == 0].sum()
    both = (p > 0) & (q > 0)
    hellinger = ((np.sqrt(p) - np.sqrt(q)) ** 2)[both].sum() + only_p + only_q
    np.testing.assert_allclose(theory.f_divergence(p, q, "squared_hellinger"), hellinger, rtol=1e-12)
    assert theory.f_divergence(p, q, "pearson") == np.inf
    # A function of one's own: the chi distance Σ |p − q|^1.5 / q^0.5, f(t) = |t − 1|^1.5.
    own = FDivergence(lambda p, q: jnp.abs(p - q) ** 1.5 / q**0.5, 1.0, float("inf"))
    q = (q + 1e-3) / (q + 1e-3).sum()
    expected = (np.abs(p - q) ** 1.5 / q**0.5).sum()
    np.testing.assert_allclose(theory.f_divergence(p, q, own), expected, rtol=1e-12)


@pytest.mark.slow
def test_leading_axes_are_a_batch_and_mappings_agree():
    pairs = np.stack([random_pair(seed=seed) for seed in range(3)], axis=1)  # [2, 3, n]
    for name in PAIRED:
        measure = getattr(theory, name)
        single = [measure(p, q) for p, q in zip(*pairs, strict=True)]
        np.testing.assert_allclose(measure(*pairs), single, rtol=1e-14)
        np.testing.assert_allclose(jax.jit(jax.vmap(measure))(*pairs), single, rtol=1e-14)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([0.5, 0.6], "total mass of 1.1 where 1 is needed; divide it by its sum, or pass cell_width"),
        ([-0.1, 1.1], "negative"),
        ([np.nan, 1.0], "not a number"),
        ([], "at least 1"),
        (1.0, "at least 1"),
    ],
)
def test_what_is_no_distribution_is_refused(vector, message):
    uniform = np.full(2, 0.5)
    with pytest.raises(ValueError, match=message):
        theory.entropy(vector)
    if np.shape(vector) == (2,):
        for p, q in ((vector, uniform), (uniform, vector)):
            for name in PAIRED:
                with pytest.raises(ValueError, match=message):
                    getattr(theory, name)(p, q)
        assert np.isnan(jax.jit(theory.kl_divergence)(jnp.asarray(vector), uniform))


def test_errors_name_both_shapes_the_base_and_the_grid():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        theory.kl_divergence(np.full(2, 1 / 2), np.full(3, 1 / 3))
    with pytest.raises(ValueError, match="base must be above 1, got 1"):
        theory.entropy([1.0], base=1)
    with pytest.raises(ValueError, match="check cell_width, or widen the grid"):
        theory.entropy([1.0, 1.0], cell_width=0.1)
    with pytest.raises(ValueError, match="cell_width must be above 0"):
        theory.entropy([1.0, 1.0], cell_width=-0.5)
    with pytest.raises(ValueError, match=r"f\(1\) must be 0, got -1"):
        theory.f_divergence([1.0], [1.0], FDivergence(lambda p, q: p - 2 * q, -2.0, 1.0))
    with pytest.raises(ValueError, match="a name in F_DIVERGENCES or an FDivergence, got function"):
        theory.f_divergence([1.0], [1.0], lambda t: t)
    with pytest.raises(ValueError, match="total mass of 1.1"):  # also while a gradient is taken
        jax.grad(theory.entropy)(jnp.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="unknown f-divergence 'kullback'; one of kl, "):
        theory.f_divergence([1.0], [1.0], "kullback")
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        theory.self_information([0.5, 1.5])


@pytest.mark.medium
def test_only_rounding_is_cut_off_at_0():
    # Masses that differ by 5e-4 are let through, and the sum is what it is: ½ log 1 + 0.4995·log 0.999.
    np.testing.assert_allclose(theory.kl_divergence([0.5, 0.4995], [0.5, 0.5]), 0.4995 * np.log(0.999), rtol=1e-9)
    with jax.enable_x64(False):
        rng = np.random.default_rng(0)
        for _ in range(20):
            p = rng.dirichlet(np.ones(50)).astype(np.float32)
            q = (p * (1 + 1e-7 * rng.normal(size=50))).astype(np.float32)
            assert theory.kl_divergence(p, q) >= 0 and theory.js_divergence(p, q) >= 0


@pytest.mark.medium
def test_single_precision_keeps_its_digits_where_the_two_are_nearly_equal():
    with jax.enable_x64(False):
        p = np.full(1000, 1e-3, np.float32)
        wave = np.where(np.arange(1000) % 2 == 0, 1e-4, -1e-4).astype(np.float32)
        q = p * (1 + wave)
        # KL ≈ ½ Σ (p − q)²/q = ½·1e-8, far below what p·log p − p·log q can resolve in 32 bits.
        np.testing.assert_allclose(theory.kl_divergence(p, q), 5e-9, rtol=0.02)
        np.testing.assert_allclose(theory.js_divergence(p, q), 1.25e-9, rtol=0.02)
        assert theory.kl_divergence(p, p).dtype == jnp.float32
