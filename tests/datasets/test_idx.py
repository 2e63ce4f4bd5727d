"""IDX files: every type, every name, and everything that can be wrong with them."""

import gzip
import struct

import numpy as np
import pytest

from jaxgan.datasets import DATASETS
from jaxgan.datasets.idx import read_idx
from jaxgan.datasets.order import subset
from jaxgan.errors import DataError, UsageError


def load(path, **options):
    return DATASETS["idx"](path=str(path), **options)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_every_type(tmp_path, writers, kind, suffix):
    array = (np.arange(-6, 18).reshape(2, 3, 4) * 5).astype(kind)
    writers.idx(tmp_path / f"x{suffix}", array)
    read = read_idx(str(tmp_path / f"x{suffix}"))
    assert read.dtype == np.dtype(kind) and read.dtype.isnative and np.array_equal(read, array)


def test_bytes_by_hand(tmp_path):
    # Type 0x0B (int16), two dimensions, 1 by 2, values 258 = 0x0102 and −2 = 0xFFFE.
    (tmp_path / "x").write_bytes(bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 0xFF, 0xFE]))
    assert read_idx(str(tmp_path / "x")).tolist() == [[258, -2]]


def test_splits(miniature):
    data = load(miniature)
    # A sixth of 300 is 50, the last ones.
    assert (len(data.train), len(data.validation), len(data.test)) == (250, 50, 60)
    assert data.example_shape == (28, 28, 1) and data.num_classes == 10
    stored = read_idx(str(miniature / "train-images-idx3-ubyte.gz"))
    assert np.array_equal(data.train.examples[..., 0], stored[:250])
    assert np.array_equal(data.validation.examples[..., 0], stored[250:])
    assert data.validation.labels.tolist() == [number // 7 % 10 for number in range(250, 300)]
    assert len(load(miniature, validation_examples=0).train) == 300
    assert len(load(miniature, validation_examples=299).train) == 1
    with pytest.raises(UsageError, match="300"):
        load(miniature, validation_examples=300)


@pytest.mark.slow
def test_mnist(mnist):
    directory, train, test = mnist
    data = load(directory)
    assert (len(data.train), len(data.validation), len(data.test)) == (train * 5 // 6, train // 6, test)
    assert data.num_classes == 10 and data.train.examples.dtype == np.uint8
    if train == 60_000:
        # The first labels, and the mean pixel of MNIST's training set, 33.318.
        assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
        both = np.concatenate([data.train.examples, data.validation.examples])
        assert both.mean() == pytest.approx(33.318, abs=1e-3)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte.gz"),
    ],
)
@pytest.mark.parametrize("test", ["test", "t10k"])
def test_names(tmp_path, writers, images, labels, test):
    for split, count in (("train", 12), (test, 5)):
        writers.idx(tmp_path / images.replace("train", split), np.full((count, 2, 3), count, np.uint8))
        writers.idx(tmp_path / labels.replace("train", split), np.full(count, 26, np.uint8))
    data = load(tmp_path)
    assert data.train.examples.shape == (10, 2, 3, 1) and (data.train.examples == 12).all()
    assert data.test.examples.shape == (5, 2, 3, 1) and (data.test.examples == 5).all()
    assert data.num_classes == 27


def test_plain_before_gzipped_and_hidden_files_ignored(tmp_path, writers):
    writers.idx(tmp_path / "train-images-idx3-ubyte", np.ones((12, 2, 2), np.uint8))
    writers.idx(tmp_path / "train-images-idx3-ubyte.gz", np.zeros((12, 2, 2), np.uint8))
    (tmp_path / "._train-images-idx3-ubyte").write_bytes(b"of a Mac")
    (tmp_path / "train-labels-idx1-ubyte").mkdir()
    data = load(tmp_path)
    assert (data.train.examples == 1).all() and data.train.labels is None and data.num_classes is None


def test_without_a_test_set(tmp_path, writers):
    writers.idx(tmp_path / "train-images-idx3-ubyte", np.arange(12, dtype=np.uint8)[:, None, None])
    order = subset("splits", 12).tolist()  # [train | validation | test]
    values = [split.examples.ravel().tolist() for split in (load(tmp_path).train, load(tmp_path).validation)]
    assert values == [order[:8], order[8:10]]
    assert load(tmp_path).test.examples.ravel().tolist() == order[10:]
    three = load(tmp_path, validation_examples=3)
    assert three.validation.examples.ravel().tolist() == order[6:9] and len(three.test) == 3
    none = load(tmp_path, validation_examples=0)
    assert len(none.validation) == 0 and none.test.examples.ravel().tolist() == order[10:]
    with pytest.raises(UsageError, match="validation_examples is 6"):
        load(tmp_path, validation_examples=6)


def test_emnists_images_are_transposed_and_its_letters_begin_at_1(tmp_path, writers):
    upright = np.random.default_rng(0).integers(0, 256, (26, 4, 5), dtype=np.uint8)
    for split in ("train", "test"):
        writers.idx(tmp_path / f"emnist-letters-{split}-images-idx3-ubyte.gz", upright.transpose(0, 2, 1))
        writers.idx(tmp_path / f"emnist-letters-{split}-labels-idx1-ubyte.gz", np.arange(1, 27, dtype=np.uint8))
    data = load(tmp_path, transpose=True)
    assert np.array_equal(data.test.examples[..., 0], upright)
    assert data.test.labels.tolist() == list(range(26)) and data.num_classes == 26
    assert data.notes == ("its labels 1 to 26 are the classes 0 to 25",)
    lying = load(tmp_path)
    assert np.array_equal(lying.test.examples[..., 0], upright.transpose(0, 2, 1))
    assert "set dataset.transpose=True" in lying.notes[0]


