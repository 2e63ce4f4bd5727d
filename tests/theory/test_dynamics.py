"""The Dirac-GAN and bilinear games against their closed forms, through the library's losses and update rules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.linalg import expm
from scipy.special import i0

from jaxgan.losses import LOSSES, named_loss
from jaxgan.losses.penalties import r1, r2
from jaxgan.theory import (
    bilinear_game,
    dirac_gan,
    flow,
    flow_behaviour,
    jacobian,
    loss_gradients,
    step_behaviour,
    step_jacobian,
    trajectory,
)

ORIGIN = np.zeros(2)
START = np.array([0.5, -0.1])
# Square root of the product of both losses' slopes in a sample's logit, at 0: σ(0) for each cross-entropy and JS, 1 for
# linear halves and exponentials, e⁻¹ for exp(v − 1), ½ + ½ where a logit is in two terms. Least squares has its
# equilibrium at another logit, which this discriminator cannot give.
SLOPES = {
    "minimax": 0.5,
    "non_saturating": 0.5,
    "maximum_likelihood": np.sqrt(0.5),
    "hinge": 1.0,
    "wasserstein": 1.0,
    "relativistic_paired": 0.5,
    "relativistic_average": 1.0,
    "f_kl": np.exp(-1),
    "f_reverse_kl": 1.0,
    "f_pearson": 1.0,
    "f_squared_hellinger": 1.0,
    "f_jensen_shannon": 0.5,
}
MATRIX = np.array([[1.0, 0.5, 0.0], [0.2, -0.8, 0.3], [0.0, 0.4, 1.5]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def eigenvalues(matrix):
    return np.sort_complex(np.linalg.eigvals(np.asarray(matrix)))


def jacobians(*toys):
    """The derivative of each game's vector field at the origin, from one compiled program."""
    return np.asarray(jax.jit(lambda: jnp.stack([jacobian(toy, ORIGIN) for toy in toys]))())


def gradients_at_start(toy):
    return jax.jit(lambda: loss_gradients(toy, START))()


def with_rates(d_rate, g_rate, **options):
    return {"discriminator_tx": optax.sgd(d_rate, **options), "generator_tx": optax.sgd(g_rate, **options)}


def test_the_published_case():
    # (ψ, θ) = (0.5, −0.1): ∂ψ = σ(ψθ)·θ = σ(−0.05)·(−0.1), ∂θ = −σ(ψθ)·ψ.
    gradients = gradients_at_start(dirac_gan(LOSSES["minimax"]))
    np.testing.assert_allclose(gradients, [-0.0487503, -0.2437513], atol=5e-8)
    np.testing.assert_allclose(gradients, [sigmoid(-0.05) * -0.1, -sigmoid(-0.05) * 0.5], rtol=1e-12)
    # Non-saturating: ∂θ = −σ(−ψθ)·ψ.
    gradients = gradients_at_start(dirac_gan(LOSSES["non_saturating"]))
    np.testing.assert_allclose(gradients, [sigmoid(-0.05) * -0.1, -sigmoid(0.05) * 0.5], rtol=1e-12)


@pytest.mark.medium
def test_eigenvalues_of_the_flow_without_a_penalty():
    assert SLOPES.keys() | {"least_squares"} == LOSSES.keys()
    matrices = jacobians(*(dirac_gan(named_loss(name)) for name in SLOPES))
    for (name, slope), found in zip(SLOPES.items(), map(eigenvalues, matrices), strict=True):
        np.testing.assert_allclose(found, [-1j * slope, 1j * slope], atol=1e-12, err_msg=name)
        assert flow_behaviour(found) == "circles"


