"""Feeding: scaling, gathering on the device, and streaming exactly the same batches."""

import os
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.datasets import Split, ValueRange, feed, order
from jaxgan.errors import DataError
from jaxgan.parallel import distribute
from jaxgan.types import TrainState

_SETTINGS = {"seed": 4, "batch_size": 8, "minibatches": 2}


class Numbers:
    """A `Source` whose example i is full of i; it notes what is read."""

    shape, dtype = (2, 3), np.dtype(np.uint8)

    def __init__(self, size=100, broken=-1):
        self.size, self.broken, self.seen = size, broken, []

    def __len__(self):
        return self.size

    def read(self, indices):
        if self.broken in indices:
            raise DataError("cannot read", f"example {self.broken} is damaged", "mend it")
        self.seen.append(np.array(indices))
        return np.broadcast_to(indices[:, None, None], (len(indices), 2, 3)).astype(np.uint8)

    def read_labels(self, indices):
        return (indices % 7).astype(np.int32)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-0.5, 2.0)])
def test_scale_all_bytes(low, high):
    expected = low + (high - low) * np.arange(256) / 255
    scale = ValueRange(low, high).scale
    for function in (scale, jax.jit(scale), lambda levels: scale(np.asarray(levels))):
        scaled = function(jnp.arange(256, dtype=jnp.uint8))
        assert scaled.dtype == jnp.float32
        assert abs(np.asarray(scaled) - expected).max() < 3e-7
        assert (float(scaled[0]), float(scaled[-1])) == (low, high)
        assert float(scaled.min()) >= low and float(scaled.max()) <= high


def test_dequantised_bytes_are_those_of_the_sngan_code():
    # Its data are x/128 - 1 + U(0, 1/128), and so is (x + u)/256 of [-1, 1].
    levels = jnp.arange(256, dtype=jnp.uint8)
    noise = jnp.asarray(np.random.default_rng(0).random(256, np.float32))
    symmetric = ValueRange(-1.0, 1.0)
    found = symmetric.dequantize(symmetric.scale(levels), noise)
    np.testing.assert_allclose(found, np.arange(256) / 128 - 1 + noise / 128, atol=1e-6)
    unit = ValueRange()
    np.testing.assert_allclose(unit.dequantize(unit.scale(levels), noise), (np.arange(256) + noise) / 256, atol=1e-6)


@pytest.mark.medium
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_dequantisation_is_anew_in_every_step_and_the_same_on_every_number_of_devices(mapping):
    def factory(axis_name):
        def collect(state, batch):
            total = batch["real"].sum((0, 1))
            return state.replace(step=state.step + 1), total if axis_name is None else jax.lax.psum(total, axis_name)

        return feed.dequantized(collect, ValueRange(), axis_name)

    state = TrainState(jnp.int32(0), jax.random.key(0), None, None)
    batch = {"real": jnp.zeros((2, 8, 3))}
    sums = []
    for kind in (mapping, "jit"):
        step, place, place_batch = distribute(factory, mapping=kind)
        placed, found = place(state), []
        for _ in range(2):
            placed, total = step(placed, place_batch(batch))
            found.append(np.asarray(total))
        sums.append(found)
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-6)
    # 16 examples of U(0, 1)/256 each: 8/256 on average.
    assert (sums[0][0] != sums[0][1]).all() and np.abs(np.array(sums) - 8 / 256).max() < 4 / 256


def test_scale_leaves_floats_alone():
    values = jnp.array([-7.5, 0.0, 300.0])
    assert np.array_equal(ValueRange().scale(values), values)


def test_ranges_map_to_the_unit_interval_and_back():
    symmetric = ValueRange(-1.0, 1.0)
    # (x + 1)/2, clipped at both ends; and back: 2x - 1.
    assert symmetric.to_unit(np.array([-3.0, -1.0, 0.5, 1.0, 2.0])).tolist() == [0.0, 0.0, 0.75, 1.0, 1.0]
    assert symmetric.from_unit(np.array([0.0, 0.75, 1.0])).tolist() == [-1.0, 0.5, 1.0]
    assert symmetric.to_unit(np.float32([0.5])).dtype == np.float32


@pytest.mark.parametrize("kind", ["array", "source"])
def test_a_split_gives_examples_and_labels_by_index(kind):
    source, indices = Numbers(), np.array([9, 0, 9])
    everything = np.arange(100)
    split = Split(source) if kind == "source" else Split(source.read(everything), source.read_labels(everything))
    assert (len(split), split.example_shape, split.dtype, split.in_memory) == (100, (2, 3), np.uint8, kind == "array")
    assert np.array_equal(split.take(indices), np.full((3, 2, 3), np.array([9, 0, 9])[:, None, None]))
    assert split.take_labels(indices).tolist() == split.take_condition(indices, "labels").tolist() == [2, 0, 2]
    assert split.take_condition(indices, "conditions") is None


