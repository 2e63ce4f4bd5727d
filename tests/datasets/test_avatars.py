"""The avatars in the package: their pictures, labels and splits."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from jaxgan.datasets import DATASETS, avatars
from jaxgan.datasets.avatars.pack import pack
from jaxgan.errors import DataError, UsageError

PLACE = pathlib.Path(avatars.__file__).parent


@pytest.fixture(scope="module")
def mouths():
    return DATASETS["avatars"]()


def together(data, field):
    return np.concatenate([getattr(part, field) for part in (data.train, data.validation, data.test)])


@pytest.mark.medium
def test_the_pictures(mouths):
    assert [len(part) for part in (mouths.train, mouths.validation, mouths.test)] == [16_000, 2_000, 2_000]
    images = together(mouths, "examples")
    assert images.shape == (20_000, 32, 32, 3) and images.dtype == np.uint8 and mouths.example_shape == (32, 32, 3)
    assert np.array_equal(images[:, ::2, ::2].repeat(2, 1).repeat(2, 2), images)
    assert len({image.tobytes() for image in images}) == 20_000
    assert images[0, 0, 0].tolist() == [0xFF, 0xD5, 0xDC]  # the background that its attributes name


def test_their_files_are_small():
    assert sum(path.stat().st_size for path in PLACE.iterdir() if path.is_file()) < 2_000_000
    assert "CC0 1.0" in (PLACE / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("label", "counts"),
    [
        ("mouth", {"happy": 11_275, "sad": 8_725}),
        ("hair", {"long": 9_337, "short": 10_663}),
        ("glasses", {"none": 15_998}),
        ("hat", {"none": 19_050}),
        ("beard", {"none": 19_004}),
        ("accessories", {"none": 17_993}),
        ("background", {"#b6e3f4": 3_987, "#ffdfbf": 4_048}),
        ("hair_shape", {"long08": 511, "short22": 493}),
        ("skin", {"#cb9e6e": 2_572}),
    ],
)
def test_labels(label, counts):
    numbers, names = avatars.labels(label)
    found = dict(zip(names, np.bincount(numbers).tolist(), strict=True))
    assert counts.items() <= found.items() and sum(found.values()) == 20_000


@pytest.mark.parametrize("label", avatars.LABELS)
def test_every_label_has_all_of_its_classes(label):
    numbers, names = avatars.labels(label)
    assert avatars.LABELS[label] == len(names) == len(set(names))
    assert set(numbers) == set(range(len(names))) and numbers.dtype == np.int32


def test_several_labels_are_their_combinations(mouths):
    (both, names), (mouth, _), (hair, _) = (avatars.labels(label) for label in ("mouth, hair", "mouth", "hair"))
    assert names == ("happy long", "happy short", "sad long", "sad short")
    assert np.array_equal(both, 2 * mouth + hair)
    assert np.array_equal(together(mouths, "labels"), mouth) and mouths.class_names == ("happy", "sad")


def test_a_label_agrees_with_the_pictures(mouths):
    data = DATASETS["avatars"](label="background")
    assert np.array_equal(data.train.examples, mouths.train.examples)  # whatever the label is
    named = np.array([[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in data.class_names])
    assert np.array_equal(together(data, "examples")[:, 0, 0], named[together(data, "labels")])


@pytest.mark.medium
def test_validation_examples(mouths):
    more, none = (DATASETS["avatars"](validation_examples=count) for count in (3_000, 0))
    assert (len(more.train), len(more.validation), len(none.train), len(none.validation)) == (15_000, 3_000, 18_000, 0)
    assert np.array_equal(more.test.examples, mouths.test.examples)
    with pytest.raises(UsageError, match="validation_examples is 18000 and there are 18000"):
        DATASETS["avatars"](validation_examples=18_000)


def test_wrong_labels():
    with pytest.raises(
        UsageError, match="dataset.label=mouth,nose; 'nose' is not an attribute of avatars; choose from mouth"
    ):
        DATASETS["avatars"](label="mouth,nose")
    with pytest.raises(UsageError, match="it has more than 20,000 classes; combine fewer"):
        avatars.labels("hair_shape,mouth_shape,clothing")


def test_damaged_files(tmp_path, monkeypatch):
    shutil.copytree(PLACE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(avatars, "__file__", str(tmp_path / "__init__.py"))
    assert len(DATASETS["avatars"]().train) == 16_000
    for name in (avatars.PICTURES, avatars.ATTRIBUTES):
        content = (tmp_path / name).read_bytes()
        for damage in (content[: len(content) // 2], b""):
            (tmp_path / name).write_bytes(damage)
            with pytest.raises(DataError, match="its files are damaged: .*; install jaxgan again"):
                DATASETS["avatars"]()
        (tmp_path / name).write_bytes(content)


def test_packing_writes_what_is_read(tmp_path, monkeypatch):
    small = np.tile(np.random.default_rng(0).integers(0, 256, (200, 1, 1, 3), dtype=np.uint8), (16, 16, 1))
    small.repeat(2, 1).repeat(2, 2).tofile(tmp_path / "out.rgb")
    rows = [{"mouth": f"happy{1 + i % 2:02}", "skinColor": "#aabbcc", "other": i} for i in range(200)]
    rows[3] |= {"hat": "variant01", "mouth": "sad01"}
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pack(str(tmp_path / "out"), tmp_path)
    monkeypatch.setattr(avatars, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(avatars, "COUNT", 200)
    monkeypatch.setattr(avatars, "HELD_OUT", 50)
    data = DATASETS["avatars"](label="mouth,hat")
    assert np.array_equal(data.train.examples, small[:100].repeat(2, 1).repeat(2, 2))
    assert data.class_names == ("happy none", "happy 01", "sad none", "sad 01")
    assert np.bincount(together(data, "labels")).tolist() == [199, 0, 0, 1]
    np.ones(200 * 32 * 32 * 3, np.uint8).cumsum(dtype=np.uint8).tofile(tmp_path / "out.rgb")
    with pytest.raises(ValueError, match="not of doubled pixels"):
        pack(str(tmp_path / "out"), tmp_path)
