"""The .npz files: both layouts, and everything that can be wrong with them."""

import io
import zipfile

import numpy as np
import pytest

from jaxgan.datasets import DATASETS
from jaxgan.datasets.order import subset
from jaxgan.errors import DataError


def load(path, **options):
    return DATASETS["npz"](path=str(path), **options)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.npz"


def test_the_layout_of_keras(file):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 5), dtype=np.uint8)
    labels = np.arange(30) % 3
    np.savez_compressed(file, x_train=images[:24], y_train=labels[:24, None], x_test=images[24:], y_test=labels[24:])
    data = load(file)
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 4, 6)
    assert data.example_shape == (4, 5, 1) and data.num_classes == 3
    assert np.array_equal(data.validation.examples[..., 0], images[20:24])
    assert np.array_equal(data.test.examples[..., 0], images[24:])
    assert data.train.labels.dtype == np.int32 and data.train.labels.tolist() == labels[:20].tolist()


def test_examples_and_labels(file):
    values = np.arange(12, dtype=np.float64)[:, None] / 8
    np.savez(file, examples=values, labels=np.arange(12), other=np.zeros(3))
    data = load(file)
    order = subset("splits", 12).tolist()
    parts = [(8 * split.examples).ravel().tolist() for split in (data.train, data.validation, data.test)]
    assert parts == [order[:8], order[8:10], order[10:]]
    assert data.train.examples.dtype == np.float32 and data.example_shape == (1,) and data.num_classes == 12
    assert data.test.labels.tolist() == order[10:]


def test_a_validation_split_of_its_own_and_arrays_that_are_not_read(file):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 5), dtype=np.uint8)
    parts = {"train": slice(6), "validation": slice(6, 9), "test": slice(9, 12)}
    arrays = {
        f"{kind}_{name}": of[part]
        for name, part in parts.items()
        for kind, of in (("x", images), ("y", np.arange(12) % 3))
    }
    np.savez(file, **arrays, x_val=images, y_tst=np.zeros(3))
    data = load(file)
    for name, part in parts.items():
        assert np.array_equal(getattr(data, name).examples[..., 0], images[part])
        assert np.array_equal(getattr(data, name).labels, (np.arange(12) % 3)[part])
    assert data.notes[0].startswith("not read: x_val, y_tst; the names are x_train (and ")
    np.savez(file, x_train=images, labels=np.arange(12))
    with pytest.raises(DataError, match="it holds x_train and labels; name the arrays x_train"):
        load(file)


def test_conditions_go_with_their_examples_into_every_split(file):
    values = np.arange(12, dtype=np.float64)[:, None]
    np.savez(file, examples=values, conditions=np.stack([values[:, 0], -values[:, 0]], 1))
    data = load(file)
    for split in (data.train, data.validation, data.test):
        assert split.conditions.dtype == np.float32 and len(split) > 0
        np.testing.assert_array_equal(split.conditions, np.concatenate([split.examples, -split.examples], 1))
    # The layout of Keras; one number for each example is a vector of one.
    np.savez(file, x_train=values[:9], c_train=np.arange(9), x_test=values[9:], c_test=np.arange(9, 12))
    data = load(file)
    np.testing.assert_array_equal(data.validation.conditions, data.validation.examples)
    np.testing.assert_array_equal(data.test.conditions, [[9], [10], [11]])


def test_color_images_without_labels(file):
    np.savez(file, examples=np.zeros((6, 4, 4, 3), np.uint8))
    data = load(file)
    assert data.example_shape == (4, 4, 3) and data.num_classes is None and data.train.labels is None


def test_images_of_bool_are_black_and_white(file):
    masks = np.random.default_rng(0).random((12, 4, 4)) < 0.5
    np.savez(file, x_train=masks, x_test=masks[:3])
    data = load(file)
    assert data.test.examples.dtype == np.uint8
    assert np.array_equal(data.test.examples[..., 0], np.where(masks[:3], 255, 0))