@pytest.mark.medium
@pytest.mark.parametrize("penalty", [r1, r2])
@pytest.mark.parametrize(  # below, at and above critical damping of the cross-entropies
    "gamma", [pytest.param(0.3, marks=pytest.mark.slow), 1.0, pytest.param(2.5, marks=pytest.mark.slow)]
)
def test_eigenvalues_of_the_flow_with_r1_or_r2(penalty, gamma):
    matrices = jacobians(*(dirac_gan(named_loss(name), penalties=(penalty(gamma),)) for name in SLOPES))
    for (name, slope), found in zip(SLOPES.items(), map(eigenvalues, matrices), strict=True):
        root = np.sqrt(complex(gamma**2 / 4 - slope**2))
        expected = np.sort_complex([-gamma / 2 - root, -gamma / 2 + root])
        # The square root magnifies rounding where the two eigenvalues meet.
        np.testing.assert_allclose(found, expected, atol=1e-12 if root != 0 else 1e-7, err_msg=name)
        assert flow_behaviour(found) == "converges"


@pytest.mark.parametrize("k", [1, 3])
def test_eigenvalues_of_a_step(k):
    h, g = 0.2, 0.3
    toy = dirac_gan(LOSSES["non_saturating"], **with_rates(h, g))
    a, b = k * h / 2, g / 2
    alternating = step_jacobian(toy, ORIGIN, discriminator_steps=k)
    np.testing.assert_allclose(alternating, [[1, -a], [b, 1 - a * b]], atol=1e-12)
    found = eigenvalues(alternating)
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-12)
    np.testing.assert_allclose(np.cos(np.angle(found)), 1 - a * b / 2, atol=1e-12)
    assert step_behaviour(found) == "circles"
    simultaneous = step_jacobian(toy, ORIGIN, order="simultaneous", discriminator_steps=k)
    np.testing.assert_allclose(simultaneous, [[1, -a], [b, 1]], atol=1e-12)
    found = eigenvalues(simultaneous)
    np.testing.assert_allclose(found, [1 - 1j * np.sqrt(a * b), 1 + 1j * np.sqrt(a * b)], atol=1e-12)
    assert step_behaviour(found) == "diverges"


def test_alternation_diverges_beyond_its_largest_rates():
    # On the unit circle while k·h_D·h_G/4 = ab ≤ 4.
    for rate, behaviour in ((3.99, "circles"), (4.01, "diverges")):
        toy = dirac_gan(LOSSES["minimax"], **with_rates(rate, rate))
        assert step_behaviour(eigenvalues(step_jacobian(toy, ORIGIN))) == behaviour


def test_r1_brings_every_order_of_updates_to_converge():
    h, gamma = 0.2, 1.0
    toy = dirac_gan(LOSSES["non_saturating"], penalties=(r1(gamma),), **with_rates(h, h))
    # ψ ← (1 − hγ)ψ − (h/2)θ, then θ ← θ + (h/2)ψ with the new ψ or the old.
    ours = eigenvalues(step_jacobian(toy, ORIGIN))
    np.testing.assert_allclose(ours, eigenvalues([[0.8, -0.1], [0.08, 0.99]]), atol=1e-12)
    simultaneous = eigenvalues(step_jacobian(toy, ORIGIN, order="simultaneous"))
    np.testing.assert_allclose(simultaneous, eigenvalues([[0.8, -0.1], [0.1, 1.0]]), atol=1e-12)
    assert step_behaviour(ours) == step_behaviour(simultaneous) == "converges"


@pytest.mark.parametrize(("beta", "behaviour"), [(-0.3, "converges"), (0.0, "circles"), (0.5, "diverges")])
def test_momentum(beta, behaviour):
    # Alternating: (λ − 1)²(λ − β)² + ab λ³ = 0 with a = b = h/2; simultaneous: λ² − (1 + β ± ih/2)λ + β = 0.
    h = 0.2
    toy = dirac_gan(LOSSES["minimax"], **with_rates(h, h, momentum=beta))
    found = eigenvalues(step_jacobian(toy, ORIGIN))
    assert found.shape == (4,)
    polynomial = np.polymul(np.poly([1, 1]), np.poly([beta, beta])) + np.array([0, h * h / 4, 0, 0, 0])
    np.testing.assert_allclose(np.polyval(polynomial, found), 0, atol=1e-12)
    assert step_behaviour(found) == behaviour
    simultaneous = eigenvalues(step_jacobian(toy, ORIGIN, order="simultaneous"))
    expected = np.concatenate([np.roots([1, -(1 + beta + sign * 1j * h / 2), beta]) for sign in (1, -1)])
    np.testing.assert_allclose(np.abs(simultaneous[:, None] - expected).min(0), 0, atol=1e-7)
    assert step_behaviour(simultaneous) == "diverges"


