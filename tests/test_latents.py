"""Priors: moments, support, shapes."""

import jax
import numpy as np
import pytest

from jaxgan.latents import LATENTS, linear_path, spherical_path

# Source of the moments: U(-a, a) has variance a²/3.
# N(0, 1) within ±2: variance 1 - 2·2φ(2)/(2Φ(2) - 1) = 1 - .215964/.954500 = .773741.
MOMENTS = {
    "truncated_normal": (0.773741, 2.0),
    "uniform": (1.0, np.sqrt(3)),
    "uniform_unit": (1 / 3, 1.0),
    "normal": (1.0, np.inf),
    "sphere": (1.0, np.inf),
}


def test_every_prior_has_its_moments_here():
    elsewhere = {"categorical", "mixture", "fixed_mixture"}  # below, and in test_learned_mixture.py
    assert set(MOMENTS) | elsewhere == set(LATENTS)


def test_categories_codes_and_noise():
    latent = LATENTS["categorical"](16)
    z = np.asarray(latent.sample(jax.random.key(0), 20_000))
    assert (z.shape, z.dtype, latent.dim) == ((20_000, 16), np.float32, 16)
    assert set(np.unique(z[:, :10])) == {0.0, 1.0} and (z[:, :10].sum(1) == 1).all()
    assert np.abs(z[:, :10].mean(0) - 0.1).max() < 4 * np.sqrt(0.09 / 20_000)
    assert np.abs(z[:, 10:]).max() <= 1 and abs(z[:, 10:].var() - 1 / 3) < 0.01
    with pytest.raises(ValueError, match="10 categories and 2 codes needs dim for both, got dim=11"):
        LATENTS["categorical"](11)


def test_components_and_noise():
    latent = LATENTS["mixture"](3, components=4)
    z = np.asarray(latent.sample(jax.random.key(0), 20_000))
    assert (z.shape, z.dtype, latent.dim) == ((20_000, 7), np.float32, 7)
    assert set(np.unique(z[:, :4])) == {0.0, 1.0} and (z[:, :4].sum(1) == 1).all()
    assert np.abs(z[:, :4].mean(0) - 1 / 4).max() < 4 * np.sqrt(3 / 16 / 20_000)
    # 60,000 normal draws, of the components and of each other apart.
    assert abs(z[:, 4:].mean()) < 4 / 245 and abs(z[:, 4:].var() - 1) < 4 * np.sqrt(2) / 245
    assert np.abs(np.corrcoef(z.T)[4:] - np.eye(7)[4:]).max() < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("name", MOMENTS)
def test_moments_and_support(name):
    latent = LATENTS[name](20)
    z = np.asarray(latent.sample(jax.random.key(0), 10_000))
    variance, bound = MOMENTS[name]
    assert (z.shape, z.dtype, latent.dim) == ((10_000, 20), np.float32, 20)
    # 200,000 draws: the standard error of the mean is sd/447, that of the variance at most sqrt(2)·var/447.
    assert abs(z.mean()) < 4 * np.sqrt(variance) / 447
    assert abs(z.var() - variance) < 4 * np.sqrt(2) * variance / 447
    assert np.abs(z).max() <= bound
    assert np.isinf(bound) or np.abs(z).max() > 0.999 * bound


@pytest.mark.medium
def test_the_sphere_and_the_latents_nearest_to_what_is_allowed():
    latent = LATENTS["sphere"](16)
    z = np.asarray(latent.sample(jax.random.key(0), 10_000))
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 4.0, rtol=1e-5)
    # E z_i² = 1, E z_i² z_j² = d/(d + 2) for i ≠ j, and all directions are alike.
    assert abs((z[:, 0] ** 2 * z[:, 1] ** 2).mean() - 16 / 18) < 0.05 and np.abs(z.mean(0)).max() < 4 / 100
    moved = np.array([[3.0, -4.0], [0.1, 0.0]])
    np.testing.assert_allclose(
        LATENTS["sphere"](2).nearest(moved), np.sqrt(2) * np.array([[0.6, -0.8], [1, 0]]), rtol=1e-5
    )
    with pytest.raises(ValueError, match="a sphere needs at least two dimensions"):
        LATENTS["sphere"](1)
    slope = jax.grad(lambda z: LATENTS["sphere"](2).nearest(z).sum())
    np.testing.assert_array_equal(slope(np.zeros((3, 2), np.float32)), 0)  # no direction, and no infinite gradient
    np.testing.assert_allclose(LATENTS["uniform_unit"](2).nearest(moved), [[1, -1], [0.1, 0]], rtol=1e-6)
    np.testing.assert_array_equal(LATENTS["normal"](2).nearest(moved), moved)


