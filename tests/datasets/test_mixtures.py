"""The mixtures: where the modes are, the statistics of a draw, and the true density."""

import numpy as np
import pytest
import scipy.stats

from jaxgan.datasets import DATASETS
from jaxgan.errors import UsageError

_MIXTURES = {"ring": (8, 2, 0.01), "grid": (25, 2, 0.05), "gaussian": (1, 1, 1.0)}


@pytest.mark.parametrize("name", _MIXTURES)
def test_draw(name):
    modes, dim, sigma = _MIXTURES[name]
    data = DATASETS[name](examples=20_000, seed=3)
    assert data.mixture.centers.shape == (modes, dim) and data.mixture.sigma == sigma
    assert data.num_classes == modes and data.example_shape == (dim,)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [20_000, 2_000, 2_000]
    assert data.train.examples.dtype == np.float32 and data.train.labels.dtype == np.int32
    standard = (data.train.examples - data.mixture.centers[data.train.labels]) / sigma
    # The mean of 20,000 standard normals has sd .007, their variance .01.
    assert abs(standard.mean(0)).max() < 0.03 and abs(standard.var(0) - 1).max() < 0.04
    share = np.bincount(data.train.labels, minlength=modes) / 20_000
    assert abs(share - 1 / modes).max() < 0.012


def test_default_size_is_pacgans():
    assert len(DATASETS["gaussian"]().train) == 100_000


def test_centers():
    ring = DATASETS["ring"](examples=8).mixture.centers
    assert np.allclose(ring[[0, 1, 2]], [[1, 0], [np.sqrt(0.5), np.sqrt(0.5)], [0, 1]], atol=1e-6)
    grid = DATASETS["grid"](examples=25).mixture.centers
    assert grid[0].tolist() == [-4, -4] and grid[1].tolist() == [-4, -2] and grid[24].tolist() == [4, 4]
    assert {tuple(center) for center in grid.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}


@pytest.mark.parametrize("name", _MIXTURES)
def test_pure_function_of_the_seed_with_a_stream_for_each_split(name):
    load = DATASETS[name]
    one, same, other = (load(examples=100, seed=seed) for seed in (5, 5, -6))
    assert np.array_equal(one.train.examples, same.train.examples)
    assert not np.array_equal(one.train.examples, other.train.examples)
    assert not np.array_equal(one.validation.examples, one.test.examples)
    assert not np.array_equal(one.train.examples[:10], one.test.examples)
    # More training examples leave the beginning of the test split as it was.
    labels = load(examples=200, seed=5).test.labels
    assert len(labels) == 20 and len(one.test.labels) == 10


@pytest.mark.parametrize("name", _MIXTURES)
def test_too_few_examples(name):
    modes = _MIXTURES[name][0]
    for examples in (0, -1, modes - 1):
        with pytest.raises(UsageError, match=rf"examples is {examples} and it has {modes} mode"):
            DATASETS[name](examples=examples)
    assert len(DATASETS[name](examples=modes).train) == modes


def test_density_of_the_gaussian():
    mixture = DATASETS["gaussian"](examples=1).mixture
    points = np.linspace(-3, 3, 7)[:, None]
    assert np.allclose(mixture.log_density(points), scipy.stats.norm.logpdf(points[:, 0]), atol=1e-12)
    # At the mean: −½ log 2π = −0.918938533
    assert mixture.log_density(np.zeros((1, 1)))[0] == pytest.approx(-0.918938533, abs=1e-9)


def test_density_of_the_ring_at_a_center():
    # Its own mode alone: −log 8 − log(2π·0.01²) = −2.0794415 − 1.8378771 + 9.2103404 = 5.2930218
    mixture = DATASETS["ring"](examples=8).mixture
    assert np.allclose(mixture.log_density(mixture.centers), 5.2930218, atol=1e-6)


@pytest.mark.medium
@pytest.mark.parametrize(("name", "half", "points"), [("ring", 1.1, 1101), ("grid", 4.5, 901)])
def test_density_integrates_to_one(name, half, points):
    # Cells of σ/5: the midpoint rule is exact to rounding for Gaussians that are this wide.
    mixture = DATASETS[name](examples=25).mixture
    axis = np.linspace(-half, half, points)
    total = 0.0
    for x in axis:
        total += np.exp(mixture.log_density(np.stack([np.full(points, x), axis], 1))).sum()
    assert total * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-6)


def test_density_agrees_with_scipy():
    mixture = DATASETS["grid"](examples=25).mixture
    points = np.random.default_rng(0).uniform(-4, 4, (50, 2))
    parts = [scipy.stats.multivariate_normal(center, mixture.sigma**2).logpdf(points) for center in mixture.centers]
    expected = scipy.special.logsumexp(np.array(parts), axis=0) - np.log(25)
    assert np.allclose(mixture.log_density(points), expected, rtol=1e-9)