def test_gather():
    data = {"examples": jnp.array([[0, 255], [51, 102]], jnp.uint8), "labels": jnp.array([3, 5], jnp.int32)}
    indices = jnp.array([[[1, 0]], [[1, 1]]], jnp.int32)
    batch = jax.jit(feed.gather)(data, indices)
    assert batch["real"].shape == (2, 1, 2, 2)
    # 51/255 = .2 and 102/255 = .4
    assert np.allclose(batch["real"][0, 0], [[0.2, 0.4], [0.0, 1.0]], atol=1e-7)
    assert batch["condition"].tolist() == [[[5, 3]], [[5, 5]]]
    assert set(feed.gather({"examples": data["examples"]}, indices)) == {"real"}
    vectors = jnp.array([[1.5, -2.0], [0.0, 4.0]])
    batch = feed.gather({"examples": data["examples"], "conditions": vectors}, indices)
    assert batch["condition"].tolist() == [[[[0.0, 4.0], [1.5, -2.0]]], [[[0.0, 4.0], [0.0, 4.0]]]]


@pytest.mark.medium
@pytest.mark.parametrize("kind", ["array", "source"])
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize(("start", "stop", "chunk"), [(0, 12, 4), (5, 18, 4), (3, 4, 10), (1000, 1007, 3)])
def test_stream_equals_gather(kind, workers, start, stop, chunk):
    source = Numbers()
    examples = source.read(np.arange(100))
    labels = source.read_labels(np.arange(100))
    split = Split(examples, labels) if kind == "array" else Split(source)
    steps = {"start": start, "stop": stop, "chunk": chunk, "workers": workers}
    chunks = list(feed.stream(split, condition="labels", **steps, **_SETTINGS))
    lengths = [len(batch["real"]) for batch in chunks]
    assert sum(lengths) == stop - start and set(lengths[:-1]) <= {chunk} and lengths[-1] <= chunk
    assert all(batch["real"].dtype == np.uint8 for batch in chunks)
    indices = order.batch_indices(4, start, stop, size=100, batch_size=8, minibatches=2)
    expected = feed.gather({"examples": jnp.asarray(examples), "labels": jnp.asarray(labels)}, jnp.asarray(indices))
    streamed = np.concatenate([batch["real"] for batch in chunks])
    assert np.array_equal(ValueRange().scale(jnp.asarray(streamed)), expected["real"])
    assert np.array_equal(np.concatenate([batch["condition"] for batch in chunks]), expected["condition"])


@pytest.mark.medium
def test_a_mirrored_epoch_has_each_image_as_it_is_and_flipped_once():
    examples = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3, 1)
    data = {"examples": jnp.asarray(examples), "labels": jnp.arange(6, dtype=jnp.int32)}
    # 2i is example i, and 2i + 1 its mirror image: example 1 is [[6, 7, 8], [9, 10, 11]].
    batch = jax.jit(lambda indices: feed.gather(data, indices, ValueRange(0.0, 255.0), mirror=True))(jnp.array([2, 3]))
    found = np.rint(batch["real"][..., 0])  # scaled by 255, which may round
    assert found.tolist() == [[[6, 7, 8], [9, 10, 11]], [[8, 7, 6], [11, 10, 9]]]
    assert batch["condition"].tolist() == [1, 1]
    epoch = order.batch_indices(0, 0, 3, size=12, batch_size=4)
    seen = feed.gather(data, jnp.asarray(epoch), ValueRange(0.0, 255.0), mirror=True)
    images = np.rint(seen["real"]).astype(np.uint8).reshape(12, 2, 3, 1)
    labels = np.asarray(seen["condition"]).ravel()
    for i in range(6):
        both = {images[j].tobytes() for j in np.flatnonzero(labels == i)}
        assert both == {examples[i].tobytes(), examples[i, :, ::-1].tobytes()}


@pytest.mark.parametrize("kind", ["array", "source"])
def test_a_mirrored_stream_equals_a_mirrored_gather(kind):
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 2)).astype(np.uint8)
    labels = np.arange(20, dtype=np.int32)

    class Images(Numbers):
        shape = (3, 4, 2)

        def read(self, indices):
            return images[indices]

        def read_labels(self, indices):
            return labels[indices]

    split = Split(images, labels) if kind == "array" else Split(Images(20))
    steps = {"start": 3, "stop": 9, "chunk": 2, "rows": slice(2, 6)}
    chunks = list(feed.stream(split, condition="labels", mirror=True, **steps, **_SETTINGS))
    indices = jnp.asarray(order.batch_indices(4, 3, 9, size=40, batch_size=8, minibatches=2)[..., 2:6])
    data = {"examples": jnp.asarray(images), "labels": jnp.asarray(labels)}
    expected = feed.gather(data, indices, mirror=True)
    real = ValueRange().scale(jnp.asarray(np.concatenate([batch["real"] for batch in chunks])))
    np.testing.assert_array_equal(real, expected["real"])
    np.testing.assert_array_equal(np.concatenate([batch["condition"] for batch in chunks]), expected["condition"])