# N(0, 1) within ±1: 1 - 2·φ(1)/(2Φ(1) - 1) = 1 - .483941/.682689 = .291125; U(-a, a): a²/3.
TRUNCATED = {
    "normal": (0.291125, 1.0),
    "truncated_normal": (0.291125, 1.0),
    "uniform": (0.25, np.sqrt(0.75)),
    "uniform_unit": (1 / 12, 0.5),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_moments_and_support_of_the_likeliest_part(name):
    variance, bound = TRUNCATED[name]
    latent = LATENTS[name](20).truncated(0.5)
    z = np.asarray(latent.sample(jax.random.key(0), 10_000))
    assert abs(z.mean()) < 4 * np.sqrt(variance) / 447 and abs(z.var() - variance) < 4 * np.sqrt(2) * variance / 447
    assert 0.999 * bound < np.abs(z).max() <= bound * (1 + 1e-6)
    # T of the part: of N(0, I) it makes the same, as chains on it need.
    moved = np.asarray(latent.from_normal(jax.random.normal(jax.random.key(1), (10_000, 20))))
    assert abs(moved.var() - variance) < 4 * np.sqrt(2) * variance / 447 and np.abs(moved).max() <= bound * (1 + 1e-6)
    # A part of the part.
    assert np.abs(latent.truncated(0.1).sample(jax.random.key(2), 1_000)).max() <= 0.1 * bound * (1 + 1e-6)


def test_categories_are_not_truncated_and_others_have_no_likeliest_part():
    z = np.asarray(LATENTS["categorical"](16).truncated(0.25).sample(jax.random.key(0), 1_000))
    np.testing.assert_array_equal(z[:, :10], LATENTS["categorical"](16).sample(jax.random.key(0), 1_000)[:, :10])
    assert 0.24 < np.abs(z[:, 10:]).max() <= 0.25
    refused = {name for name, latent in LATENTS.items() if latent(16).truncated is None}
    assert refused == {"sphere", "mixture", "fixed_mixture"}


def test_each_prior_has_its_way_between_two_latents():
    start, end = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 2.0], [0.0, 3.0]])
    half = np.full((2, 1), 0.5)
    for name, expected in (
        ("normal", [[np.sqrt(2), np.sqrt(2)], [0, 2]]),  # a right angle, and one direction
        ("sphere", [[np.sqrt(2), np.sqrt(2)], [0, 2]]),
        ("uniform", [[1, 1], [0, 2]]),
    ):
        np.testing.assert_allclose(LATENTS[name](2).path(start, end, half), expected, rtol=1e-6)
    # A mixture of two components: from one to the other, and ε on an arc.
    path = LATENTS["mixture"](2, components=2).path
    found = path(np.array([1.0, 0, 2, 0]), np.array([0.0, 1, 0, 2]), 0.25)
    np.testing.assert_allclose(found, [0.75, 0.25, 2 * np.cos(np.pi / 8), 2 * np.sin(np.pi / 8)], rtol=1e-6)


@pytest.mark.parametrize("name", LATENTS)
def test_a_dimension_below_one_is_refused(name):
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        LATENTS[name](0)


@pytest.mark.medium
def test_paths_between_latents():
    start, end = np.array([2.0, 0.0], np.float32), np.array([0.0, 2.0], np.float32)
    np.testing.assert_allclose(linear_path(start, end, 5)[1], [1.5, 0.5])
    arc = np.asarray(spherical_path(start, end, 4))
    # a quarter of a circle in three steps of 30°: (2cos 30°, 2 sin 30°) = (√3, 1)
    np.testing.assert_allclose(arc[1], [np.sqrt(3), 1], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 2, rtol=1e-6)
    for path in (linear_path, spherical_path):
        np.testing.assert_allclose(np.asarray(path(start, end, 7))[[0, -1]], [start, end], atol=1e-6)
    # of different lengths: sin((1 − t)Ω) and sin(tΩ) are √½ in the middle of a right angle
    np.testing.assert_allclose(spherical_path(start, 2 * end, 3)[1], [np.sqrt(2), 2 * np.sqrt(2)], rtol=1e-6)
    np.testing.assert_allclose(spherical_path(start, 3 * start, 3), linear_path(start, 3 * start, 3), rtol=1e-6)
