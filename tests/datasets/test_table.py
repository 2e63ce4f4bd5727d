"""What holds for every dataset of the table, and what importing it must not cost."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxgan.datasets import DATASETS
from jaxgan.errors import DataError


@pytest.fixture
def options(miniature, prepared, tmp_path):
    np.savez(tmp_path / "data.npz", examples=np.zeros((12, 4, 4), np.uint8), labels=np.arange(12))
    places = {"idx": miniature, "tfds": prepared, "npz": tmp_path / "data.npz", "stacked": miniature}
    places["images"] = tmp_path / "pictures"
    for number in range(12):
        place = places["images"] / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(place)
    drawn = {name: {"examples": 100} for name in ("ring", "grid", "gaussian", "stacked")}
    return lambda name: drawn.get(name, {}) | ({"path": str(places[name])} if name in places else {})


def test_names():
    assert list(DATASETS) == [
        "ring",
        "grid",
        "gaussian",
        "digits",
        "idx",
        "tfds",
        "npz",
        "stacked",
        "images",
        "avatars",
    ]


@pytest.mark.medium
@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset(name, options):
    data = DATASETS[name](**options(name))
    assert data.name == name
    for split in (data.train, data.validation, data.test):
        assert len(split) > 0 and split.examples.shape == (len(split), *data.example_shape)
        assert split.examples.dtype in (np.uint8, np.float32)
        assert split.labels.shape == (len(split),) and split.labels.dtype == np.int32
        assert split.labels.min() >= 0 and split.labels.max() < data.num_classes
    again = DATASETS[name](**options(name))
    assert np.array_equal(again.train.examples, data.train.examples)


@pytest.mark.parametrize("name", ["idx", "tfds", "npz", "stacked", "images"])
def test_missing_data_is_one_line_with_code_3(name, tmp_path):
    with pytest.raises(DataError) as caught:
        DATASETS[name](path=str(tmp_path / "nowhere"))
    assert caught.value.exit_code == 3 and "\n" not in str(caught.value) and str(caught.value).count("; ") >= 2


def test_importing_is_cheap():
    heavy = "{'jax', 'tensorflow_datasets', 'mlxtend', 'PIL', 'grain', 'flax', 'array_record'}"
    code = f"import sys, jaxgan.datasets; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
