"""A miniature MNIST in IDX files, the same prepared for tensorflow-datasets, and writers for both."""

import gzip
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx_bytes(array):
    header = bytes([0, 0, _CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(path, array):
    content = idx_bytes(array)
    Path(path).write_bytes(gzip.compress(content, 1) if str(path).endswith(".gz") else content)


def write_mnist(directory, train=300, test=60, prefix=""):
    rng = np.random.default_rng(train)
    for split, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(directory / f"{prefix}{split}-images-idx3-ubyte.gz", images)
        write_idx(directory / f"{prefix}{split}-labels-idx1-ubyte.gz", (np.arange(count) // 7 % 10).astype(np.uint8))


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def prepare_tfds(name, data_dir, features, splits, config=None):
    """Prepares a dataset of any features; `splits` gives lists of examples."""
    import tensorflow_datasets as tfds

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)] if config else []
        pkg_dir_path = None

        def _info(self):
            kinds = tfds.features.FeaturesDict(features)
            return tfds.core.DatasetInfo(builder=self, features=kinds, description="Tiny.", disable_shuffling=True)

        def _split_generators(self, dl_manager):
            return {key: self._generate_examples(examples) for key, examples in splits.items()}

        def _generate_examples(self, examples):
            yield from enumerate(examples)

    Tiny.name = name
    Tiny(data_dir=str(data_dir), file_format="array_record").download_and_prepare()


class Writers:
    idx = staticmethod(write_idx)
    idx_bytes = staticmethod(idx_bytes)
    mnist = staticmethod(write_mnist)
    png = staticmethod(png)
    tfds = staticmethod(prepare_tfds)


@pytest.fixture(scope="package")
def writers():
    return Writers


@pytest.fixture(scope="package")
def miniature(tmp_path_factory):
    """300 training and 60 test images of noise, named and packed like MNIST."""
    directory = tmp_path_factory.mktemp("miniature")
    write_mnist(directory)
    return directory


@pytest.fixture(scope="package")
def mnist(miniature):
    """The directory of the real MNIST where $JAXGAN_DATA_DIR has one, else the miniature; and the numbers of images."""
    real = Path(os.environ.get("JAXGAN_DATA_DIR") or miniature) / "mnist"
    return (real, 60_000, 10_000) if real.is_dir() else (miniature, 300, 60)


@pytest.fixture(scope="package")
def prepared(miniature, tmp_path_factory):
    """A data_dir of tensorflow-datasets with the miniature as `mnist`."""
    from jaxgan.datasets.prepare import prepare

    data_dir = tmp_path_factory.mktemp("prepared")
    prepare("mnist", str(miniature), str(data_dir))
    return data_dir


@pytest.fixture(autouse=True)
def cache_directory(tmp_path, monkeypatch):
    """A cache of its own for every test."""
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