@pytest.mark.parametrize(("order", "modulus"), [("alternating", 1.00484), ("simultaneous", 1.00716)])
def test_the_papers_rates_and_momentum_diverge_in_either_order(order, modulus):
    # Of MNIST: rates .05 and .1, momentum .5. The largest roots of the polynomials above, with ab = .05·.1/4.
    toy = dirac_gan(LOSSES["non_saturating"], **with_rates(0.05, 0.1, momentum=0.5))
    found = eigenvalues(step_jacobian(toy, ORIGIN, order=order))
    np.testing.assert_allclose(np.abs(found).max(), modulus, atol=1e-5)


def test_the_minimax_flow_circles_with_its_period():
    # ψ² + θ² is conserved, and the angle turns at σ(ψθ): once round takes 2π(1 + I₀(r²/2)).
    start = np.array([1.2, 0.5])
    square = (start**2).sum()
    period = 2 * np.pi * (1 + i0(square / 2))
    points = flow(dirac_gan(LOSSES["minimax"]), start, np.linspace(0, period, 41))
    np.testing.assert_allclose((points**2).sum(1), square, atol=1e-6)
    np.testing.assert_allclose(points[-1], start, atol=1e-6)
    assert np.abs(np.asarray(points[1:-1]) - start).max(1).min() > 0.1  # and not sooner


def test_the_non_saturating_flow_spirals_in_slower_than_any_exponential():
    # d(ψ² + θ²)/dt = −2s·tanh(s/2) with s = ψθ.
    times = np.linspace(0, 100, 4001)
    points = np.asarray(flow(dirac_gan(LOSSES["non_saturating"]), np.array([1.2, 0.5]), times))
    squares, s = (points**2).sum(1), points.prod(1)
    rate = -2 * s * np.tanh(s / 2)
    lost = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(times))])
    np.testing.assert_allclose(squares - squares[0], lost, atol=1e-4)  # the trapezoid rule's error
    assert (np.diff(squares) <= 1e-12).all()
    # Near 0 that is −s²; with s = ½r² sin 2φ it is −r⁴/8 on average over a turn, so 1/r² grows by 1/8 per unit of time.
    growth = (1 / squares[-1] - 1 / squares[2000]) / (times[-1] - times[2000])
    np.testing.assert_allclose(growth, 1 / 8, rtol=0.05)


@pytest.mark.parametrize("gamma", [0.0, 0.7, 3.0])
def test_linear_flows_against_the_matrix_exponential(gamma):
    times = np.linspace(0, 20, 21)
    toy = dirac_gan(LOSSES["wasserstein"], penalties=(r1(gamma),) if gamma else ())
    points = flow(toy, START, times)
    exact = np.array([expm(t * np.array([[-gamma, -1.0], [1.0, 0.0]])) @ START for t in times])
    np.testing.assert_allclose(points, exact, atol=1e-6)
    radius = np.linalg.norm(points[-1])
    assert (radius < 0.01) if gamma else abs(radius - np.linalg.norm(START)) < 1e-6


