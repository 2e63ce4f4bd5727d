"""Mixtures of Gaussians, whose true densities are known.

Source: ring and grid as in PacGAN (Lin et al. 2018, arXiv:1712.04086), section 4.1, after VEEGAN (Srivastava et al.
2017); the one-dimensional Gaussian is the illustration of figure 1 in Goodfellow et al. 2014 (arXiv:1406.2661).
"""

import numpy as np

from jaxgan.datasets.base import Dataset, Mixture, Split
from jaxgan.errors import UsageError
from jaxgan.tables import Table

_ANGLES = 2 * np.pi * np.arange(8) / 8
_PLACES = (-4, -2, 0, 2, 4)

MIXTURES: dict[str, Mixture] = Table("mixture") | {
    "ring": Mixture(np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1).astype(np.float32), 0.01),
    "grid": Mixture(np.stack(np.meshgrid(_PLACES, _PLACES, indexing="ij"), -1).reshape(-1, 2).astype(np.float32), 0.05),
    "gaussian": Mixture(np.zeros((1, 1), np.float32), 1.0),
}


def ring(*, examples: int = 100_000, seed: int = 0) -> Dataset:
    """Eight Gaussians evenly spaced on the unit circle, σ = 0.01; examples [n, 2], mode 0 at (1, 0), anticlockwise.

    The labels are the modes, 0 to 7. `examples` and `seed` are as for `draw`.
    """
    return draw("ring", MIXTURES["ring"], examples, seed)


def grid(*, examples: int = 100_000, seed: int = 0) -> Dataset:
    """Twenty-five Gaussians at {−4, −2, 0, 2, 4}², σ = 0.05; examples [n, 2], mode 5·i + j at (2i − 4, 2j − 4).

    The labels are the modes, 0 to 24. `examples` and `seed` are as for `draw`.
    """
    return draw("grid", MIXTURES["grid"], examples, seed)


def gaussian(*, examples: int = 100_000, seed: int = 0) -> Dataset:
    """One standard Gaussian N(0, 1) in one dimension; examples [n, 1]; for plots of its density.

    The labels are all 0. `examples` and `seed` are as for `draw`.
    """
    return draw("gaussian", MIXTURES["gaussian"], examples, seed)


def draw(name: str, mixture: Mixture, examples: int, seed: int) -> Dataset:
    """Draws a dataset from a mixture, with the modes as labels. Also for your own mixtures.

    Args:
      name: the dataset's name.
      mixture: the true distribution.
      examples: number of training examples, at least one per mode; the validation and test splits each have a tenth as
        many.
      seed: seed of the draw.

    Raises:
      UsageError: there are too few examples.
    """
    modes, dim = mixture.centers.shape
    if examples < modes:
        raise UsageError(
            f"cannot draw the mixture {name}",
            f"examples is {examples} and it has {modes} mode{'s' if modes > 1 else ''}",
            f"set examples to at least {modes}",
        )
    held_out = -(-examples // 10)
    sizes = (examples, held_out, held_out)
    # A separate stream per split, so the number of training examples does not change the test set.
    streams = [np.random.default_rng([seed & (2**64 - 1), number]) for number in range(3)]
    train, validation, test = (_split(mixture, size, stream) for size, stream in zip(sizes, streams, strict=True))
    return Dataset(name, train, validation, test, (dim,), modes, mixture)


def _split(mixture: Mixture, size: int, stream: np.random.Generator) -> Split:
    modes, dim = mixture.centers.shape
    labels = stream.integers(modes, size=size, dtype=np.int32)
    noise = stream.standard_normal((size, dim), np.float32)
    return Split(mixture.centers[labels] + np.float32(mixture.sigma) * noise, labels)
