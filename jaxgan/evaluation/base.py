"""Examples with their features, scores, and how evaluators score samples beside real examples."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxgan.datasets import order
from jaxgan.errors import DataError, UsageError
from jaxgan.training.init import check_floats
from jaxgan.types import stream


class Density(Protocol):
    """A mixture of equal Gaussians, with centers [modes, dim]; `jaxgan.datasets.base.Mixture` is one."""

    @property
    def centers(self) -> np.ndarray: ...

    @property
    def sigma(self) -> float: ...


class Features(NamedTuple):
    """A function of examples; its values are what evaluators compare.

    Attributes:
      name: in the output.
      function: `examples [n, ...] -> (features [n, dim], logits [n, classes] or None)`, of examples in [0, 1] if they
        are images; called on `batch` examples at a time.
      description: more facts for the output, such as accuracy or the file of weights.
      batch: examples per call.
    """

    name: str
    function: Callable[[np.ndarray], tuple[Any, Any]]
    description: Mapping[str, Any] = {}
    batch: int = 500


RAW = Features("raw", lambda examples: (examples.reshape(len(examples), -1), None))
"""The values themselves: pixels, coordinates."""


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    standard_error: float


class Examples:
    """A set of examples, with their features computed on first use.

    Args:
      name: "generated", "train", "validation" or "test".
      values: [n, ...] floats; images in [0, 1].
      features: in which they are compared.
      of: size of the whole split, if these are a part of it.
      labels: [n] int, the classes of examples, or those that samples were generated for; None without classes.

    Raises:
      ValueError: the values are whole numbers.
    """

    def __init__(
        self,
        name: str,
        values: np.ndarray,
        features: Features = RAW,
        of: int | None = None,
        labels: np.ndarray | None = None,
    ):
        check_floats(values, f"the {name} examples")
        self.name, self.values, self.features_of, self.labels = name, values, features, labels
        self.of = len(values) if of is None else of
        self._known: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.values)

    def subset(self, key: jax.Array, count: int) -> "Examples":
        """`count` of the examples, drawn without replacement."""
        chosen = np.sort(np.asarray(jax.random.permutation(key, len(self)))[:count])
        labels = None if self.labels is None else self.labels[chosen]
        return Examples(self.name, self.values[chosen], self.features_of, labels=labels)

    def some(self, count: int) -> "Examples":
        """At most `count` of the examples: random ones, the same in every run, in their order."""
        if len(self) <= count:
            return self
        chosen = np.sort(order.subset("examples", len(self), count))
        labels = None if self.labels is None else self.labels[chosen]
        return Examples(self.name, self.values[chosen], self.features_of, labels=labels)

    def cached(self, name: str, compute: Callable[[], Any]) -> Any:
        """The result of `compute()`, computed only once for each name."""
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
        """[n, classes] float32, or None if the features have no classifier."""
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
    """The data that samples are compared with.

    Attributes:
      mixture: the data's true distribution, if it is a known mixture.
      classes: how many, if samples are generated for classes and all sets have labels; else None.
    """

    train: Examples
    validation: Examples
    test: Examples
    mixture: Density | None = None
    classes: int | None = None


class Score(NamedTuple):
    """A number, what it is, and the same number by other methods or of real data.

    Attributes:
      value: the number; not finite if it could not be computed because the samples are not finite.
      standard_error: of the value; None if it is not estimated.
      better: "higher", "lower", or "" if the value should be near that of real data.
      features: in which the examples were compared.
      split: of the data, with which they were compared; "" for none.
      samples, against: how many samples and how many examples of the split were used.
      details: settings and parts of the score, for the JSON.
      method: what the value is of: "samples", or one of the methods that a task compares.
      baselines: the same score of other methods, or of "real data".
    """

    name: str
    value: float
    standard_error: float | None = None
    better: str = ""
    unit: str = ""
    features: str = ""
    split: str = ""
    samples: int = 0
    against: int = 0
    details: Mapping[str, Any] = {}
    method: str = "samples"
    baselines: Mapping[str, "Score"] = {}

    @property
    def by_method(self) -> dict[str, "Score"]:
        """This score and its baselines."""
        return {self.method: self, **self.baselines}


def compare(name: str, values: Mapping[str, tuple[float, float | None]], better: str, samples: int) -> Score:
    """The score of the first of some methods, with the others as its baselines.

    Args:
      name, better, samples: as in `Score`, of every method.
      values: value and standard error by method, at least one.
    """
    first, *others = (
        Score(name, value, error, better, samples=samples, method=method) for method, (value, error) in values.items()
    )
    return first._replace(baselines={score.method: score for score in others})


class Evaluator(NamedTuple):
    """One line of `EVALUATORS`.

    Attributes:
      run: `(samples, data, key) -> scores`.
      scores: which way is better, "higher" or "lower", by name of the scores that can rank the settings of a sweep.
      unsupported: `(data) -> reason` why it cannot be computed on this data, or None.
      min_examples: `(data) -> count` of samples, of real examples in their place, and of test examples that it needs.
      reference: the split whose examples, in the samples' place, give the score of real data.
      compares: whether it compares with the test split.
    """

    run: Callable[[Examples, Data, jax.Array], list[Score]]
    scores: Mapping[str, str] = {}
    unsupported: Callable[[Data], str | None] = lambda data: None
    min_examples: Callable[[Data], int] = lambda data: 2
    reference: str = "train"
    compares: bool = True


References = Mapping[str, list[Score]]
"""Scores of real examples, by evaluator."""


def evaluate(
    samples: Examples,
    data: Data,
    evaluators: Mapping[str, Evaluator],
    key: jax.Array,
    references: References | None = None,
) -> list[Score]:
    """Scores of samples, each with that of real examples as the baseline "real data".

    Args:
      samples: to evaluate.
      data: to compare them with, in the same features.
      evaluators: by name, for example `EVALUATORS`; the scores are in their order.
      key: for evaluators that draw.
      references: of `reference_scores`, if they are known already.

    Raises:
      UsageError: an evaluator needs more samples, or does not suit the data.
      DataError: a split of the data is too small for an evaluator.
    """
    for name, evaluator in evaluators.items():
        check(name, evaluator, data, len(samples))
    if references is None:
        references = reference_scores(data, evaluators, key, len(samples))
    return [
        score._replace(better=evaluator.scores.get(score.name, score.better), baselines={"real data": real})
        for name, evaluator in evaluators.items()
        for score, real in zip(evaluator.run(samples, data, stream(key, name)), references[name], strict=True)
    ]


def reference_scores(
    data: Data, evaluators: Mapping[str, Evaluator], key: jax.Array, count: int
) -> dict[str, list[Score]]:
    """The evaluators' scores of real examples in the samples' place, by evaluator.

    Args:
      data, evaluators, key: as for `evaluate`; the key also draws which examples are used.
      count: how many are used, if the split has so many.
    """
    used = {}
    for split in {evaluator.reference for evaluator in evaluators.values()}:
        whole: Examples = getattr(data, split)
        used[split] = whole if len(whole) <= count else whole.subset(stream(key, split), count)
    return {
        name: evaluator.run(used[evaluator.reference], data, stream(key, name))
        for name, evaluator in evaluators.items()
    }


def check(name: str, evaluator: Evaluator, data: Data, count: int) -> None:
    """Raises UsageError or DataError if an evaluator cannot evaluate `count` samples with this data."""
    if reason := evaluator.unsupported(data):
        raise UsageError(f"cannot compute {name}", reason, "leave it out of evaluation.metrics")
    needed = evaluator.min_examples(data)
    if count < needed:
        raise UsageError(
            f"cannot compute {name} of {count} samples", f"it needs at least {needed}", "raise evaluation.samples"
        )
    for split in {evaluator.reference, *(["test"] if evaluator.compares else [])}:
        if (size := len(getattr(data, split))) < needed:
            raise DataError(
                f"cannot compute {name} with {size} {split} examples",
                f"it needs at least {needed}",
                "leave it out of evaluation.metrics, or choose features of fewer dimensions",
            )


def feature_score(
    name: str,
    value: float,
    standard_error: float | None,
    samples: Examples,
    data: Data,
    *,
    unit: str = "",
    details: Mapping[str, Any],
) -> Score:
    """A score of the samples' features against those of the whole test split."""
    features, counts = samples.features_of.name, (len(samples), len(data.test))
    return Score(name, value, standard_error, "", unit, features, "test", *counts, details)


def share_error(share: float, count: int) -> float:
    """Standard error of a share of `count` independent examples: √(p(1 − p)/n)."""
    return math.sqrt(max(share * (1 - share), 0.0) / count)
