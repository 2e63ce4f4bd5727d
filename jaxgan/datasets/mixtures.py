"""Mixtures of Gaussians, whose true density is known.

Source: ring and grid as in PacGAN (Lin et al. 2018, arXiv:1712.04086), section 4.1, after VEEGAN (Srivastava et al.
2017); the one-dimensional Gaussian is the illustration of figure 1 in Goodfellow et al. 2014 (arXiv:1406.2661).
"""

import numpy as np

from jaxgan.datasets.base import Dataset, DatasetOptions, Mixture, Split
from jaxgan.errors import UsageError


def _circle(modes: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(modes) / modes
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def _lattice(places: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(places, places, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)


MIXTURES: dict[str, Mixture] = {
    "ring": Mixture(_circle(8), 0.01),
    "grid": Mixture(_lattice((-4, -2, 0, 2, 4)), 0.05),
    "gaussian": Mixture(np.zeros((1, 1), np.float32), 1.0),
}


def ring(options: DatasetOptions) -> Dataset:
    """Eight Gaussians evenly on the unit circle, σ = 0.01; examples [n, 2], mode 0 at (1, 0), then anticlockwise.

    Args:
      options: reads `examples` (at least 8) and `seed`.

    Returns:
      The dataset, with labels = the mode, 0 to 7.

    Raises:
      UsageError: too few examples.
    """
    return _draw("ring", options)


def grid(options: DatasetOptions) -> Dataset:
    """Twenty-five Gaussians at {−4, −2, 0, 2, 4}², σ = 0.05; examples [n, 2], mode 5·i + j at (2i − 4, 2j − 4).

    Args:
      options: reads `examples` (at least 25) and `seed`.

    Returns:
      The dataset, with labels = the mode, 0 to 24.

    Raises:
      UsageError: too few examples.
    """
    return _draw("grid", options)


def gaussian(options: DatasetOptions) -> Dataset:
    """One standard Gaussian N(0, 1) in one dimension; examples [n, 1], for looking at a density by eye.

    Args:
      options: reads `examples` (at least 1) and `seed`.

    Returns:
      The dataset, with one mode and labels all 0.

    Raises:
      UsageError: too few examples.
    """
    return _draw("gaussian", options)


def _draw(name: str, options: DatasetOptions) -> Dataset:
    mixture = MIXTURES[name]
    modes, dim = mixture.centers.shape
    if options.examples < modes:
        raise UsageError(
            f"cannot draw the mixture {name}",
            f"examples is {options.examples} and it has {modes} mode{'s' if modes > 1 else ''}",
            f"set examples to at least {modes}",
        )
    held_out = -(-options.examples // 10)
    sizes = (options.examples, held_out, held_out)
    # A stream for each split, so that more training examples do not change the test set.
    streams = [np.random.default_rng([options.seed & (2**64 - 1), number]) for number in range(3)]
    train, validation, test = (_split(mixture, size, stream) for size, stream in zip(sizes, streams, strict=True))
    return Dataset(name, train, validation, test, (dim,), modes, mixture)


def _split(mixture: Mixture, size: int, stream: np.random.Generator) -> Split:
    modes, dim = mixture.centers.shape
    labels = stream.integers(modes, size=size, dtype=np.int32)
    noise = stream.standard_normal((size, dim), np.float32)
    return Split(mixture.centers[labels] + np.float32(mixture.sigma) * noise, labels)
