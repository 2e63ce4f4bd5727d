"""The order of the examples: pure in (seed, step), every example at most once an epoch, the same under any numpy."""

import numpy as np
import pytest

from jaxgan.datasets import order
from jaxgan.errors import DataError


def test_pinned_permutations():
    # A run must resume the same under another version of numpy, so these numbers must never change.
    assert order.permutation(0, 0, 8).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]
    assert order.permutation(7, 3, 8).tolist() == [2, 5, 7, 3, 0, 6, 4, 1]


def test_epochs_without_replacement_and_remainder_dropped():
    # 10 examples, batches of 3: 3 batches in an epoch, one example left over.
    indices = order.batch_indices(1, 0, 9, size=10, batch_size=3)
    assert indices.shape == (9, 1, 3) and indices.dtype == np.int32
    epochs = indices.reshape(3, 9)
    for number, epoch in enumerate(epochs):
        assert len(set(epoch.tolist())) == 9
        assert epoch.tolist() == order.permutation(1, number, 10)[:9].tolist()
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("minibatches", [1, 2, 5])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (3, 4), (2, 11), (5, 5), (10_000, 10_003)])
def test_any_range_is_a_slice_of_the_whole(start, stop, minibatches):
    settings = {"size": 17, "batch_size": 4, "minibatches": minibatches}
    base = max(start - 5, 0)
    whole = order.batch_indices(3, base, stop, **settings)
    part = order.batch_indices(3, start, stop, **settings)
    assert part.shape == (stop - start, minibatches, 4)
    assert np.array_equal(part, whole[start - base :])


def test_minibatches_are_consecutive_batches():
    one = order.batch_indices(5, 0, 12, size=50, batch_size=7)
    three = order.batch_indices(5, 0, 4, size=50, batch_size=7, minibatches=3)
    assert np.array_equal(one.reshape(-1, 7), three.reshape(-1, 7))


def test_permutation_is_uniform():
    # Of 2,000 permutations of 4, each of the 16 (place, value) pairs is expected 500 times, sd 19.
    counts = np.zeros((4, 4), int)
    for epoch in range(2000):
        counts[np.arange(4), order.permutation(11, epoch, 4)] += 1
    assert abs(counts - 500).max() < 80


def test_cached_order_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        order.permutation(0, 0, 8)[0] = 1


def test_seeds_differ_and_may_be_negative():
    orders = {tuple(order.permutation(seed, 0, 100).tolist()) for seed in (0, 1, -1, 2**63)}
    assert len(orders) == 4


def test_minibatches_that_a_step_does_not_use_come_in_the_next():
    # Steps that see 3 minibatches and use 1, 2, 3, 1: they start at minibatch 0, 1, 3 and 6.
    data, used = {"size": 12, "batch_size": 2}, np.array([1, 2, 3, 1])
    first = np.concatenate([[0], np.cumsum(used)])
    seen = order.batch_indices(7, 0, 4, **data, minibatches=3, first=lambda steps: first[steps])
    rows = np.concatenate([step[:count] for step, count in zip(seen, used, strict=True)])
    np.testing.assert_array_equal(rows, order.batch_indices(7, 0, 7, **data)[:, 0])
    assert sorted(rows[:6].ravel()) == list(range(12))  # the first epoch, once each
    later = order.batch_indices(7, 2, 4, **data, minibatches=3, first=lambda steps: first[steps])
    np.testing.assert_array_equal(later, seen[2:])


def test_epoch_of():
    # 10 // 3 = 3 batches an epoch, 2 a step: step 6 has seen 12 batches, four epochs.
    assert order.epoch_of(6, size=10, batch_size=3, minibatches=2) == 4.0
    assert order.epoch_of(0, size=10, batch_size=3) == 0.0


@pytest.mark.parametrize("batch_size", [0, 11])
def test_batch_that_does_not_fit(batch_size):
    with pytest.raises(DataError, match=rf"batch_size is {batch_size} and there are 10 "):
        order.batch_indices(0, 0, 1, size=10, batch_size=batch_size)


@pytest.mark.parametrize(("start", "stop", "minibatches"), [(-1, 1, 1), (2, 1, 1), (0, 1, 0)])
def test_bad_ranges(start, stop, minibatches):
    with pytest.raises(ValueError, match="start"):
        order.batch_indices(0, start, stop, size=10, batch_size=2, minibatches=minibatches)