def test_not_finite(file):
    values = np.zeros((6, 2, 3), np.float32)
    values[2, 1, 0] = values[4] = np.nan
    np.savez(file, examples=values)
    with pytest.raises(DataError, match=r"7 of its 36 values are NaN or infinite, the first at \[2, 1, 0\]"):
        load(file)
    np.savez(file, examples=np.full((6, 1), 1e300))
    with pytest.raises(DataError, match="6 of its 6 values"):
        load(file)


def test_conditions_may_be_pictures(file):
    examples, pictures = np.zeros((6, 2), np.float32), np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    for stored, wanted in (
        (pictures, (pictures / 127.5 - 1)[..., None]),
        (pictures[..., None] / 2.0, pictures[..., None] / 2.0),  # floats are used unchanged
    ):
        np.savez(file, x_train=examples, c_train=stored, x_test=examples, c_test=stored)
        dataset = load(path=str(file), validation_examples=0)
        np.testing.assert_allclose(dataset.train.conditions, wanted, atol=1e-6)
        assert dataset.train.conditions.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros(3), "names": np.zeros(2)}, "it holds pictures, names; name the arrays x_train"),
        ({"x_test": np.zeros((3, 2, 2))}, "it holds x_test; name the arrays"),
        ({"examples": np.zeros((6, 4), np.uint8)}, r"it is uint8 \[6, 4\]; store uint8 images"),
        ({"examples": np.zeros((6, 4, 4), np.int64)}, r"it is int64 \[6, 4, 4\]"),
        (
            {"examples": np.zeros((6, 3, 8, 8), np.uint8)},
            r"uint8 \[6, 3, 8, 8\], with 3 channels before height and width; .* images.transpose\(0, 2, 3, 1\)",
        ),
        ({"x_train": np.zeros((6, 1, 8, 8))}, r"with 1 channels before height"),
        (
            {"examples": np.tile(np.uint8([0, 1]), (6, 4, 2))},
            r"bytes are 0 and 1: the largest value is 1, and white is 255; store images \* 255",
        ),
        (
            {"examples": np.zeros((6, 2)), "labels": np.arange(6) * 400_000_000},
            r"up to 2,000,000,000, and there are 6 examples: they are ids.*np.unique\(labels, return_inverse=True\)",
        ),
        ({"examples": np.zeros((0, 4, 4), np.uint8)}, r"it is uint8 \[0, 4, 4\]"),
        ({"examples": np.zeros(6)}, r"it is float64 \[6\]"),
        ({"examples": np.zeros((6, 2)), "labels": np.zeros(5, int)}, "5 labels and 6 examples"),
        ({"examples": np.zeros((6, 2)), "labels": np.zeros(6)}, r"float64 \[6\]; store one integer class"),
        ({"examples": np.zeros((6, 2)), "labels": np.full(6, -1)}, "they run from -1 to -1"),
        (
            {"x_train": np.zeros((6, 2)), "x_test": np.zeros((6, 3))},
            r"float32 \[2\] and the test examples float32 \[3\]",
        ),
        ({"examples": np.array([{}, "objects"])}, "holds Python objects"),
        ({"examples": np.zeros((6, 2)), "conditions": np.zeros((5, 3))}, "there are 5 conditions and 6 examples"),
        (
            {"examples": np.zeros((6, 2)), "conditions": np.zeros((6, 3, 1, 2, 2))},
            r"float64 \[6, 3, 1, 2, 2\]; store one",
        ),
        (
            {"examples": np.zeros((6, 2)), "conditions": np.zeros((6, 3, 4), int)},
            r"int64 \[6, 3, 4\]; store one vector of numbers for each example, \[n, dim\], or one picture, bytes",
        ),
        ({"examples": np.zeros((6, 2)), "conditions": np.array(["a"] * 6)}, "store one vector of numbers for each"),
        (
            {"examples": np.zeros((6, 2)), "conditions": np.full(6, np.nan)},
            "6 of its 6 values are NaN",
        ),
        (
            {"x_train": np.zeros((6, 2)), "c_train": np.zeros((6, 3)), "x_test": np.zeros((6, 2))},
            r"float32 \[2\] with conditions \[3\] and the test examples float32 \[2\]; store",
        ),
    ],
)
def test_wrong_arrays(file, arrays, message):
    np.savez(file, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_wrong_files(tmp_path, file):
    with pytest.raises(DataError, match=r"data.npz is missing"):
        load(file)
    with pytest.raises(DataError, match="is a directory"):
        load(tmp_path)
    with pytest.raises(DataError, match="the path is empty"):
        load("")
    file.write_text("text")
    with pytest.raises(DataError, match=r"it is not an .npz file"):
        load(file)
    np.save(tmp_path / "one.npy", np.zeros((3, 3)))
    with pytest.raises(DataError, match=r"it is not an .npz file"):
        load(tmp_path / "one.npy")
    np.savez(file, examples=np.zeros((60, 9)))
    content = bytearray(file.read_bytes())
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="it is truncated"):
        load(file)
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(DataError, match="it is damaged: Bad CRC-32"):
        load(file)


