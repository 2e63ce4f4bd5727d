"""The types of a dataset: three splits of examples, in memory or read by index, and perhaps the true distribution."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxgan.tables import Table


class ValueRange(NamedTuple):
    """The values of black and white: bytes 0 and 255 become `low` and `high`."""

    low: float = 0.0
    high: float = 1.0

    def scale(self, examples: Any) -> Any:
        """Scales uint8 0 to 255 to float32 low·(1 − x/255) + high·x/255, within [low, high]; floats pass unchanged.

        The examples are a numpy or JAX array, traced or not. Other integers, and booleans, raise a ValueError.
        """
        if examples.dtype != np.uint8:
            if examples.dtype.kind in "biu":
                raise ValueError(f"only bytes and floats are scaled, got {examples.dtype}; bytes: x.astype(np.uint8)")
            return examples
        part = examples.astype(np.float32) / 255
        # A compiler that fuses these operations, or divides by multiplying, may overshoot an end by one ulp.
        return (self.low * (1 - part) + self.high * part).clip(self.low, self.high)

    def dequantize(self, scaled: Any, noise: Any) -> Any:
        """Scaled bytes x with noise u in [0, 1), of the same shape, as low + (high − low)·(x + u)/256."""
        return (255 * scaled + self.low + (self.high - self.low) * noise) / 256

    def from_unit(self, values: np.ndarray) -> np.ndarray:
        """Maps [0, 1] to the range: low + (high − low)·x."""
        return self.low + (self.high - self.low) * values

    def to_unit(self, values: np.ndarray) -> np.ndarray:
        """Maps the range to [0, 1]: (x − low)/(high − low), clipped."""
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)


RANGES: dict[str, ValueRange] = Table("range") | {"unit": ValueRange(0.0, 1.0), "symmetric": ValueRange(-1.0, 1.0)}
"""The value ranges that `config.dataset.range` may name."""


class Source(Protocol):
    """Examples too large for memory: read by index, in any order, by several threads at once."""

    shape: tuple[int, ...]  # shape of one example
    dtype: np.dtype

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """The examples at int `indices` [n], as one array [n, ...]."""
        ...

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """Their int32 labels [n], or None if the data has no labels."""
        ...


@dataclasses.dataclass(frozen=True)
class Split:
    """One split of a dataset.

    Attributes:
      examples: [n, height, width, channels] uint8 images (0 to 255), or [n, ...] float32; or a `Source`.
      labels: [n] int32, or None. A `Source` has its own labels.
      conditions: float32, one vector [n, dim] or picture [n, height, width, channels] per example; or None.
    """

    examples: np.ndarray | Source
    labels: np.ndarray | None = None
    conditions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def in_memory(self) -> bool:
        """Whether the examples are an array. False for a `Source`."""
        return isinstance(self.examples, np.ndarray)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.examples.shape[1:] if isinstance(self.examples, np.ndarray) else self.examples.shape

    @property
    def dtype(self) -> np.dtype:
        """uint8 or float32."""
        return self.examples.dtype

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The examples at int `indices` [n], with the dtype in which they are stored: [n, ...]."""
        return self.examples[indices] if isinstance(self.examples, np.ndarray) else self.examples.read(indices)

    def take_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """The int32 labels [n] of the examples at `indices`; None if the data has no labels."""
        if not isinstance(self.examples, np.ndarray):
            return self.examples.read_labels(indices)
        return None if self.labels is None else self.labels[indices]

    def take_condition(self, indices: np.ndarray, field: str) -> np.ndarray | None:
        """The "labels" [n] or "conditions" [n, ...], by `field`, of the examples at `indices`; None without them."""
        if field == "labels":
            return self.take_labels(indices)
        return None if self.conditions is None else self.conditions[indices]


class Mixture(NamedTuple):
    """A dataset's true distribution: equal, isotropic Gaussians of deviation `sigma` at `centers` [modes, dim]."""

    centers: np.ndarray
    sigma: float

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """log p(x) = logmeanexp_j(−‖x − c_j‖²/2σ²) − dim·log(σ√(2π)) at points [n, dim], in nats: [n] float64."""
        points = np.asarray(points, np.float64)
        squared = ((points[:, None, :] - self.centers[None].astype(np.float64)) ** 2).sum(-1)
        exponent = -squared / (2 * self.sigma**2)
        peak = exponent.max(1)
        mean = np.exp(exponent - peak[:, None]).mean(1)
        return peak + np.log(mean) - points.shape[1] * np.log(self.sigma * np.sqrt(2 * np.pi))


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Data in three splits, with facts about it.

    Attributes:
      name: its name in `DATASETS`.
      train, validation, test: its splits.
      example_shape: shape of one example.
      num_classes: number of classes; None without labels.
      mixture: the true distribution, if it is a mixture of Gaussians.
      channels: a dataset, if each channel of an image is an independent example of it; else None. With its K classes
        and C channels, the class of an image is Σ_c class_c · K^(C − 1 − c).
      notes: sentences on how the loader interpreted the data; a run prints them at its start.
      warnings: sentences on data that the loader left out; a run prints them as warnings.
      class_names: the names of classes 0, 1, …; empty if they have none.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    example_shape: tuple[int, ...]
    num_classes: int | None = None
    mixture: Mixture | None = None
    notes: tuple[str, ...] = ()
    channels: "Dataset | None" = None
    warnings: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()


Loader = Callable[..., Dataset]
"""A function of keyword parameters that raises DataError for missing or damaged data.

The program passes the parameters that are fields of the config's section `dataset`, the run's `seed`, and
`memory_limit` (in bytes; a larger split becomes a `Source` if the loader can make one). Only the parameter `seed` may
make the result depend on the seed. `path` is the data's file or directory. `validation_examples` is the number of
training examples that become the validation split; −1 means a sixth (10,000 of MNIST's 60,000).
`jaxgan.datasets.splits.assemble` says which ones. A UsageError says that no training examples would be left.
"""
