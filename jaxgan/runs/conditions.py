"""The condition of a run: what of its data it is, which ones samples have, and `--condition=…`."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets import feed, order
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import UsageError

FIELDS = {"labels": "labels", "vectors": "conditions"}
"""Which field of a `Split` is the condition, one of `feed.CONDITIONS`, by `config.condition`."""

STREAM = 2
"""Of the fixed order in which examples lend samples their conditions; the alarms draw from 0 and 1."""

VECTORS = 10_000
"""At most so many vectors of the training data are lent to samples, in turn."""


def read_facts(config: Mapping[str, Any], dataset: Dataset) -> tuple[int | None, np.ndarray | None]:
    """What networks and samples need to know of the condition.

    Args:
      config: a checked config.
      dataset: the run's.

    Returns:
      How many classes there are, or None; and vectors [m, dim] for samples to have in turn, or None.

    Raises:
      UsageError: the data has not got the condition.
    """
    if config["condition"] == "none":
        return None, None
    name, field = config["condition"], FIELDS[config["condition"]]
    lent = lend(dataset.train, field, 1 if name == "labels" else VECTORS)
    if lent is None or (name == "labels" and dataset.num_classes is None):
        where = "an .npz file, or a labels file beside images," if name == "labels" else "an .npz file"
        remedy = f"set condition=none, or give {where} that has them"
        raise UsageError(f"condition={name} does not suit the dataset {dataset.name}", f"it has no {field}", remedy)
    return (dataset.num_classes, None) if name == "labels" else (None, lent)


def lend(split: Split, field: str, count: int) -> np.ndarray | None:
    """Conditions of examples in a random order that is always the same: labels in the data's proportions.

    Args:
      split: of the data.
      field: one of `feed.CONDITIONS`.
      count: how many, at most: an example lends its own once.

    Returns:
      [m, ...] with m = min(count, examples); None if the data has none.
    """
    return feed.read_condition(split, order.permutation(0, STREAM, len(split))[:count], field)


def parse(text: str, experiment: Experiment) -> np.ndarray:
    """The conditions that `--condition` asks for.

    Args:
      text: classes, "3" or "0,1,2"; or a vector, "0.5,-1", and further ones behind semicolons.
      experiment: the run's parts.

    Returns:
      [m] int32, or [m, dim] float32, m ≥ 1.

    Raises:
      UsageError: the run has no condition, or another one.
    """
    what = f"--condition={text}"
    if experiment.conditions is None:
        raise UsageError(what, "the run has no condition", "leave it out")
    if experiment.classes is not None:
        most, why = experiment.classes - 1, f"the condition is a class, 0 to {experiment.classes - 1}"
        remedy = f"give one, or several: --condition={','.join(map(str, range(min(most, 2) + 1)))}"
        try:
            labels = [int(part) for part in text.split(",")]
        except ValueError as error:
            raise UsageError(what, why, remedy) from error
        if not all(0 <= label <= most for label in labels):
            raise UsageError(what, why, remedy)
        return np.array(labels, np.int32)
    dim = experiment.conditions.shape[1]
    why = f"the condition is a vector of {dim} number{'s' if dim > 1 else ''}"
    remedy = f"give --condition={','.join(['0.5', '-1', '0'][:dim])}{',...' if dim > 3 else ''}, more behind semicolons"
    try:
        vectors = [[float(part) for part in vector.split(",")] for vector in text.split(";")]
    except ValueError as error:
        raise UsageError(what, why, remedy) from error
    if not all(len(vector) == dim and all(map(math.isfinite, vector)) for vector in vectors):
        raise UsageError(what, why, remedy)
    return np.array(vectors, np.float32)
