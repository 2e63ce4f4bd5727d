"""Priors: moments, support, shapes."""

import jax
import numpy as np
import pytest

from jaxgan.latents import LATENTS

# Source of the moments: U(-a, a) has variance a²/3.
MOMENTS = {"uniform": (1.0, np.sqrt(3)), "uniform_unit": (1 / 3, 1.0), "normal": (1.0, np.inf)}


def test_every_prior_has_its_moments_here():
    assert set(MOMENTS) == set(LATENTS)


@pytest.mark.parametrize("name", LATENTS)
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


@pytest.mark.parametrize("name", LATENTS)
def test_a_dimension_below_one_is_refused(name):
    with pytest.raises(ValueError, match="dim=0"):
        LATENTS[name](0)
