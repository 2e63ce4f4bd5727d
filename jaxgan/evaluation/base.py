"""Examples and their features, scores, and how evaluators score samples and real examples."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxgan.datasets import order
from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation.inputs import check_finite, class_logits
from jaxgan.training.init import check_floats
from jaxgan.types import stream


class Density(Protocol):
    """A mixture of equal Gaussians, with centers [modes, dim]; `jaxgan.datasets.base.Mixture` is one."""

    @property
    def centers(self) -> np.ndarray: ...

    @property
    def sigma(self) -> float: ...


class Features(NamedTuple):
    """A function of examples whose values evaluators compare.

    Attributes:
      name: name in the output.
      function: `examples [n, ...] -> (features [n, dim], logits [n, classes] or None)`; images are in [0, 1].
      description: more facts for the output, such as accuracy or the file of weights.
      batch: number of examples per call.
      class_shares: [classes] ≥ 0, relative frequency of each class in the data; None: as predicted on the test split.
    """

    name: str
    function: Callable[[np.ndarray], tuple[Any, Any]]
    description: Mapping[str, Any] = {}
    batch: int = 500
    class_shares: np.ndarray | None = None


RAW = Features("raw", lambda examples: (examples.reshape(len(examples), -1), None))
"""The values themselves: pixels or coordinates."""


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    standard_error: float


class Examples:
    """A set of examples, with their features computed on first use.

    Args:
      name: "generated", "train", "validation" or "test".
      values: [n, ...] floats; images in [0, 1].
      features: the features in which they are compared.
      of: size of the whole split, if these examples are a part of it.
      labels: [n] int: classes of real examples, or classes for which samples were generated; None without classes.

    Raises:
      ValueError: the values are integers.
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
        """At most `count` of the examples, in their order; the random choice is the same in every run."""
        if len(self) <= count:
            return self
        chosen = np.sort(order.subset("examples", len(self), count))
        labels = None if self.labels is None else self.labels[chosen]
        return Examples(self.name, self.values[chosen], self.features_of, labels=labels)

    def cached(self, name: str, compute: Callable[[], Any]) -> Any:
        """The result of `compute()`, computed once per name."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    @property
    def rows(self) -> np.ndarray:
        """[n, dim]: the flattened values."""
        return self.values.reshape(len(self.values), -1)

    @property
    def features(self) -> np.ndarray:
        """[n, features] float32; NonFiniteError if some are NaN or infinite."""
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
        features = np.concatenate(features)
        check_finite(f"the features {self.features_of.name} of the {self.name} examples", features)
        if logits[0] is None:
            return features, None
        return features, class_logits(np.concatenate(logits), f"the logits of the {self.name} examples")


class Data(NamedTuple):
    """The data that samples are compared with.

    Attributes:
      mixture: the data's true distribution, if it is a known mixture.
      classes: number of classes, if samples are generated for classes and all splits have labels; else None.
      reference_split: "test" or "train": the split used for feature distances. Published distances on CIFAR-10 and
        ImageNet use the training split.
    """

    train: Examples
    validation: Examples
    test: Examples
    mixture: Density | None = None
    classes: int | None = None
    reference_split: str = "test"

    @property
    def reference(self) -> Examples:
        """The split that `reference_split` names."""
        return getattr(self, self.reference_split)


class Score(NamedTuple):
    """A number with its meaning, and the same score for other methods or for real data.

    Attributes:
      value: the number; infinite or NaN only where its definition allows that.
      standard_error: standard error of the value; None if it is not estimated.
      better: "higher", "lower", or "" if the value should be close to that of real data.
      features: the features in which the examples were compared.
      split: the split of the data with which they were compared; "" for none.
      samples, against: number of samples, and number of examples of the split.
      details: settings and parts of the score, for the JSON output.
      method: the method with this value: "samples", or one of the methods that a task compares.
      baselines: the same score for other methods, or for "real data".
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
    """The score of the first method, with those of the other methods as baselines.

    Args:
      name, better, samples: as in `Score`; the same for every method.
      values: value and standard error by method; at least one.
    """
    first, *others = (
        Score(name, value, error, better, samples=samples, method=method) for method, (value, error) in values.items()
    )
    return first._replace(baselines={score.method: score for score in others})


