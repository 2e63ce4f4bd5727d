"""What every evaluator takes and gives: sets of examples with their features, and scores that say what they are."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np


class Density(Protocol):
    """A mixture of equal Gaussians; `jaxgan.datasets.base.Mixture` is one."""

    @property
    def centers(self) -> np.ndarray:
        """[modes, dim]."""
        ...

    @property
    def sigma(self) -> float:
        """Standard deviation of every mode."""
        ...


class Features(NamedTuple):
    """A function of examples in whose values they are compared.

    Attributes:
      name: what the output calls it.
      function: `examples [n, ...] -> (features [n, dim], logits [n, classes] or None)`, of examples in [0, 1] if they
        are images; called on `batch` examples at a time.
      description: what else there is to say, for the output: accuracy, weights' file.
      batch: examples per call.
    """

    name: str
    function: Callable[[np.ndarray], tuple[Any, Any]]
    description: Mapping[str, Any] = {}
    batch: int = 500


def raw(examples: np.ndarray) -> tuple[np.ndarray, None]:
    """The examples themselves, flattened."""
    return examples.reshape(len(examples), -1), None


RAW = Features("raw", raw)
"""The values themselves: pixels, coordinates."""


class Estimate(NamedTuple):
    """A number, and its standard error."""

    value: float
    standard_error: float


class Examples:
    """A set of examples and, once they are asked for, their features.

    Args:
      name: "generated", or the split: "train", "validation", "test".
      values: [n, ...] floats; images in [0, 1].
      features: what to compare them in.
      of: how many there are in all, where these are a part of them.
      labels: [n] int, the classes that samples were asked for, or examples have; None where no class is asked for.
    """

    def __init__(
        self,
        name: str,
        values: np.ndarray,
        features: Features = RAW,
        of: int | None = None,
        labels: np.ndarray | None = None,
    ):
        self.name, self.values, self.features_of, self.labels = name, values, features, labels
        self.of = len(values) if of is None else of
        self._known: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.values)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """What an evaluator computes of this set, computed the first time only; `name` says what it is."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    @property
    def rows(self) -> np.ndarray:
        """[n, dim], the values flattened."""
        return self.values.reshape(len(self.values), -1)

    @property
    def features(self) -> np.ndarray:
        """[n, features] float32."""
        return self._computed[0]

    @property
    def logits(self) -> np.ndarray | None:
        """[n, classes] float32, or None where the features come without a classifier."""
        return self._computed[1]

    @functools.cached_property
    def _computed(self) -> tuple[np.ndarray, np.ndarray | None]:
        function, batch = self.features_of.function, self.features_of.batch
        parts = []
        for start in range(0, len(self.values), batch):
            values = self.values[start : start + batch]
            missing = 0 if len(self.values) < batch else batch - len(values)
            padded = np.concatenate([values, np.repeat(values[:1], missing, 0)])  # one shape, compiled once
            features, logits = function(padded)
            parts.append([None if x is None else np.asarray(x, np.float32)[: len(values)] for x in (features, logits)])
        features, logits = zip(*parts, strict=True)
        return np.concatenate(features), None if logits[0] is None else np.concatenate(logits)


class Data(NamedTuple):
    """What samples are compared with.

    Attributes:
      train, validation, test: the splits.
      mixture: the data's true distribution, where it is a known mixture.
      classes: how many, where samples are asked for classes, and all sets have labels; else None.
    """

    train: Examples
    validation: Examples
    test: Examples
    mixture: Density | None = None
    classes: int | None = None


class Score(NamedTuple):
    """A number and what it is.

    Attributes:
      name: of the score.
      value: the number; not finite where it could not be computed, because the samples are not.
      standard_error: of the value, or None where none is estimated.
      better: "higher", "lower", or "" where the reference is what to be near to.
      unit: "nats" and the like.
      features: in what the examples were compared.
      split: with which split of the data; "" where with none.
      samples: how many samples were used.
      against: how many examples of the split were used.
      details: settings and parts of the score, for the JSON.
    """

    name: str
    value: float
    standard_error: float | None
    better: str
    unit: str
    features: str
    split: str
    samples: int
    against: int
    details: Mapping[str, Any] = {}


class Evaluator(NamedTuple):
    """One line of `EVALUATORS`.

    Attributes:
      run: `(samples, data, key) -> scores`.
      suits: `(data) -> None`, or why it cannot be computed on this data.
      minimum: `(data) -> examples` that it needs at least: samples, real ones in their place, and test examples.
      reference: which split, in the samples' place, gives the reference value.
      compares: whether it compares with the test split at all.
    """

    run: Callable[[Examples, Data, jax.Array], list[Score]]
    suits: Callable[[Data], str | None] = lambda data: None
    minimum: Callable[[Data], int] = lambda data: 2
    reference: str = "train"
    compares: bool = True


class Row(NamedTuple):
    """A score, and the same of real examples in the samples' place."""

    score: Score
    reference: Score


def feature_score(
    name: str,
    value: float,
    standard_error: float | None,
    samples: Examples,
    data: Data,
    *,
    better: str,
    unit: str = "",
    details: Mapping[str, Any],
) -> Score:
    """A score of the samples' features against those of the whole test split."""
    return Score(
        name=name,
        value=value,
        standard_error=standard_error,
        better=better,
        unit=unit,
        features=samples.features_of.name,
        split="test",
        samples=len(samples),
        against=len(data.test),
        details=details,
    )


def share_error(share: float, count: int) -> float:
    """Standard error of a share of `count` independent examples: √(p(1 − p)/n)."""
    return math.sqrt(max(share * (1 - share), 0.0) / count)
