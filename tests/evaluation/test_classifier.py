"""The classifier whose hidden layer serves as features: it learns, it is cached, and on MNIST it is good enough."""

import os
import pathlib

import jax
import numpy as np
import pytest
import scipy.signal

from jaxgan.evaluation import classifier as module
from jaxgan.evaluation.base import Examples
from tests.evaluation.conftest import bars


def data(count=600):
    (images, labels), (test_images, test_labels) = bars(count, 0), bars(200, 1)
    return [(images / 255).astype(np.float32), labels, (test_images / 255).astype(np.float32), test_labels]


@pytest.fixture(scope="module")
def trained(quick_classifier, tmp_path_factory):
    path, steps = quick_classifier.path_of(tmp_path_factory.mktemp("cache"), *data(), num_classes=3), []
    found = quick_classifier.load_or_train(path, *data(), num_classes=3, progress=steps.append)
    assert steps == list(range(module.CHUNK, module.STEPS + 1, module.CHUNK))
    return path, found


@pytest.mark.medium
def test_it_learns_what_it_is_shown_and_states_its_accuracy(trained):
    _, found = trained
    assert found.accuracy >= 0.97  # one of three classes: guessing is .33
    assert found.accuracy == module.accuracy(found, *data()[2:])
    assert (found.train_examples, found.test_examples, found.num_classes) == (600, 200, 3)
    examples = Examples("test", data()[2], module.features(found))
    assert examples.features.shape == (200, module.UNITS) and examples.logits.shape == (200, 3)
    assert (examples.logits.argmax(1) == data()[3]).mean() == found.accuracy
    assert examples.features_of.description["test_accuracy"] == found.accuracy


def test_the_cache_gives_the_same_classifier_and_survives_damage(trained, quick_classifier, monkeypatch):
    path, found = trained
    with monkeypatch.context() as patch:
        patch.setattr(module, "train", None)
        again = module.load_or_train(path, *data(), num_classes=3)
    assert again._replace(params=None) == found._replace(params=None)
    for a, b in zip(jax.tree.leaves(found.params), jax.tree.leaves(again.params), strict=True):
        np.testing.assert_array_equal(a, b)
    path.write_bytes(path.read_bytes()[:-500])
    monkeypatch.setattr(module, "train", lambda *arrays, num_classes: found)
    assert module.load_or_train(path, *data(), num_classes=3) is found
    monkeypatch.setattr(module, "train", None)
    assert module.load_or_train(path, *data(), num_classes=3).accuracy == found.accuracy  # written anew


@pytest.mark.parametrize(
    "changes",
    [
        {"Dense_0/kernel": np.zeros((3, 3), np.float32)},
        {"Dense_0/kernel": None},
        {"Dense_0/bias": np.full(32, np.nan, np.float32)},
        {"Dense_0/bias": np.array(["text"] * 32)},
        {"num_classes": np.array(4)},
        {"test_examples": np.array(7)},
        {"mean": np.array([1.0, 2.0])},
        {"accuracy": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_cache_of_other_arrays_is_made_anew(trained, quick_classifier, tmp_path, monkeypatch, changes):
    path, found = trained
    with np.load(quick_classifier.path_of(path.parent, *data(), num_classes=3)) as archive:
        arrays = {name: changes.get(name, archive[name]) for name in archive.files}
    np.savez(tmp_path / "c.npz", **{name: array for name, array in arrays.items() if array is not None})
    monkeypatch.setattr(module, "train", lambda *arrays, num_classes: found)
    assert module.load_or_train(tmp_path / "c.npz", *data(), num_classes=3) is found


@pytest.mark.slow
def test_bytes_and_the_floats_they_stand_for_are_the_same():
    floats = data()
    stored = [np.rint(255 * array).astype(np.uint8) if array.ndim == 4 else array for array in floats]
    found = [module.train(*arrays, num_classes=3, steps=module.CHUNK) for arrays in (floats, stored)]
    assert found[0].mean == pytest.approx(float(floats[0].mean()), rel=1e-5)
    assert found[0].deviation == pytest.approx(float(floats[0].std()), rel=1e-5)
    assert found[0][1:] == pytest.approx(found[1][1:], rel=1e-5)
    for a, b in zip(*(jax.tree.leaves(c.params) for c in found), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_other_data_is_another_classifier():
    paths = {module.path_of("cache", *data(count), num_classes=3) for count in (600, 599)}
    changed = data()
    changed[1] = changed[1].copy()
    changed[1][0] = (changed[1][0] + 1) % 3
    paths.add(module.path_of("cache", *changed, num_classes=3))
    paths.add(module.path_of("cache", *data(), num_classes=4))
    assert len(paths) == 4
    assert module.path_of("cache", *data(), num_classes=3) in paths


def strided(image, kernel):
    """An image's convolution of stride 2, with zeros around it: [rows, columns], half as many."""
    size, count = len(kernel), -(-len(image) // 2)
    first = size - 1 - (size - 2) // 2  # `full` begins with size − 1 of padding, the network with (size − 2)/2
    whole = scipy.signal.correlate2d(image, kernel, mode="full")
    return whole[first : first + 2 * count : 2, first : first + 2 * count : 2]


# Layers see 10 pixels; 28 and 14; 17 and 9: even and odd sides, with kernels of 5 and of 3 pixels.
@pytest.mark.medium
@pytest.mark.parametrize(("side", "layers"), [(10, 1), (28, 2), (17, 2)])
def test_the_features_are_those_of_convolutions_by_scipy(side, layers):
    image = np.random.default_rng(0).normal(size=(side, side, 1)).astype(np.float32)
    network = module.Network(3)
    params = jax.jit(network.init)(jax.random.key(0), image[None])["params"]
    hidden = image.astype(np.float64)
    for i in range(layers):
        weights, size = np.asarray(params[f"Dense_{i}"]["kernel"], np.float64), 5 if i == 0 else 3
        kernels = weights.reshape(size, size, hidden.shape[-1], -1)
        sums = [
            sum(strided(hidden[..., c], kernels[..., c, k]) for c in range(hidden.shape[-1]))
            for k in range(kernels.shape[-1])
        ]
        hidden = np.maximum(np.stack(sums, -1), 0)
    found, logits = jax.jit(network.apply)({"params": params}, image[None])
    expected = np.maximum(hidden.reshape(-1) @ params[f"Dense_{layers}"]["kernel"], 0)
    assert expected.max() > 0.1 and logits.shape == (1, 3)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("digits", 0.97), ("idx", 0.99)])
def test_it_is_good_enough_on_real_digits(name, least):
    """A minute or two for each."""
    from jaxgan.datasets import DATASETS

    directory = pathlib.Path(os.environ.get("JAXGAN_DATA_DIR", "")) / "mnist"
    if name == "idx" and not directory.is_dir():
        pytest.skip("set JAXGAN_DATA_DIR to a directory with the IDX files of MNIST in its sub-directory mnist")
    dataset = DATASETS[name](**({"path": str(directory)} if name == "idx" else {}))
    arrays = [
        array
        for split in (dataset.train, dataset.test)
        for array in (split.examples.astype(np.float32) / 255, split.labels)
    ]
    assert module.train(*arrays, num_classes=10).accuracy >= least
