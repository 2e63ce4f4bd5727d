"""The features that a config names: a classifier trained on the data, Inception, raw values, or a user's function."""

import importlib.util
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.datasets import cache
from jaxgan.datasets.base import Dataset, ValueRange
from jaxgan.errors import UsageError
from jaxgan.evaluation.base import RAW, Features
from jaxgan.figures import is_image
from jaxgan.io.metric_writers import Progress
from jaxgan.runs.data import Inputs

CLASSES = 1_000
"""Datasets with more classes than this get no classifier."""


def build_features(config: Mapping[str, Any], inputs: Inputs, log: Callable[[str], None]) -> Features:
    """The features of `config.evaluation.features`; "auto" is the classifier for labelled images, else raw values."""
    section, dataset = config["evaluation"], inputs.dataset
    name = section["features"]
    if name == "auto":
        reason = _why_no_classifier(dataset)
        if reason:
            images = is_image(dataset.example_shape)
            return RAW._replace(description={"no classifier": reason}) if images else RAW
        name = "classifier"
    if name == "raw":
        return RAW
    if ".py:" in name:
        return _of_user(name)
    if not is_image(dataset.example_shape):
        raise UsageError(
            f"evaluation.features={name} is for images",
            f"the examples of {dataset.name} are {list(dataset.example_shape)}",
            "set evaluation.features=raw",
        )
    return _inception(section) if name == "inception" else _classifier(inputs, log)


def unit_values(examples: np.ndarray, low: float, high: float) -> np.ndarray:
    """Examples in the evaluators' form: images as floats in [0, 1], from bytes or floats; other floats unchanged."""
    if examples.dtype == np.uint8:
        return ValueRange(0, 255).to_unit(examples.astype(np.float32))
    if not is_image(examples.shape[1:]):
        return examples
    return ValueRange(low, high).to_unit(examples.astype(np.float32))


def _why_no_classifier(dataset: Dataset) -> str:
    if dataset.channels is not None:
        return _why_no_classifier(dataset.channels) or _too_many(dataset.num_classes)
    if not is_image(dataset.example_shape) or dataset.mixture is not None:
        return "its examples are not images"
    if dataset.num_classes is None:
        return "it has no labels"
    if dataset.num_classes < 2:
        return "all examples have the same label"
    if not (dataset.train.in_memory and dataset.test.in_memory):
        return "it is too large to be held in memory"
    if dataset.train.labels is None or dataset.test.labels is None:
        return "not all examples have labels"
    return _too_many(dataset.num_classes)


def _too_many(classes: int | None) -> str:
    return f"it has {classes} classes" if classes is not None and classes > CLASSES else ""


def _classifier(inputs: Inputs, log: Callable[[str], None]) -> Features:
    from jaxgan.evaluation import classifier

    dataset = inputs.dataset
    if reason := _why_no_classifier(dataset):
        raise UsageError(
            f"evaluation.features=classifier does not suit the dataset {dataset.name}",
            reason,
            "set evaluation.features=raw or inception",
        )
    # If the channels of images are independent, each channel is classified separately.
    stacks, dataset = dataset, dataset.channels or dataset
    arrays: list[np.ndarray] = []
    for split in (dataset.train, dataset.test):
        images = np.asarray(split.examples)
        assert split.labels is not None
        arrays += [images if images.dtype == np.uint8 else unit_values(images, *inputs.range), split.labels]
    assert dataset.num_classes is not None
    path = classifier.path_of(cache.directory(), *arrays, num_classes=dataset.num_classes)
    if not path.exists():
        log(f"training a classifier on the labels of {dataset.name} for its features (once; kept in {path.parent})")
    with Progress(classifier.STEPS, unit="classifier step", quiet=5.0) as bar:
        made = classifier.load_or_train(path, *arrays, num_classes=dataset.num_classes, progress=bar.update)
    found = classifier.features(made)
    if stacks.channels is None:
        return found
    return classifier.of_channels(found, stacks.example_shape[-1], dataset.num_classes)


def _inception(section: Mapping[str, Any]) -> Features:
    from jaxgan.evaluation import inception, inception_weights

    path = os.path.expanduser(section["inception_weights"])
    variables, style = inception_weights.load(path)
    style = style if section["inception_style"] == "auto" else section["inception_style"]

    @jax.jit
    def apply(variables, images):
        images = images[..., None] if images.ndim == 3 else images[..., :3]  # a fourth channel would be alpha
        images = inception.preprocess(images, low=0.0, high=1.0, style=style)
        outputs: Any = inception.InceptionV3().apply(variables, images)
        # The authors of the Inception score omit the bias.
        return outputs.features, outputs.logits - variables["params"]["fc"]["bias"]

    description = {"weights": pathlib.Path(path).name, "style": style, "dim": 2048}
    return Features("inception", lambda images: apply(variables, images), description, batch=50)


def _of_user(name: str) -> Features:
    """The function of FILE.py:FUNCTION; its output is checked."""
    file, _, function = os.path.expanduser(name).rpartition(":")
    if not os.path.isfile(file):
        raise UsageError(f"evaluation.features={name}", f"there is no file {file}", "give the path of a Python file")
    spec = importlib.util.spec_from_file_location("jaxgan_features_file", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        call = getattr(module, function)
    except Exception as error:
        raise UsageError(f"evaluation.features={name}", f"{type(error).__name__}: {error}", "fix the file") from error

    def checked(examples):
        try:
            features = np.asarray(np.asarray(call(examples)), np.float32)
        except Exception as error:
            raise UsageError(f"evaluation.features={name}", f"{type(error).__name__}: {error}", "fix it") from error
        if features.ndim != 2 or len(features) != len(examples) or not features.size:
            why = f"of {len(examples)} examples it made an array of shape {list(features.shape)}"
            raise UsageError(f"evaluation.features={name}", why, "return features [n, dim]")
        return features, None

    return Features(name, checked)