def test_vectors_are_streamed_beside_their_examples():
    vectors = np.stack([np.arange(100.0), -np.arange(100.0)], 1).astype(np.float32)
    split = Split(np.arange(100, dtype=np.float32)[:, None], conditions=vectors)
    for batch in feed.stream(split, start=3, stop=8, chunk=2, condition="conditions", **_SETTINGS):
        assert batch["condition"].shape == (*batch["real"].shape[:-1], 2)
        np.testing.assert_array_equal(batch["condition"][..., :1], batch["real"])
        np.testing.assert_array_equal(batch["condition"][..., 1:], -batch["real"])
    with pytest.raises(ValueError, match="labels were asked for, and the data has none"):
        list(feed.stream(split, start=0, stop=1, chunk=1, condition="labels", **_SETTINGS))


def test_stream_reads_nothing_that_is_skipped():
    source = Numbers()
    batches = list(feed.stream(source, start=10**9, stop=10**9 + 4, chunk=2, **_SETTINGS))
    assert len(batches) == 2 and set(batches[0]) == {"real"}
    assert sum(len(indices) for indices in source.seen) == 4 * 2 * 8


def test_stream_of_nothing():
    assert list(feed.stream(Numbers(), start=5, stop=5, chunk=2, **_SETTINGS)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_error_while_reading_reaches_the_caller(workers):
    batches = feed.stream(Numbers(broken=99), start=0, stop=60, chunk=1, workers=workers, **_SETTINGS)
    with pytest.raises(DataError) as caught:
        list(batches)
    assert type(caught.value) is DataError and caught.value.exit_code == 3
    assert str(caught.value) == "cannot read; example 99 is damaged; mend it"


def test_errors_before_reading():
    with pytest.raises(DataError, match="batch_size is 8 and there are 5"):
        feed.stream(Numbers(5), start=0, stop=1, chunk=1, **_SETTINGS)
    unlabelled = Split(np.zeros((20, 2), np.float32))
    with pytest.raises(ValueError, match="the data has none"):
        list(feed.stream(unlabelled, start=0, stop=1, chunk=1, condition="labels", **_SETTINGS))


def test_stopping_early_leaves_no_threads():
    batches = feed.stream(Numbers(), start=0, stop=10_000, chunk=1, **_SETTINGS)
    next(batches)
    assert any("grain-prefetch" in thread.name for thread in threading.enumerate())
    batches.close()
    for thread in threading.enumerate():
        if "grain-prefetch" in thread.name:
            thread.join(5)
            assert not thread.is_alive()


def test_fits():
    split = Split(np.zeros((10, 7), np.float32))
    assert feed.fits(split, 280) and not feed.fits(split, 279)
    assert not feed.fits(Split(Numbers()), 10**12)


def test_memory_limit(monkeypatch):
    physical = feed.memory_limit(1.0)
    assert physical > 2**28 and feed.memory_limit() == int(physical / 4)

    class Device:
        def memory_stats(self):
            return {"bytes_limit": 1000}

    monkeypatch.setattr(feed, "host_memory", lambda: 4000)
    assert feed.memory_limit() == 1000  # of a CPU, which reports none
    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    assert feed.memory_limit() == 250 and feed.memory_limit(0.5) == 500


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "3000", "memory.max": "max"}, 3000),
        ("0::/outside/of/it\n", {"memory.max": "5000"}, 5000),  # in a container, whose own group is the outermost
        ("0::/\n", {"memory.max": "max"}, None),
        (
            "5:cpu,memory:/a\n4:pids:/a\n0::/\n",
            {"memory/a/memory.limit_in_bytes": "2000", "pids/a/memory.max": "1"},
            2000,
        ),
        ("5:memory:/docker/1\n", {"memory/memory.limit_in_bytes": "4000"}, 4000),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": str(2**63 - 4096)}, None),
        (None, {}, None),  # another system
    ],
)
def test_host_memory_is_that_of_the_container(tmp_path, groups, limits, expected):
    if groups is not None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for name, content in limits.items():
        place = tmp_path / "sys" / "fs" / "cgroup" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content + "\n")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert feed.host_memory(str(tmp_path)) == (machine if expected is None else expected)
