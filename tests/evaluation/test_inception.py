"""InceptionV3 and what it does to images, against torch-fidelity and pytorch-fid, and by hand."""

import json

import jax
import numpy as np
import pytest
from record_inception import RECORD, RESIZED, images, random_weights, summary

from jaxgan.evaluation import inception_weights
from jaxgan.evaluation.inception import InceptionV3, interpolation_matrix, preprocess

RECORDED = json.loads(RECORD.read_text())


def _layers(variables, batch):
    outputs, state = InceptionV3().apply(
        variables, batch, capture_intermediates=lambda module, _: module.name not in ("conv", "bn"), mutable=True
    )
    flat = jax.tree.leaves_with_path({**state["intermediates"], "__call__": None})
    layers = {".".join(key.key for key in path[:-2]): output for path, output in flat if path[0].key != "fc"}
    return layers | outputs._asdict()


@pytest.mark.slow
def test_every_layer_is_that_of_torch_fidelity():
    batch = preprocess(images(2, 299, 299), low=0, high=255, style="tensorflow")
    layers = jax.jit(_layers)(inception_weights.to_variables(random_weights()), batch)
    assert set(layers) == set(RECORDED["layers"])
    for name, recorded in RECORDED["layers"].items():
        found = summary(layers[name])
        assert found["shape"] == recorded["shape"], name
        # float32 against float64, over as many as 47 convolutions; measured: 7e-6 here, 7e-7 below.
        np.testing.assert_allclose(found["values"], recorded["values"], atol=5e-5 * recorded["std"], err_msg=name)
        np.testing.assert_allclose(found["mean"], recorded["mean"], atol=1e-5 * recorded["std"], err_msg=name)
        np.testing.assert_allclose(found["std"], recorded["std"], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("shape", [(2, 74, 299, 3), (2, 299, 74, 3), (2, 299, 299, 1), (299, 299, 3)])
def test_the_network_names_the_shape_that_it_cannot_take(shape):
    with pytest.raises(ValueError, match=f"{shape}.*75".replace("(", r"\(").replace(")", r"\)")):
        jax.eval_shape(InceptionV3().init, jax.random.key(0), jax.ShapeDtypeStruct(shape, np.float32))


@pytest.mark.parametrize(
    ("given", "wanted", "style", "rows"),
    [
        # Half-pixel centres: target 0 … 3 lie at −¼, ¼, ¾, 1¼ in the source, and the outer two are clamped.
        (2, 4, "torch", [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]),
        # No centres: they lie at 0, ½, 1, 1½, and past the last pixel there is only the last pixel.
        (2, 4, "tensorflow", [[1, 0], [0.5, 0.5], [0, 1], [0, 1]]),
        # Shrinking looks at two pixels at most: centres at ½ and 2½, or at 0 and 2.
        (4, 2, "torch", [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]),
        (4, 2, "tensorflow", [[1, 0, 0, 0], [0, 0, 1, 0]]),
        (1, 3, "torch", [[1], [1], [1]]),
        (3, 3, "tensorflow", np.eye(3)),
        (3, 3, "torch", np.eye(3)),
        (3, 3, "clean", np.eye(3)),
        (1, 3, "clean", [[1], [1], [1]]),
        # Keys' cubic of −½. Two pixels shrunk to one, s = 2: both at ¼. Three to one, s = 3: at ⅓, 0, ⅓, with k(⅓)
        # = 1.5/27 − 2.5/9 + 1 = 21/27: shares 7/23, 9/23, 7/23.
        (2, 1, "clean", [[0.5, 0.5]]),
        (3, 1, "clean", np.float32([[7 / 23, 9 / 23, 7 / 23]])),
    ],
)
def test_interpolation_by_hand(given, wanted, style, rows):
    np.testing.assert_allclose(interpolation_matrix(given, wanted, style), rows, rtol=1e-7)


@pytest.mark.parametrize("style", ["torch", "tensorflow"])
@pytest.mark.parametrize("shape", RESIZED)
def test_resizing_is_that_of_the_reference_programs(style, shape):
    recorded = RECORDED["resizing"][f"{style} {'x'.join(map(str, shape))}"]
    found = summary(preprocess(images(2, *shape), low=0, high=255, style=style))
    assert found["shape"] == recorded["shape"] == [2, 299, 299, 3]
    np.testing.assert_allclose(found["values"], recorded["values"], atol=1e-6)
    np.testing.assert_allclose([found["mean"], found["std"]], [recorded["mean"], recorded["std"]], atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (28, 28), (299, 299), (512, 400), (97, 640)])
def test_clean_resizing_is_pils(shape):
    from PIL import Image

    bytes_ = np.random.default_rng(0).integers(0, 256, (1, *shape, 3)).astype(np.uint8)
    found = preprocess(bytes_, low=0, high=255, style="clean")
    channels = [Image.fromarray(bytes_[0, ..., c].astype(np.float32)) for c in range(3)]
    resized = np.stack([np.asarray(channel.resize((299, 299), Image.Resampling.BICUBIC)) for channel in channels], -1)
    assert shape == (299, 299) or resized.min() < 0 or max(shape) > 299  # enlarging overshoots, and is clipped
    np.testing.assert_allclose(found[0], (resized.clip(0, 255) - 128) / 128, atol=2e-6)


@pytest.mark.parametrize(
    ("style", "quantize", "expected"),
    [
        # In [−1, 1]: −1.5 is clipped to byte 0; −0.5 is 63.75, rounded to 64; 0.1 is 140.25, to 140; 2 is 255.
        ("torch", True, [-1, 2 * 64 / 255 - 1, 2 * 140 / 255 - 1, 1]),
        ("tensorflow", True, [-1, (64 - 128) / 128, (140 - 128) / 128, (255 - 128) / 128]),
        # Without: −1.5 is −63.75, and 2 is 382.5.
        ("torch", False, [-1.5, -0.5, 0.1, 2]),
        ("tensorflow", False, [(level - 128) / 128 for level in (-63.75, 63.75, 140.25, 382.5)]),
        ("clean", True, [-1, (64 - 128) / 128, (140 - 128) / 128, (255 - 128) / 128]),
        ("clean", False, [(level - 128) / 128 for level in (0, 63.75, 140.25, 255)]),
    ],
)
def test_values_by_hand(style, quantize, expected):
    grey = np.broadcast_to(np.float32([-1.5, -0.5, 0.1, 2])[:, None, None, None], (4, 5, 7, 1))
    prepared = preprocess(grey, low=-1, high=1, style=style, quantize=quantize)
    assert prepared.shape == (4, 299, 299, 3) and prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, np.broadcast_to(np.reshape(expected, (4, 1, 1, 1)), prepared.shape), atol=1e-6)


def test_bytes_and_the_same_values_in_another_range_are_one():
    levels = images(2, 32, 32)
    prepared = preprocess(levels, low=0, high=255, style="torch")
    np.testing.assert_array_equal(preprocess(levels / np.float32(127.5) - 1, low=-1, high=1, style="torch"), prepared)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 8, 8, 3), {"style": "keras"}, "'keras'; known: torch, tensorflow, clean"),
        ((2, 8, 8, 2), {"style": "torch"}, r"\(2, 8, 8, 2\)"),
        ((2, 8, 8), {"style": "torch"}, r"\(2, 8, 8\)"),
        ((2, 8, 8, 3), {"style": "torch", "low": 1}, "low=1, high=1"),
    ],
)
def test_preprocess_says_what_it_cannot_do(shape, options, message):
    with pytest.raises(ValueError, match=message):
        preprocess(np.zeros(shape, np.float32), **{"low": 0, "high": 1, **options})