@pytest.mark.medium
def test_the_bilinear_game():
    # ψ̇ = −Aθ − γAAᵀψ, θ̇ = Aᵀψ: eigenvalues ± iσ without R1, roots of λ² + γσ²λ + σ² with it, σ the singular values.
    singular = np.linalg.svd(MATRIX, compute_uv=False)
    bare, penalised = (bilinear_game(MATRIX, loss=LOSSES["wasserstein"], penalties=p) for p in ((), (r1(0.5),)))
    found = eigenvalues(jacobian(bare, np.zeros(6)))
    np.testing.assert_allclose(np.sort(found.imag), np.sort([*singular, *-singular]), atol=1e-12)
    assert flow_behaviour(found) == "circles"
    found = eigenvalues(jacobian(penalised, np.zeros(6)))
    expected = np.concatenate([np.roots([1, 0.5 * s**2, s**2]) for s in singular])
    np.testing.assert_allclose(np.abs(found[:, None] - expected).min(0), 0, atol=1e-10)
    assert flow_behaviour(found) == "converges"
    minimax = bilinear_game(MATRIX, loss="minimax", penalties=(r1(0.5),))  # l′ = ½
    found = eigenvalues(jacobian(minimax, np.zeros(6)))
    expected = np.concatenate([np.roots([1, 0.5 * s**2, s**2 / 4]) for s in singular])
    np.testing.assert_allclose(np.abs(found[:, None] - expected).min(0), 0, atol=1e-10)
    flat = eigenvalues(jacobian(bilinear_game(MATRIX[:2], loss="wasserstein"), np.zeros(5)))
    assert (np.abs(flat) < 1e-12).sum() == 1  # |m − n|
    start = np.linspace(-1, 1, 6)
    field = np.block([[np.zeros((3, 3)), -MATRIX], [MATRIX.T, np.zeros((3, 3))]])
    np.testing.assert_allclose(flow(bare, start, [0.0, 3.0])[-1], expm(3.0 * field) @ start, atol=1e-6)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_linear_trajectories_against_matrix_powers(order):
    h, k = 0.1, 2
    toy = dirac_gan(LOSSES["wasserstein"], penalties=(r1(0.5),), **with_rates(h, h))
    d_step = np.array([[1 - 0.5 * h, -h], [0, 1]])
    g_step = np.array([[1, 0], [h, 1]])
    once = d_step @ d_step  # k = 2
    step = g_step @ once if order == "alternating" else once + g_step - np.eye(2)
    points = trajectory(toy, START, 200, order=order, discriminator_steps=k)
    exact = [START]
    for _ in range(200):
        exact.append(step @ exact[-1])
    np.testing.assert_allclose(points, exact, atol=1e-12)


def test_trajectories_of_the_cross_entropies_against_the_formula():
    h = 0.1
    for name, sign in (("minimax", 1), ("non_saturating", -1)):
        points = trajectory(dirac_gan(named_loss(name), **with_rates(h, h)), START, 300)
        psi, theta = START
        for point in points[1:]:
            psi = psi - h * sigmoid(psi * theta) * theta
            theta = theta + h * sigmoid(sign * psi * theta) * psi
            np.testing.assert_allclose(point, [psi, theta], atol=1e-10)


def test_training_circles_without_r1_and_converges_with_it():
    start, steps = np.array([0.6, 0.8]), 5000
    radii = {}
    for label, name, penalties, order in (
        ("alternating", "minimax", (), "alternating"),
        ("simultaneous", "minimax", (), "simultaneous"),
        ("r1", "minimax", (r1(1.0),), "alternating"),
        ("r1 simultaneous", "non_saturating", (r1(1.0),), "simultaneous"),
    ):
        toy = dirac_gan(named_loss(name), penalties=penalties, **with_rates(0.1, 0.1))
        radii[label] = np.linalg.norm(trajectory(toy, start, steps, order=order), axis=1)
    # The last 1,000 steps go round 15 times and more.
    assert radii["alternating"][-1000:].min() > 0.9 and radii["alternating"][-1000:].max() < 1.1
    assert radii["simultaneous"][-1] > 2
    assert radii["r1"][-1] < 1e-6 and radii["r1 simultaneous"][-1] < 1e-6


FEW = ("minimax", "maximum_likelihood", "relativistic_average", "f_kl")  # slopes alike and apart, ½, √½, 1 and e⁻¹


