"""A small convolutional classifier, trained on a dataset's own labels. Its hidden layer serves as features.

It needs no download, and it suits data such as digits, unlike features of photographs. Scores in its features are
comparable only with each other, not with published ones; the output names the features.
"""

import contextlib
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen, traverse_util

from jaxgan.evaluation.base import Examples, Features
from jaxgan.io import archives
from jaxgan.io.atomic import atomic_path
from jaxgan.networks.convolution import patches

VERSION = 1
"""Part of a cached classifier's file name. Increase it when the network or its training changes."""

STEPS, BATCH, RATE, SHIFT, GROUPS, CHUNK = 3_000, 128, 2e-3, 2, 8, 100
"""Steps, batch size, initial learning rate, maximum shift in pixels, groups with one shift each, steps per call."""

UNITS = 128
"""Units of the hidden layer: the number of features."""


class Network(linen.Module):
    """Convolutions of stride 2 (the first 5 × 5, the others 3 × 3) down to at most 8 pixels a side, a hidden layer, and
    a linear layer."""

    num_classes: int

    @linen.compact
    def __call__(self, images, *, key=None):
        hidden, width = images, 32
        while max(hidden.shape[1:3]) > 8 or hidden is images:
            hidden = jax.nn.relu(linen.Dense(width)(_patches(hidden, 5 if hidden is images else 3, 2)))
            width = min(2 * width, 256)
        hidden = hidden.reshape(len(hidden), -1)
        features = jax.nn.relu(linen.Dense(UNITS)(hidden))
        kept = features if key is None else features * jax.random.bernoulli(key, 0.5, features.shape) * 2
        return features, linen.Dense(self.num_classes)(kept)


