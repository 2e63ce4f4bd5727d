"""What the table claims of every loss, checked by training and by differentiating that very loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import theory
from jaxgan.losses import LOSSES, named_loss
from jaxgan.theory import SOLUTIONS
from jaxgan.theory.solutions import UNSOLVED
from jaxgan.training.step import Game, discriminator_update, init_state
from jaxgan.types import Latent, Network
from tests.selected import slow_but

# Of 64 examples: likelier as data, likelier as generated, alike, and one point for either alone.
COUNTS_DATA = np.array([20, 6, 12, 16, 10, 0])
COUNTS_GENERATOR = np.array([10, 18, 12, 4, 0, 20])
P_DATA, P_GENERATOR = COUNTS_DATA / 64, COUNTS_GENERATOR / 64
# The same, every point for both: for losses that have no optimum, or no finite one, where one player alone can come.
COUNTS_BOTH = np.array([20, 6, 12, 16, 4, 6]), np.array([10, 16, 12, 6, 12, 8])
PARTS = ("generator", "discriminator", "generator_tx", "discriminator_tx", "latent")
UNBOUNDED = ("f_kl", "f_reverse_kl", "f_pearson", "f_squared_hellinger")


def test_every_loss_is_solved_or_said_not_to_be():
    assert SOLUTIONS.keys() | UNSOLVED.keys() == LOSSES.keys() and not SOLUTIONS.keys() & UNSOLVED.keys()


def within(bound):
    """Keeps every parameter in [−bound, bound] after a step: projected gradient descent."""

    def update(updates, state, params):
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["minimax", "wasserstein", "f_kl", "hinge"], SOLUTIONS))
def test_a_tabular_discriminator_trained_by_the_loss_reaches_the_optimal_one(name):
    solution = SOLUTIONS[name]
    counts = COUNTS_BOTH if name in UNBOUNDED else (COUNTS_DATA, COUNTS_GENERATOR)
    p_data, p_generator = counts[0] / 64, counts[1] / 64
    cells = np.arange(6, dtype=np.float32)
    points = {"real": np.repeat(cells, counts[0]), "fake": np.repeat(cells, counts[1])}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return variables["params"][inputs.astype(int)], {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return jnp.asarray(points["fake"]), {}  # p_g exactly, in every minibatch

    rate = optax.linear_schedule(0.1, 0.0, 2000)
    tx = optax.adam(rate, b1=0.0, b2=0.9)
    game = Game(
        generator=Network(lambda key, inputs, condition=None: {"params": {}}, generate),
        discriminator=Network(lambda key, inputs, condition=None: {"params": jnp.zeros(6)}, judge),
        loss=named_loss(name),
        generator_tx=optax.identity(),
        discriminator_tx=tx if solution.bound is None else optax.chain(tx, within(solution.bound)),
        latent=Latent(lambda key, count: jnp.zeros((count, 1)), 1),
    )
    parts = {k: v for k, v in game._asdict().items() if k in PARTS}
    real = jnp.asarray(points["real"])
    state = init_state(jax.random.key(0), **parts, example=real)

    def step(player, key):
        return discriminator_update(game, state.replace(discriminator=player), key, real)

    player, metrics = jax.jit(lambda p: jax.lax.scan(step, p, jax.random.split(state.key, 2000)))(state.discriminator)
    logits = solution.optimal_logits(p_data, p_generator)
    found = np.asarray(player.params)
    if name == "hinge":  # a point of one player alone costs nothing from the margin outwards: bring it back to ±1
        alone = (p_data == 0) | (p_generator == 0)
        found = np.where(alone, np.clip(found, -1, 1), found)
    np.testing.assert_allclose(jax.nn.sigmoid(found), jax.nn.sigmoid(logits), atol=1e-3)
    finite = np.isfinite(logits)
    np.testing.assert_allclose(found[finite], logits[finite], atol=5e-3)
    # The loss it ends at is the smallest there is, and what `expected_loss` says of the closed form.
    best = theory.expected_loss(named_loss(name).discriminator, logits, p_data, p_generator)
    np.testing.assert_allclose(metrics["d_loss"][-1], best, atol=2e-3)
    rng = np.random.default_rng(0)
    bound = 4.0 if solution.bound is None else solution.bound
    for other in rng.uniform(-bound, bound, (20, 6)):
        assert theory.expected_loss(named_loss(name).discriminator, other, p_data, p_generator) >= best - 1e-12


@pytest.mark.medium
@pytest.mark.parametrize("name", SOLUTIONS)
def test_values_at_equilibrium(name):
    solution, p = SOLUTIONS[name], np.array([0.2, 0.5, 0.3])
    logits = solution.optimal_logits(p, p)
    np.testing.assert_allclose(logits, solution.equilibrium_logit, rtol=1e-15)
    for half in ("discriminator", "generator"):
        expected = theory.expected_loss(getattr(named_loss(name), half), logits, p, p)
        np.testing.assert_allclose(getattr(solution, f"{half}_loss"), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(solution.divergence(p, p), 0, atol=1e-15)


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["minimax", "wasserstein", "f_kl", "hinge"], SOLUTIONS))
def test_the_generator_follows_the_gradient_of_the_divergence(name):
    rng = np.random.default_rng(1)
    solution = SOLUTIONS[name]
    tied = jnp.array([0.3, 0.3, 0.4]), jnp.array([0.1, 0.5, 0.4])  # the third point is as likely under both
    for p, q in [tied] + [tuple(map(jnp.asarray, rng.dirichlet(np.full(3, 3.0), 2))) for _ in range(4)]:
        fixed = solution.optimal_logits(p, q)
        losses = jax.grad(lambda q, fixed=fixed, p=p: theory.expected_loss(named_loss(name).generator, fixed, p, q))(q)
        divergence = jax.grad(lambda q, p=p: solution.divergence(p, q))(q)
        np.testing.assert_allclose(losses - losses.mean(), divergence - divergence.mean(), atol=1e-10)
        assert solution.divergence(p, q) > 1e-3


@pytest.mark.parametrize("name", SOLUTIONS)
def test_optimal_logits_check_their_arguments(name):
    with pytest.raises(ValueError, match="p_generator has an entry that is negative"):
        SOLUTIONS[name].optimal_logits([0.5, 0.5], [1.5, -0.5])
    with pytest.raises(ValueError, match="must have one shape"):
        SOLUTIONS[name].optimal_logits([0.5, 0.5], [[0.2], [0.3]])


def test_the_divergence_of_the_non_saturating_loss_is_kl_less_twice_the_jsd():
    rng = np.random.default_rng(2)
    for _ in range(5):
        p, q = rng.dirichlet(np.ones(6), 2)
        terms = theory.non_saturating_terms(p, q)
        found = SOLUTIONS["non_saturating"].divergence(p, q)
        np.testing.assert_allclose(found, terms.kl + terms.jensen_shannon, rtol=1e-9)
    assert np.isinf(SOLUTIONS["non_saturating"].divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])))


def test_the_last_term_of_the_non_saturating_decomposition_moves_with_the_optimal_discriminator():
    rng = np.random.default_rng(4)
    p, q = (jnp.asarray(rng.dirichlet(np.full(6, 3.0))) for _ in range(2))

    def along_the_simplex(function):
        gradient = jax.grad(function)(q)
        return gradient - gradient.mean()

    term = along_the_simplex(lambda q: theory.non_saturating_terms(p, q).data)
    # d/dp_g Σ p_d log(p_d/(p_d + p_g)) = −p_d/(p_d + p_g) = −D*.
    expected = -p / (p + q)
    np.testing.assert_allclose(term, expected - expected.mean(), atol=1e-12)
    assert np.abs(term).max() > 0.05
    # So the gradient with D* followed along is another than with D* held fixed.
    followed = along_the_simplex(lambda q: theory.non_saturating_terms(p, q).total)
    fixed = along_the_simplex(lambda q: SOLUTIONS["non_saturating"].divergence(p, q))
    np.testing.assert_allclose(followed - fixed, term, atol=1e-10)


def test_the_loss_value_at_the_optimum_is_the_statements_of_the_paper():
    # −(D's loss) at the optimum is C(G) = −log 4 + 2 JSD for both cross-entropies, and 2 TV for the Wasserstein critic.
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(6), 2)
    for name in ("minimax", "non_saturating"):
        best = theory.expected_loss(named_loss(name).discriminator, SOLUTIONS[name].optimal_logits(p, q), p, q)
        np.testing.assert_allclose(-best, theory.criterion(p, q), rtol=1e-12)
    best = theory.expected_loss(
        LOSSES["wasserstein"].discriminator, SOLUTIONS["wasserstein"].optimal_logits(p, q), p, q
    )
    np.testing.assert_allclose(-best, 2 * theory.total_variation(p, q), rtol=1e-12)
    best = theory.expected_loss(LOSSES["hinge"].discriminator, SOLUTIONS["hinge"].optimal_logits(p, q), p, q)
    np.testing.assert_allclose(best, 2 - 2 * theory.total_variation(p, q), rtol=1e-12)


@pytest.mark.medium
def test_expected_loss_is_the_mean_over_minibatches():
    # All 64 real against all 64 generated examples, each pair once: the minibatch loss of the repeated points.
    logits = np.array([0.5, -1.0, 2.0, 0.1, -0.3, 0.7])
    real, fake = (jnp.asarray(np.repeat(logits, counts)) for counts in (COUNTS_DATA, COUNTS_GENERATOR))
    for name in SOLUTIONS:  # the others compare a logit with those of its own batch
        for half in (named_loss(name).discriminator, named_loss(name).generator):
            exact = theory.expected_loss(half, logits, P_DATA, P_GENERATOR)
            np.testing.assert_allclose(exact, half(real, fake), rtol=1e-12)
    with pytest.raises(ValueError, match="vectors of one length"):
        theory.expected_loss(LOSSES["hinge"].generator, logits[:3], P_DATA, P_GENERATOR)