@pytest.mark.medium
@pytest.mark.parametrize("names", [FEW, pytest.param(tuple(SLOPES), marks=pytest.mark.slow)])
def test_eigenvalues_with_consensus(names):
    # Linear in x, v = Ax, so −∇(½‖v‖²) = −AᵀAx. D's slope a and G's b make A = [[0, a], [−b, 0]], AᵀA = diag(b², a²).
    gamma = 1.3
    plain = jacobians(*map(dirac_gan, names))
    pulled = jacobians(*(dirac_gan(name, consensus=gamma) for name in names))
    for name, both, found in zip(names, plain, pulled, strict=True):
        a, b = -both[0, 1], both[1, 0]
        np.testing.assert_allclose(a * b, SLOPES[name] ** 2, rtol=1e-12)
        # The losses' third derivatives are multiplied by the field, which is 0 there.
        expected = [[-gamma * b**2, -a], [b, -gamma * a**2]]
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert flow_behaviour(eigenvalues(found)) == "converges"
    # With equal slopes −γl′² ± il′: it turns as before, and every turn is smaller.
    found = eigenvalues(pulled[names.index("minimax")])
    np.testing.assert_allclose(found, [-gamma / 4 - 0.5j, -gamma / 4 + 0.5j], atol=1e-12)


def test_the_gradients_of_consensus_off_the_equilibrium():
    # Minimax at (ψ, θ): v = (σθ, −σψ), so ½‖v‖² = ½σ²(ψ² + θ²) with σ = σ(ψθ), σ′ = σ(1 − σ).
    (psi, theta), gamma = START, 0.6
    s, square = sigmoid(psi * theta), psi**2 + theta**2
    pull = [s**2 * (1 - s) * theta * square + s**2 * psi, s**2 * (1 - s) * psi * square + s**2 * theta]
    plain = gradients_at_start(dirac_gan("minimax"))
    found = gradients_at_start(dirac_gan("minimax", consensus=gamma))
    np.testing.assert_allclose(found - plain, gamma * np.array(pull), rtol=1e-12)


@pytest.mark.slow
def test_consensus_brings_every_order_of_updates_to_converge():
    h, gamma = 0.2, 1.0
    toy = dirac_gan("non_saturating", consensus=gamma, **with_rates(h, h))
    # ψ ← (1 − hγ/4)ψ − (h/2)θ, then θ ← (1 − hγ/4)θ + (h/2)ψ with the new ψ or the old.
    alternating = step_jacobian(toy, ORIGIN)
    np.testing.assert_allclose(alternating, [[0.95, -0.1], [0.095, 0.94]], atol=1e-12)
    simultaneous = step_jacobian(toy, ORIGIN, order="simultaneous")
    np.testing.assert_allclose(simultaneous, [[0.95, -0.1], [0.1, 0.95]], atol=1e-12)
    assert step_behaviour(eigenvalues(alternating)) == step_behaviour(eigenvalues(simultaneous)) == "converges"
    start = np.array([0.6, 0.8])
    for order, plain in (("alternating", (0.9, 1.1)), ("simultaneous", (2.0, np.inf))):
        radii = [
            np.linalg.norm(
                trajectory(dirac_gan("minimax", consensus=weight, **with_rates(0.1, 0.1)), start, 3000, order=order)[-1]
            )
            for weight in (None, 0.5)
        ]
        assert plain[0] < radii[0] < plain[1] and radii[1] < 1e-6


def test_the_extragradient_step_contracts_the_bilinear_game():
    # x ← x − h·A(x − h·Ax) with A a quarter turn: (1 − h²)x − h·Ax, of squared length (1 − h²)² + h² = 1 − h² + h⁴.
    h = 0.3
    toy = dirac_gan("wasserstein", **with_rates(h, h))
    radii = np.linalg.norm(trajectory(toy, START, 50, order="extragradient"), axis=1)
    np.testing.assert_allclose(radii[1:] / radii[:-1], np.sqrt(1 - h**2 + h**4), rtol=1e-12)
    np.testing.assert_allclose(step_jacobian(toy, ORIGIN, order="extragradient"), [[1 - h**2, -h], [h, 1 - h**2]])
    bilinear = bilinear_game(MATRIX, loss="wasserstein", **with_rates(h, h))
    found = eigenvalues(step_jacobian(bilinear, np.zeros(6), order="extragradient"))
    singular = np.linalg.svd(MATRIX, compute_uv=False)
    expected = np.concatenate([1 - (h * singular) ** 2 + sign * 1j * h * singular for sign in (1, -1)])
    np.testing.assert_allclose(np.abs(found[:, None] - expected).min(0), 0, atol=1e-12)


