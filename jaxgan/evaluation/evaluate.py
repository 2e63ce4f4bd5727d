"""Runs evaluators on samples, with the same scores of real examples beside them."""

from collections.abc import Mapping

import jax
import numpy as np

from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation.base import Data, Evaluator, Examples, Row, Score
from jaxgan.rng import stream

References = Mapping[str, list[Score]]
"""The scores of real examples, by evaluator."""


def evaluate(
    samples: Examples,
    data: Data,
    evaluators: Mapping[str, Evaluator],
    key: jax.Array,
    references: References | None = None,
) -> list[Row]:
    """Scores of samples, each beside that of real examples.

    Args:
      samples: what to judge.
      data: what to judge it against; with the same features.
      evaluators: by name; all of `EVALUATORS`, say.
      key: for evaluators that draw.
      references: of `reference_scores`, when they are known already.

    Returns:
      A row per score, in the evaluators' order.

    Raises:
      UsageError: there are too few samples for an evaluator, or one does not suit the data.
      DataError: a split of the data is too small for one.
    """
    for name, evaluator in evaluators.items():
        check(name, evaluator, data, len(samples))
    if references is None:
        references = reference_scores(data, evaluators, key, len(samples))
    rows = []
    for name, evaluator in evaluators.items():
        scores = evaluator.run(samples, data, stream(key, name))
        rows += [Row(*pair) for pair in zip(scores, references[name], strict=True)]
    return rows


def reference_scores(
    data: Data, evaluators: Mapping[str, Evaluator], key: jax.Array, count: int
) -> dict[str, list[Score]]:
    """The evaluators' scores of real examples in the samples' place.

    Args:
      data: the splits.
      evaluators: by name.
      key: as for `evaluate`; it also draws which examples stand in.
      count: how many stand in, if the split has so many.

    Returns:
      Scores by evaluator.
    """
    stand_ins = {}
    for split in {evaluator.reference for evaluator in evaluators.values()}:
        whole: Examples = getattr(data, split)
        stand_ins[split] = whole if len(whole) <= count else _drawn(whole, stream(key, split), count)
    return {
        name: evaluator.run(stand_ins[evaluator.reference], data, stream(key, name))
        for name, evaluator in evaluators.items()
    }


def check(name: str, evaluator: Evaluator, data: Data, count: int) -> None:
    """Raises UsageError or DataError, in one line, if an evaluator cannot judge `count` samples against the data."""
    if reason := evaluator.suits(data):
        raise UsageError(f"cannot compute {name}", reason, "leave it out of evaluation.metrics")
    needed = evaluator.minimum(data)
    if count < needed:
        raise UsageError(
            f"cannot compute {name} of {count} samples", f"it needs at least {needed}", "raise evaluation.samples"
        )
    for split in {evaluator.reference, *(["test"] if evaluator.compares else [])}:
        if (there := len(getattr(data, split))) < needed:
            raise DataError(
                f"cannot compute {name} with {there} {split} examples",
                f"it needs at least {needed}",
                "leave it out of evaluation.metrics, or choose features of fewer dimensions",
            )


def _drawn(whole: Examples, key: jax.Array, count: int) -> Examples:
    chosen = np.sort(np.asarray(jax.random.permutation(key, len(whole)))[:count])
    labels = None if whole.labels is None else whole.labels[chosen]
    return Examples(whole.name, whole.values[chosen], whole.features_of, labels=labels)
