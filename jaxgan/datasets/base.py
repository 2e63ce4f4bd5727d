"""What every dataset is: three splits of examples, as arrays or as a random-access source."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np


class Source(Protocol):
    """Examples too many for the memory: read by index, in any order, by several threads at once."""

    shape: tuple[int, ...]  # of one example
    dtype: np.dtype

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """The examples at int `indices` [n], as one array [n, ...]."""
        ...

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """Their int32 labels [n], or None if the data has none."""
        ...


@dataclasses.dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
      examples: [n, height, width, channels] uint8 images (0 to 255), or [n, ...] float32; or a `Source`.
      labels: [n] int32, or None. (A `Source` brings its own.)
      conditions: [n, dim] float32, vectors that belong to the examples, or None.
    """

    examples: np.ndarray | Source
    labels: np.ndarray | None = None
    conditions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.examples)


class Mixture(NamedTuple):
    """The true distribution of a dataset drawn from a mixture of equal, isotropic Gaussians.

    Attributes:
      centers: [modes, dim] float32.
      sigma: standard deviation of each mode.
    """

    centers: np.ndarray
    sigma: float

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """log p(x) = logmeanexp_j(−‖x − c_j‖²/2σ²) − dim·log(σ√(2π)), in nats.

        Args:
          points: [n, dim].

        Returns:
          [n] float64.
        """
        points = np.asarray(points, np.float64)
        squared = ((points[:, None, :] - self.centers[None].astype(np.float64)) ** 2).sum(-1)
        exponent = -squared / (2 * self.sigma**2)
        peak = exponent.max(1)
        mean = np.exp(exponent - peak[:, None]).mean(1)
        return peak + np.log(mean) - points.shape[1] * np.log(self.sigma * np.sqrt(2 * np.pi))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset: its splits, the shape of one example, the number of classes (None without labels), and the true
    mixture where the data is one."""

    name: str
    train: Split
    validation: Split
    test: Split
    example_shape: tuple[int, ...]
    num_classes: int | None = None
    mixture: Mixture | None = None


class DatasetOptions(NamedTuple):
    """What a loader may need; each reads what concerns it.

    Attributes:
      path: a directory or file with the data; for `tfds` its data_dir ("": $TFDS_DATA_DIR, else ~/tensorflow_datasets).
      tfds_name: `tfds` only: the dataset's name, with config and version if wanted ("mnist", "emnist/letters:3.1.0").
      examples: mixtures only: how many training examples to draw (a tenth as many again for validation, and for test).
      validation_examples: how many of the training examples, the last ones, become the validation split; -1: the
        dataset's own validation split if it has one, else a sixth (10,000 of MNIST's 60,000).
      seed: mixtures only: seed of the draw.
      memory_limit: bytes; a split larger than this becomes a `Source` where the loader can make one.
    """

    path: str = ""
    tfds_name: str = "mnist"
    examples: int = 100_000
    validation_examples: int = -1
    seed: int = 0
    memory_limit: int = 2**32


Loader = Callable[[DatasetOptions], Dataset]