@pytest.mark.medium
def test_the_extragradient_step_converges_where_plain_ones_do_not():
    start, radii = np.array([0.6, 0.8]), {}
    for order in ("alternating", "simultaneous", "extragradient"):
        toy = dirac_gan("minimax", **with_rates(0.3, 0.3))
        radii[order] = np.linalg.norm(trajectory(toy, start, 3000, order=order), axis=1)
        # l′ = ½: eigenvalues 1 − h²/4 ± ih/2.
        matrix = step_jacobian(toy, ORIGIN, order=order)
    np.testing.assert_allclose(eigenvalues(matrix), [1 - 0.0225 - 0.15j, 1 - 0.0225 + 0.15j], atol=1e-12)
    assert step_behaviour(eigenvalues(matrix)) == "converges"
    assert radii["alternating"][-1000:].min() > 0.8 and radii["simultaneous"][-1] > 2
    assert radii["extragradient"][-1] < 1e-6


@pytest.mark.medium
def test_errors():
    toy = dirac_gan(LOSSES["minimax"])
    with pytest.raises(ValueError, match="unknown loss 'vanilla'; did you mean minimax"):
        dirac_gan("vanilla")
    np.testing.assert_array_equal(loss_gradients(dirac_gan("minimax"), START), loss_gradients(toy, START))
    for wrong in (np.eye(2), [], 1.0):
        with pytest.raises(ValueError, match=r"eigenvalues must be a vector \[n\]"):
            flow_behaviour(wrong)
    with pytest.raises(ValueError, match="not finite"):
        step_behaviour([np.nan])
    for wrong in ([1.0, 0.0], [], 1.0):
        with pytest.raises(ValueError, match="times must be an increasing vector"):
            flow(toy, START, wrong)
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        trajectory(toy, START, -1)
    with pytest.raises(ValueError, match="put it in a list"):
        dirac_gan("minimax", penalties=r1(1.0))
    with pytest.raises(ValueError, match="a vector of 2 numbers"):
        loss_gradients(toy, np.zeros(3))
    with pytest.raises(ValueError, match=r"matrix must be \[m, n\]"):
        bilinear_game(np.ones(3), loss=LOSSES["minimax"])
    with pytest.raises(ValueError, match="alternating"):
        trajectory(toy, START, 3, order="both")
    for order in ("alternating", "simultaneous", "extragradient"):
        with pytest.raises(ValueError, match="discriminator_steps must be at least 1"):
            trajectory(toy, START, 3, order=order, discriminator_steps=0)
    with pytest.raises(ValueError, match="extragradient moves both players once"):
        trajectory(toy, START, 3, order="extragradient", discriminator_steps=2)


@pytest.mark.slow
def test_single_precision_gives_the_same_verdicts():
    with jax.enable_x64(False):
        for rate in (0.05, 0.2, 0.7):
            for order, behaviour in (("alternating", "circles"), ("simultaneous", "diverges")):
                toy = dirac_gan("minimax", **with_rates(rate, rate))
                matrix = step_jacobian(toy, np.zeros(2, np.float32), order=order)
                assert step_behaviour(jnp.linalg.eigvals(matrix)) == behaviour
        for penalties, behaviour in (((), "circles"), ((r1(0.1),), "converges")):
            toy = bilinear_game(MATRIX.astype(np.float32), loss="wasserstein", penalties=penalties)
            assert flow_behaviour(jnp.linalg.eigvals(jacobian(toy, np.zeros(6, np.float32)))) == behaviour


@pytest.mark.medium
def test_single_precision_follows_the_flow():
    with jax.enable_x64(False):
        points = flow(dirac_gan(LOSSES["wasserstein"]), START, [0.0, 1.0])
        assert points.dtype == jnp.float32
        exact = expm(np.array([[0.0, -1.0], [1.0, 0.0]])) @ START
        np.testing.assert_allclose(points[-1], exact, atol=1e-5)
