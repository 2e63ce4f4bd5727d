"""The paper's config on IDX files and, after `prepare`, through tensorflow-datasets: the same batches, the same run."""

import os
import pathlib

import numpy as np
import pytest

from configs import mnist
from jaxgan import runs
from jaxgan.datasets.prepare import prepare
from jaxgan.runs.data import chunks, read_inputs


def _write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture(scope="module")
def idx_directory(tmp_path_factory):
    """The full MNIST where JAXGAN_DATA_DIR has it, else 660 random images in its format."""
    real = pathlib.Path(os.environ.get("JAXGAN_DATA_DIR", "data")) / "mnist"
    if real.is_dir():
        return real
    directory = tmp_path_factory.mktemp("idx")
    generator = np.random.default_rng(0)
    for name, size in (("train", 600), ("t10k", 60)):
        _write_idx(directory / f"{name}-images-idx3-ubyte", generator.integers(0, 256, (size, 28, 28), np.uint8))
        _write_idx(directory / f"{name}-labels-idx1-ubyte", generator.integers(0, 10, size).astype(np.uint8))
    return directory


def _config(**dataset):
    config = mnist.get_config().to_dict()
    config["dataset"] |= dataset
    return config


@pytest.mark.slow
def test_idx_and_tfds_see_the_same_batches_and_train_alike(idx_directory, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    prepare("mnist", str(idx_directory), str(tmp_path / "tfds"))
    configs = [_config(path=str(idx_directory)), _config(name="tfds", path=str(tmp_path / "tfds"))]
    one, two = (read_inputs(config) for config in configs)
    assert one.size == two.size == len(one.dataset.train)
    if one.size > 1_000:  # the real one: the paper's splits
        assert (one.size, len(one.dataset.validation), len(one.dataset.test)) == (50_000, 10_000, 10_000)
    np.testing.assert_array_equal(one.facts.means, two.facts.means)
    for a, b in zip(*(chunks(c, i, [0, 7, 14]) for c, i in zip(configs, (one, two), strict=True)), strict=True):
        images = [i.dataset.train.examples[batch["index"]] for i, batch in ((one, a), (two, b))]
        np.testing.assert_array_equal(*images)
    overrides = {"steps": "4", "log_every": "1", "sample_every": "4", "checkpoint_every": "4", "mapping": "jit"}
    for name, path in (("idx", idx_directory), ("tfds", tmp_path / "tfds")):
        dataset = {"dataset.name": name, "dataset.path": str(path)}
        runs.run("train", "configs/mnist.py", overrides | dataset, str(tmp_path / name), {})
    metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("idx", "tfds")]
    assert metrics[0] == metrics[1] and metrics[0].count(b"\n") == 4