def test_the_first_of_qmnists_columns_is_the_class(tmp_path, writers):
    labels = np.arange(96, dtype=np.int32).reshape(12, 8)
    writers.idx(tmp_path / "qmnist-train-images-idx3-ubyte.gz", np.zeros((12, 2, 2), np.uint8))
    writers.idx(tmp_path / "qmnist-train-labels-idx2-int.gz", labels)
    assert load(tmp_path).train.labels.tolist() == (8 * subset("splits", 12, 8)).tolist()


def test_float_images(tmp_path, writers):
    images = np.linspace(0, 1, 48).reshape(12, 2, 2)
    writers.idx(tmp_path / "train-images-idx3-float", images)
    examples = load(tmp_path, validation_examples=0).train.examples
    assert examples.dtype == np.float32
    assert np.allclose(examples[..., 0], images[subset("splits", 12, 10)], atol=1e-7)
    images[3, 1, 0] = np.nan
    images[4, 0, 0] = np.inf
    writers.idx(tmp_path / "train-images-idx3-float", images)
    with pytest.raises(DataError, match=r"2 of its 48 values are NaN or infinite, the first at \[3, 1, 0\]"):
        load(tmp_path)


def damage(content):
    """What can be wrong with a file of 12 images of 2 by 2, and what the message must say."""
    lie = content[:4] + struct.pack(">3I", 2**31, 2**31, 2**31) + content[16:]
    return {
        "truncated": (content[:-1], r"claims 48 bytes of values \(\[12, 2, 2\]\) and there are only 47"),
        "longer": (content + b"x", r"claims 48 bytes.*there are more"),
        "lies hugely": (lie, rf"claims {2**93} bytes"),
        "no values, huge sides": (content[:4] + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "too big"),
        "70 dimensions": (content[:3] + b"\x46" + struct.pack(">70I", *[1] * 70) + b"0", "dimension"),
        "header": (content[:9], "ends within its header"),
        "empty": (b"", "not an IDX file"),
        "magic": (b"\x89PNG" + content[4:], r"not an IDX file \(it starts with the bytes 89 50 4e 47\)"),
        "type": (content[:2] + b"\x0a" + content[3:], "not an IDX file"),
    }


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", damage(b""))
def test_damaged(tmp_path, writers, case, packed):
    content, message = damage(writers.idx_bytes(np.zeros((12, 2, 2), np.uint8)))[case]
    (tmp_path / "train-images-idx3-ubyte").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value) and "train-images-idx3-ubyte" in str(caught.value)


@pytest.mark.parametrize("case", ["cut", "flipped", "check sum"])
def test_damaged_gzip(tmp_path, writers, case):
    rng = np.random.default_rng(0)
    content = bytearray(gzip.compress(writers.idx_bytes(rng.integers(0, 256, (50, 8, 8), dtype=np.uint8))))
    if case == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2 if case == "flipped" else -6] ^= 0xFF
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read .*damaged"):
        load(tmp_path)


def test_wrong_directories(tmp_path, writers):
    with pytest.raises(DataError, match="nowhere is missing; give the directory"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="the path is empty"):
        load("")
    with pytest.raises(DataError, match="it has no training images; put train-images-idx3-ubyte"):
        load(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="file is a file"):
        load(tmp_path / "file")
    for prefix in ("emnist-letters-", "emnist-digits-"):
        writers.mnist(tmp_path, 12, 6, prefix)
    with pytest.raises(DataError, match=r"prefixes 'emnist-digits-', 'emnist-letters-'; put each .* of its own"):
        load(tmp_path)


def test_wrong_arrays(tmp_path, writers):
    name = tmp_path / "train-images-idx3-ubyte"
    for wrong in (np.zeros(9, np.uint8), np.zeros((3, 2, 2, 2), np.uint8), np.zeros((9, 2, 2), np.int32)):
        writers.idx(name, wrong)
        with pytest.raises(DataError, match="give uint8 or float images"):
            load(tmp_path)
    writers.idx(name, np.zeros((0, 2, 2), np.uint8))
    with pytest.raises(DataError, match=r"it holds uint8 \[0, 2, 2\]"):
        load(tmp_path)
    writers.idx(name, np.zeros((9, 2, 2), np.uint8))
    for labels, message in (
        (np.zeros(8, np.uint8), "8 labels and 9 examples"),
        (np.zeros((9, 3), np.uint8), "one integer class number"),
        (np.full(9, -1, np.int8), "from -1 to -1"),
    ):
        writers.idx(tmp_path / "train-labels-idx1-ubyte", labels)
        with pytest.raises(DataError, match=message):
            load(tmp_path)
    writers.idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(9, np.uint8))
    writers.idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((9, 3, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"training examples are uint8 \[2, 2, 1\] and the test examples uint8 \[3, 3, 1\]"
    ):
        load(tmp_path)