def _patches(images, size, stride):
    """[n, h, w, c] to [n, h/stride, w/stride, size²·c]: a convolution as a matrix product, which is faster on a CPU."""
    before = (size - stride) // 2
    after = [(-(-side // stride) - 1) * stride + size - before - side for side in images.shape[1:3]]
    return patches(jnp.pad(images, ((0, 0), *((before, end) for end in after), (0, 0))), size, size, stride)


class Classifier(NamedTuple):
    """A trained classifier.

    Attributes:
      params: parameters of `Network`.
      mean, deviation: of the training images' values; they standardise the inputs.
      accuracy: fraction of the test images that are classified correctly.
      train_examples, test_examples: number of images for training and for testing.
    """

    params: Any
    mean: float
    deviation: float
    num_classes: int
    accuracy: float
    train_examples: int
    test_examples: int


def features(classifier: Classifier) -> Features:
    """The classifier's hidden layer as features [n, 128], with its logits."""

    @jax.jit
    def function(images):
        images = (_unit(images) - classifier.mean) / classifier.deviation
        return Network(classifier.num_classes).apply({"params": classifier.params}, images)

    description = {
        "network": f"CNN trained on {classifier.train_examples:,} labelled training images",
        "test_accuracy": classifier.accuracy,
        "test_examples": classifier.test_examples,
        "dim": UNITS,
    }
    return Features("classifier", function, description)


def of_channels(single: Features, channels: int, classes: int) -> Features:
    """Features of images whose channels are separate examples, such as stacked digits.

    Args:
      single: features of one channel, with the logits of `classes` classes.
      channels: number of channels.
      classes: number of classes of one channel.

    Returns:
      The concatenated features of the channels. The logits are log p(c_1) + … + log p(c_C) for the classes
      Σ c_i · K^(C − i), which the data is assumed to contain equally often.
    """

    def function(images):
        parts = [single.function(images[..., c : c + 1]) for c in range(channels)]
        total = np.zeros((len(images), 1), np.float32)
        for _, logits in parts:
            log_probability = np.asarray(jax.nn.log_softmax(logits))
            total = (total[:, :, None] + log_probability[:, None]).reshape(len(images), -1)
        return np.concatenate([np.asarray(found) for found, _ in parts], axis=1), total

    description = {**single.description, "dim": channels * UNITS, "channels": channels}
    return Features(single.name, function, description, single.batch, np.ones(classes**channels))


def train(
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int = 0,
    steps: int | None = None,
    progress: Callable[[int], None] = lambda step: None,
) -> Classifier:
    """Trains a classifier: Adam, dropout, and random shifts of the images.

    Args:
      images: [n, height, width] or [n, height, width, channels], bytes or floats in [0, 1].
      labels: [n] int, 0 to num_classes − 1.
      test_images, test_labels: for the accuracy after training.
      num_classes: ≥ 2.
      seed: for the weights, the order and the shifts.
      steps: a multiple of `CHUNK`; `STEPS` by default.
      progress: called with the number of steps done.
    """
    steps = STEPS if steps is None else steps
    mean, deviation = _moments(images)
    data = {"images": jnp.asarray(images), "labels": jnp.asarray(labels, jnp.int32)}
    key = jax.random.key(seed)
    network = Network(num_classes)
    params = jax.jit(network.init)(key, _unit(data["images"][:2]))["params"]
    tx = optax.adam(optax.cosine_decay_schedule(RATE, steps))
    state = (params, tx.init(params))
    advance = _advance(network, tx, mean, deviation)
    for start in range(0, steps, CHUNK):
        state = jax.block_until_ready(advance(state, data, jax.random.fold_in(key, 1), start))
        progress(start + CHUNK)
    classifier = Classifier(state[0], mean, deviation, num_classes, 0.0, len(images), len(test_images))
    return classifier._replace(accuracy=accuracy(classifier, test_images, test_labels))


def _advance(network, tx, mean, deviation):
    """`(state, data, key, start) -> state` after `CHUNK` steps."""

    def loss_fn(params, images, labels, key):
        _, logits = network.apply({"params": params}, images, key=key)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def step(data, key, state, number):
        params, opt_state = state
        keys = jax.random.split(jax.random.fold_in(key, number), 3)
        index = jax.random.randint(keys[0], (BATCH,), 0, len(data["labels"]))
        images = (_shifted(keys[1], _unit(data["images"][index])) - mean) / deviation
        gradients = jax.grad(loss_fn)(params, images, data["labels"][index], keys[2])
        updates, opt_state = tx.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    @functools.partial(jax.jit, donate_argnums=0)
    def advance(state, data, key, start):
        return jax.lax.scan(functools.partial(step, data, key), state, start + jnp.arange(CHUNK))[0]

    return advance


def _shifted(key, images):
    """Shifts images at random by up to `SHIFT` pixels, repeating the edges. Each group of images shares one shift."""
    # One shift per image would need a gather, which takes longer on a CPU than the step itself.
    pad = ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0))
    groups = jnp.split(jnp.pad(images, pad, mode="edge"), GROUPS)
    starts = jax.random.randint(key, (GROUPS, 2), 0, 2 * SHIFT + 1)
    shape = (len(images) // GROUPS, *images.shape[1:])
    cut = [jax.lax.dynamic_slice(group, (0, *start, 0), shape) for group, start in zip(groups, starts, strict=True)]
    return jnp.concatenate(cut)


def accuracy(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of images [n, ...] whose predicted class equals their label [n]."""
    logits = Examples("test", np.asarray(_unit(images)), features(classifier)).logits
    assert logits is not None
    return float((logits.argmax(1) == labels).mean())


def path_of(directory: str | Path, *arrays: np.ndarray, num_classes: int) -> Path:
    """The cache file of the classifier for some data, named by a hash of the data and the settings.

    The arrays are images, labels, test_images and test_labels, as for `train`.
    """
    settings = (VERSION, STEPS, BATCH, RATE, SHIFT, GROUPS, UNITS, num_classes)
    digest = hashlib.sha256(repr(settings).encode())
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return Path(directory) / f"classifier-{digest.hexdigest()[:16]}.npz"


def load_or_train(path: Path, *arrays: np.ndarray, num_classes: int, **options: Any) -> Classifier:
    """Loads a classifier from the file that `path_of` names for this data, or trains one and saves it there.

    `options` are `train`'s.

    Failing to write the file is not an error.
    """
    if (saved := _load(path, *arrays, num_classes=num_classes)) is not None:
        return saved
    classifier = train(*arrays, num_classes=num_classes, **options)
    params = traverse_util.flatten_dict(classifier.params, sep="/")
    numbers = {name: value for name, value in classifier._asdict().items() if name != "params"}
    with contextlib.suppress(OSError), atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **params, **numbers)
    return classifier


def _load(
    path: Path,
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    num_classes: int,
) -> Classifier | None:
    """The classifier in a file; None if the file is missing or damaged, or does not belong to this data."""
    shape = jax.ShapeDtypeStruct((1, *images.shape[1:], *([1] if images.ndim == 3 else [])), np.float32)
    params = jax.eval_shape(Network(num_classes).init, jax.random.key(0), shape)["params"]
    expected = {name: leaf.shape for name, leaf in traverse_util.flatten_dict(params, sep="/").items()}
    expected |= dict.fromkeys(Classifier._fields[1:], ())
    try:
        with archives.opened(path) as archive:
            saved = {name: archive.read(name) for name in expected}
    except archives.UnreadableError:
        return None
    # The file is untrusted: anybody with write access to the cache directory may have written it.
    if {name: array.shape for name, array in saved.items()} != expected:
        return None
    if not all(array.dtype.kind in "if" and np.isfinite(array).all() for array in saved.values()):
        return None
    numbers = {name: saved.pop(name).item() for name in Classifier._fields[1:]}
    found = Classifier(traverse_util.unflatten_dict(saved, sep="/"), **numbers)
    counts = (found.num_classes, found.train_examples, found.test_examples)
    return found if counts == (num_classes, len(images), len(test_images)) else None


def _moments(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all values, scaled to [0, 1], without a float copy of all images."""
    sums = np.zeros(2)
    for start in range(0, len(images), 1_000):
        part = images[start : start + 1_000].astype(np.float64) / (255 if images.dtype == np.uint8 else 1)
        sums += part.sum(), np.square(part).sum()
    mean, square = sums / images.size
    return float(mean), max(float(np.sqrt(max(square - mean**2, 0))), 1e-6)


def _unit(images):
    """Scales images to [n, height, width, channels] in [0, 1]."""
    images = images[..., None] if images.ndim == 3 else images
    return images.astype(jnp.float32) / 255 if images.dtype == jnp.uint8 else images
