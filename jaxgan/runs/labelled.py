"""The few examples whose labels a task sees."""

import zlib
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan.datasets import feed
from jaxgan.datasets.base import Dataset
from jaxgan.errors import UsageError
from jaxgan.tasks import Labelled
from jaxgan.tasks.labelled import choose


def read_labelled(config: Mapping[str, Any], dataset: Dataset, low: float, high: float) -> Labelled | None:
    """The labelled examples of a task whose section has the field `labelled`; None for another.

    Args:
      config: a checked config.
      dataset: whose training split they are from.
      low, high: what bytes are scaled to, as everywhere in training.

    Raises:
      UsageError: there are not so many, or no labels, or D has not as many class logits as there are classes.
    """
    name = config["task"]
    section, split = config.get(name, {}), dataset.train
    if "labelled" not in section:
        return None
    source = split.examples
    labels = split.labels if isinstance(source, np.ndarray) else source.read_labels(np.arange(len(split)))
    if labels is None or dataset.num_classes is None:
        raise UsageError(
            f"task={name} does not suit the dataset {dataset.name}",
            "it has no labels",
            "choose one that has, or task=none",
        )
    outputs = config["discriminator"]["class_logits"]
    if outputs != dataset.num_classes:
        raise UsageError(
            f"discriminator.class_logits {outputs} does not suit the data",
            f"it has {dataset.num_classes} classes, of which task={name} tells",
            f"set --config.discriminator.class_logits={dataset.num_classes}",
        )
    try:
        chosen = choose(labels, section["labelled"], dataset.num_classes, section["seed"])
    except ValueError as error:
        raise UsageError(f"task={name} does not suit the data", str(error), f"change {name}.labelled") from error
    examples = source[chosen] if isinstance(source, np.ndarray) else source.read(chosen)
    return Labelled(
        np.asarray(feed.scale(jnp.asarray(examples), low, high), np.float32), np.asarray(labels[chosen], np.int32)
    )


def checksum(labelled: Labelled) -> int:
    """To know the examples and their labels again."""
    return zlib.crc32(labelled.labels.tobytes(), zlib.crc32(np.ascontiguousarray(labelled.examples)))
