"""Splits that are cut off: of data in any order, the same in memory and streamed, and what labels are made of."""

import numpy as np
import pytest

from jaxgan.datasets import DATASETS, Split
from jaxgan.datasets.splits import assemble

SORTED = np.repeat(np.arange(10), 60)  # 600 examples in order of class


class Stored:
    """Examples that are their own labels, read by index."""

    shape, dtype = (), np.dtype(np.float32)

    def __init__(self, labels):
        self.labels = labels.astype(np.int32)

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        return self.labels[indices].astype(np.float32)

    def read_labels(self, indices):
        return self.labels[indices]


def splits_of(labels, test=None, **options):
    def split(labels, streamed):
        stored = Stored(labels)
        return Split(stored) if streamed else Split(stored.labels.astype(np.float32), stored.labels)

    def made(streamed):
        own = None if test is None else split(test, streamed)
        data = assemble("made", split(labels, streamed), own, -1, where="here", num_classes=10, **options)
        return data.train, data.validation, data.test

    whole, read = made(False), made(True)
    for one, other in zip(whole, read, strict=True):  # streamed, they are the same examples in the same order
        indices = np.arange(len(one))
        assert len(one) == len(other) and np.array_equal(one.examples, other.take(indices))
        assert np.array_equal(one.labels, other.take_labels(indices))
    return whole


@pytest.mark.parametrize("test", [None, SORTED[::6]])
def test_sorted_data_has_every_class_in_every_split(test):
    train, validation, held_out = splits_of(SORTED, test)
    assert len(validation) == len(held_out) == 100 and len(train) + len(validation) == (
        600 if test is not None else 500
    )
    for split in (train, validation, held_out):
        counts = np.bincount(split.labels, minlength=10)
        # 10 of each class in 100 examples, give or take three standard deviations of 2.7.
        assert (np.abs(counts - len(split) / 10) <= 9).all(), counts
    again, *_ = splits_of(SORTED, test)
    assert np.array_equal(again.labels, train.labels)


def test_data_in_random_order_with_a_test_set_of_its_own_is_cut_by_position_as_mnist_is():
    mixed = np.random.default_rng(0).permutation(SORTED)
    train, validation, _ = splits_of(mixed, SORTED[::6])
    assert np.array_equal(train.labels, mixed[:500]) and np.array_equal(validation.labels, mixed[500:])
    # Nearly sorted is not random, and without labels nothing is known.
    nearly = np.where(np.random.default_rng(1).random(600) < 0.3, mixed, SORTED)
    assert not np.array_equal(splits_of(nearly, SORTED[::6])[0].labels, nearly[:500])
    values = np.arange(12.0, dtype=np.float32)[:, None]
    unknown = assemble("made", Split(values), Split(values), -1, where="here")
    assert sorted(unknown.train.examples.ravel()) != sorted(values[:10].ravel())
    assert len(assemble("made", Split(values), Split(values), 0, where="here").train) == 12


def test_a_sorted_file_is_trained_and_scored_on_the_same_classes(tmp_path):
    images = np.repeat(SORTED, 4).reshape(600, 2, 2).astype(np.uint8) * 25
    np.savez(tmp_path / "sorted.npz", examples=images, labels=SORTED)
    data = DATASETS["npz"](path=str(tmp_path / "sorted.npz"))
    for split in (data.train, data.validation, data.test):
        assert set(split.labels.tolist()) == set(range(10))
        assert np.array_equal(split.examples[:, 0, 0, 0], split.labels * 25)


@pytest.mark.parametrize(
    ("labels", "expected", "classes"),
    [
        ([1, 2, 3, 1, 2, 3], [0, 1, 2, 0, 1, 2], 3),  # numbered from 1
        ([0, 2, 3, 0, 2, 3], [0, 2, 3, 0, 2, 3], 4),  # class 1 has no example
        ([2, 3, 2, 3, 2, 3], [2, 3, 2, 3, 2, 3], 4),
        ([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], 2),
    ],
)
def test_labels_that_are_numbered_from_1(labels, expected, classes):
    split = Split(np.zeros((6, 2), np.float32), np.int32(labels))
    data = assemble("made", split, split, 0, where="here")
    assert data.test.labels.tolist() == expected and data.num_classes == classes
    assert bool(data.notes) == (labels != expected)