class Evaluator(NamedTuple):
    """One entry of `EVALUATORS`.

    Attributes:
      run: `(samples, data, key) -> scores`.
      scores: "higher" or "lower" (whichever is better), by name of the scores that can rank the settings of a sweep.
      unsupported: `(data) -> reason` why it cannot be computed on this data, or None.
      min_examples: `(data) -> count`, the minimum number of samples, of real examples in their place, and of examples
        of the split to compare with.
      reference: the split that replaces the samples for the score of real data. If the evaluator compares with the
        data's reference split, the other one of "train" and "test" is used instead.
      compares: the split to compare with: "test"; "reference": the data's reference split; "": none, or one that may
        have any size.
      automatic: whether `evaluation.metrics=auto` includes it on suitable data.
      note: what readers of its scores must know; printed below the table.
    """

    run: Callable[..., list[Score]]
    scores: Mapping[str, str] = {}
    unsupported: Callable[[Data], str | None] = lambda data: None
    min_examples: Callable[..., int] = lambda data: 2
    reference: str = "train"
    compares: str = "test"
    automatic: bool = True
    note: str = ""

    def with_fields(self, **fields: Any) -> "Evaluator":
        """The evaluator with some keyword parameters of `run` set, also in `min_examples` if it takes them."""
        return self._replace(run=_taking(self.run, fields), min_examples=_taking(self.min_examples, fields))

    def compared_split(self, data: Data) -> str:
        """The split to compare with, or ""."""
        return data.reference_split if self.compares == "reference" else self.compares

    def real_split(self, data: Data) -> str:
        """The split that replaces the samples for the score of real data."""
        if self.compares == "reference":
            return "test" if data.reference_split == "train" else "train"
        return self.reference


def _taking(function: Callable[..., Any], fields: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with those of the given values set that it takes as parameters."""
    taken = {name: value for name, value in fields.items() if name in inspect.signature(function).parameters}
    return functools.partial(function, **taken) if taken else function


References = Mapping[str, list[Score]]
"""Scores of real examples, by evaluator."""


def evaluate(
    samples: Examples,
    data: Data,
    evaluators: Mapping[str, Evaluator],
    key: jax.Array,
    references: References | None = None,
    begin: Callable[[str], None] = lambda name: None,
) -> list[Score]:
    """Scores the samples, each with the score of real examples as the baseline "real data".

    Args:
      samples: the samples to evaluate.
      data: the data to compare with, in the same features.
      evaluators: by name, for example `EVALUATORS`; they determine the order of the scores.
      key: for evaluators that draw random numbers.
      references: the result of `reference_scores`, if it is already known.
      begin: called with the name of each evaluator before it runs on the samples.

    Raises:
      UsageError: an evaluator needs more samples, or does not support the data.
      DataError: a split of the data is too small for an evaluator.
      NonFiniteError: values, features or logits of the samples or of the data are NaN or infinite.
    """
    for name, evaluator in evaluators.items():
        check(name, evaluator, data, len(samples))
    if references is None:
        references = reference_scores(data, evaluators, key, len(samples))
    found = []
    for name, evaluator in evaluators.items():
        begin(name)
        for score, real in zip(evaluator.run(samples, data, stream(key, name)), references[name], strict=True):
            better = evaluator.scores.get(score.name, score.better)
            found.append(score._replace(better=better, baselines={"real data": real}))
    return found


def reference_scores(
    data: Data,
    evaluators: Mapping[str, Evaluator],
    key: jax.Array,
    count: int,
    begin: Callable[[str], None] = lambda name: None,
) -> dict[str, list[Score]]:
    """The evaluators' scores for real examples in place of samples, by evaluator.

    Args:
      data, evaluators, key: as for `evaluate`; the key also selects the examples.
      count: number of examples to use, if the split has that many.
      begin: called with the name of each evaluator before it runs.
    """
    used = {}
    for split in {evaluator.real_split(data) for evaluator in evaluators.values()}:
        whole: Examples = getattr(data, split)
        used[split] = whole if len(whole) <= count else whole.subset(stream(key, split), count)
    found = {}
    for name, evaluator in evaluators.items():
        begin(name)
        found[name] = evaluator.run(used[evaluator.real_split(data)], data, stream(key, name))
    return found


def check(name: str, evaluator: Evaluator, data: Data, count: int) -> None:
    """Raises UsageError or DataError if an evaluator cannot score `count` samples with this data."""
    if reason := evaluator.unsupported(data):
        raise UsageError(f"cannot compute {name}", reason, "leave it out of evaluation.metrics")
    needed = evaluator.min_examples(data)
    if count < needed:
        raise UsageError(
            f"cannot compute {name} of {count} samples", f"it needs at least {needed}", "raise evaluation.samples"
        )
    for split in sorted({evaluator.real_split(data), evaluator.compared_split(data)} - {""}):
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
    split: str = "test",
    details: Mapping[str, Any],
) -> Score:
    """A score that compares the samples' features with those of a whole split."""
    features, counts = samples.features_of.name, (len(samples), len(getattr(data, split)))
    return Score(name, value, standard_error, "", unit, features, split, *counts, details)


def share_error(share: float, count: int) -> float:
    """Standard error of a fraction of `count` independent examples: √(p(1 − p)/n)."""
    return math.sqrt(max(share * (1 - share), 0.0) / count)