def array(shape, descr="|u1", values=bytes(100)):
    """The bytes of an .npy file."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue() + values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (array((2**45, 28, 28)), r"damaged: examples is uint8 \[35184372088832, 28, 28\], and has 100 bytes"),
        (array((2**70, 8, 8), values=b""), "damaged: examples is uint8"),
        (array((2**32, 2**32)), "damaged: examples is uint8"),  # 0 in 64 bits
        (array((-5, -20)), "damaged: examples is uint8"),
        (array((0, 2**70), values=b""), "damaged: "),
        (array((0, 2**62, 2**62), values=b""), "damaged: "),
        (array((1,) * 65, values=b"0"), "damaged: maximum supported dimension"),
        (array((5,), "<U5"), r"is <U5 \[5\]; store uint8 images"),
        (array((2**62,), "|S0", b""), r"is \|S0 \[4611686018427387904\]; store uint8 images"),
        (array((25,), [("x", "<f4")]), r"is \[\('x', '<f4'\)\] \[25\]; store uint8 images"),
        (array((2,), "|O"), "holds Python objects, which could run any code"),
        (array((5, 4, 5))[:60], "damaged: "),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': (1, ", "damaged: "),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535, "damaged: "),
        (b"\x93NUMPY\x03\x00\x10\x00\x00\x00{'descr': '|u1'}", r"has an array of version \(3, 0\)"),
        (b"\x93NUMPY\x09\x00", "damaged: |version"),
        (b"this is text", "damaged: "),
        (b"", "damaged: "),
    ],
    ids=range(18),
)
@pytest.mark.parametrize("name", ["examples", "labels"])
def test_damaged_arrays(file, content, message, name):
    with zipfile.ZipFile(file, "w") as archive:
        if name == "labels":
            archive.writestr("examples.npy", array((5, 4, 5)))
        archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match=message if name == "examples" else "cannot (read|use)") as caught:
        load(file)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(8, 1, "it is encrypted"), (10, 99, "compressed by method 99"), (6, 99, "damaged: zip file version")],
    ids=["encrypted", "method", "version"],
)
def test_archives_of_other_kinds(file, place, value, message):
    np.savez(file, examples=np.zeros((60, 9)))
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\1\2") + place] = value  # in the directory
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(file)


def test_names_are_shortened_and_cannot_write_to_the_terminal(file):
    np.savez(file, **{"x" * 60_000: np.zeros(3), "\x1b[2Jname": np.zeros(3)})
    with pytest.raises(DataError, match=r"it holds x{150}…\(59,701 letters\)…x{149}, \\x1b\[2Jname; name") as caught:
        load(file)
    assert str(caught.value).isprintable()
    np.savez(file, examples=np.zeros((6, 2)), **{"x" * 60_000: np.zeros(3)})
    assert len(load(file).notes[0]) < 1_000


@pytest.mark.medium
def test_a_directory_of_more_entries_than_arrays_is_not_read(file):
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(16_000):
            archive.writestr(f"{number:030}", b"")
    with pytest.raises(DataError, match="it is damaged: Truncated central directory"):
        load(file)
