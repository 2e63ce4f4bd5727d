"""Reading what tensorflow-datasets prepared: splits, cache, sources, and everything that can be wrong."""

import json
import os
import shutil
import socket
import sys
import time

import numpy as np
import pytest

from jaxgan.datasets import DATASETS, cache, feed, prepare, tfds
from jaxgan.datasets.order import subset
from jaxgan.errors import DataError, UsageError


def load(data_dir, name="mnist", **options):
    return DATASETS["tfds"](path=str(data_dir), tfds_name=name, **options)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def copy(prepared, tmp_path):
    """A copy of the prepared miniature that may be damaged; and the file of its training images."""
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data", tmp_path / "data" / "mnist" / "3.0.1" / "mnist-train.array_record-00000-of-00001"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, writers):
    """Small datasets, each unusual in one way."""
    from tensorflow_datasets import features

    place, rng = tmp_path_factory.mktemp("zoo"), np.random.default_rng(0)

    def images(count, *shape):
        return [{"image": writers.png(rng.integers(0, 256, shape, dtype=np.uint8))} for _ in range(count)]

    color, gray = features.Image(shape=(None, None, 3)), features.Image(shape=(None, None, 1))
    writers.tfds(
        "own_validation", place, {"image": color}, {"train": images(12, 5, 4, 3), "validation": images(3, 5, 4, 3)}
    )
    writers.tfds("two_sizes", place, {"image": gray}, {"train": [*images(6, 4, 4), *images(1, 4, 5)]})
    writers.tfds("two_split_sizes", place, {"image": gray}, {"train": images(6, 4, 4), "test": images(2, 6, 6)})
    writers.tfds("gray_as_color", place, {"image": color}, {"train": images(6, 4, 4)})
    classes, deep = features.ClassLabel(num_classes=4), features.Image(shape=(4, 4, 1), dtype=np.uint16)
    writers.tfds("no_image", place, {"x": np.float32, "class": classes}, {"train": [{"x": 1.0, "class": 0}]})
    writers.tfds("no_train", place, {"image": gray}, {"test": images(2, 4, 4)})
    writers.tfds("deep", place, {"image": deep}, {"train": images(2, 4, 4)})
    photos = [{"photo": example["image"], "kind": number % 4} for number, example in enumerate(images(6, 4, 4))]
    for config in ("large", "small"):
        writers.tfds("configured", place, {"photo": gray, "kind": classes}, {"train": photos}, config)
    return place


def test_same_as_idx(prepared, miniature):
    one, other = load(prepared), DATASETS["idx"](path=str(miniature))
    for name in ("train", "validation", "test"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.examples.dtype == np.uint8 and first.labels.dtype == np.int32
        assert np.array_equal(first.examples, second.examples) and np.array_equal(first.labels, second.labels)
    assert one.num_classes == 10 and one.example_shape == (28, 28, 1)


def test_a_bucket_is_refused_and_no_directory_of_its_name_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="gs://bucket/data is a URL; .* mount the bucket"):
        load("gs://bucket/data")
    assert prepare.main(["mnist", "--from", "x", "--to", "gs://bucket"]) == 2
    monkeypatch.setenv("JAXGAN_CACHE_DIR", "s3://bucket")
    with pytest.raises(UsageError, match="JAXGAN_CACHE_DIR=s3://bucket is a URL"):
        cache.directory()
    assert not list(tmp_path.glob("*:"))


def test_where_the_data_is(prepared, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert len(load("").train) == 250
    assert len(load("", "mnist:3.0.1").train) == len(load("", "mnist:3.*.*").train) == 250
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tfds.data_directory("") == str(tmp_path / "tensorflow_datasets")


def test_source(prepared):
    arrays, sources = load(prepared), load(prepared, memory_limit=100 * 784)
    # The 60 test images fit in 100 images' worth of memory, the 300 training images do not.
    assert isinstance(sources.test.examples, np.ndarray)
    for name, size in (("train", 250), ("validation", 50)):
        whole, split = getattr(arrays, name), getattr(sources, name)
        source = split.examples
        assert (len(split), len(source), source.shape, source.dtype) == (size, size, (28, 28, 1), np.uint8)
        indices = np.array([size - 1, 0, 7, 7])
        assert np.array_equal(source.read(indices), whole.examples[indices])
        assert np.array_equal(source.read_labels(indices), whole.labels[indices])
    assert sources.num_classes == 10 and sources.example_shape == (28, 28, 1)
    settings = {"seed": 1, "start": 0, "stop": 9, "chunk": 4, "batch_size": 50, "condition": "labels"}
    for one, other in zip(
        feed.stream(arrays.train, **settings), feed.stream(sources.train, workers=2, **settings), strict=True
    ):
        assert np.array_equal(one["real"], other["real"]) and np.array_equal(one["condition"], other["condition"])


def test_validation_examples(prepared, zoo):
    assert len(load(prepared, validation_examples=30).train) == 270
    assert len(load(prepared, validation_examples=0).validation) == 0
    with pytest.raises(UsageError, match="validation_examples is 300"):
        load(prepared, validation_examples=300)
    own = load(zoo, "own_validation")
    # Its own three for validation; no test split, so a sixth of 12 is cut off for one.
    assert (len(own.train), len(own.validation), len(own.test)) == (10, 3, 2)
    assert own.example_shape == (5, 4, 3) and own.num_classes is None
    cut = load(zoo, "own_validation", validation_examples=4)
    assert (len(cut.train), len(cut.validation), len(cut.test)) == (4, 4, 4)


def test_features_of_other_names_and_configs(zoo):
    data = load(zoo, "configured/small")
    assert data.train.labels.tolist() == (subset("splits", 6, 4) % 4).tolist() and data.num_classes == 4
    with pytest.raises(DataError, match="has large, small; set tfds_name to configured/large, or"):
        load(zoo, "configured")
    gray = load(zoo, "gray_as_color").train.examples
    assert gray.shape[1:] == (4, 4, 3) and np.array_equal(gray[..., 0], gray[..., 2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_sizes", r"images differ in size: one is \[4, 4, 1\], another \[4, 5, 1\]"),
        ("two_split_sizes", r"training examples are uint8 \[4, 4, 1\] and the test examples uint8 \[6, 6, 1\]"),
        ("no_image", r"its features are class \(ClassLabel\), x \(Tensor\); choose"),
        ("no_train", "it has no split train, only test"),
        ("deep", "its images are uint16 with 1 channels"),
    ],
)
def test_unusable(zoo, name, message):
    with pytest.raises(DataError, match=message):
        load(zoo, name)


def test_not_prepared(tmp_path):
    start = time.perf_counter()
    with pytest.raises(DataError, match=rf"prepare mnist --from DIR --to {tmp_path}, with DIR"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"tfds.builder\('cifar10', .*array_record'\).download_and_prepare\(\)"):
        load(tmp_path, "cifar10")
    with pytest.raises(DataError, match=r"is not prepared in .*nowhere"):
        load(tmp_path / "nowhere", "emnist/letters:3.1.0")
    with pytest.raises(DataError, match="the nearest names are cifar10"):
        load(tmp_path, "cifar1O")
    with pytest.raises(DataError, match="see the catalog"):
        load(tmp_path, "qqqqqqqqqq")
    with pytest.raises(DataError, match="is not a dataset's name; write name"):
        load(tmp_path, "../mnist")
    assert time.perf_counter() - start < 4


def test_nearest_names_include_what_is_there(zoo):
    with pytest.raises(DataError, match="nearest names are two_sizes"):
        load(zoo, "two_size")


def test_for_tensorflow_without_it(copy, monkeypatch):
    data_dir, shard = copy
    description = shard.parent / "dataset_info.json"
    description.write_text(description.read_text().replace("array_record", "tfrecord"))
    monkeypatch.setattr(tfds.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        DataError, match=r"only TensorFlow can read; run: pip install 'jaxgan\[tensorflow\]', or prepare"
    ):
        load(data_dir)


@pytest.mark.parametrize("case", ["truncated", "empty", "flipped", "missing", "no features", "bad description"])
def test_damaged(copy, case):
    data_dir, shard = copy
    content = bytearray(shard.read_bytes())
    if case == "truncated":
        shard.write_bytes(content[: len(content) // 2])
    elif case == "empty":
        shard.write_bytes(b"")
    elif case == "flipped":
        content[len(content) // 2] ^= 0xFF
        shard.write_bytes(content)
    elif case == "missing":
        shard.unlink()
    elif case == "no features":
        (shard.parent / "features.json").unlink()
    else:
        (shard.parent / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match=r"it is damaged: .*; remove it and prepare it again") as caught:
        load(data_dir)
    assert "\n" not in str(caught.value)


EVIL = "evil.Feature"
DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"


def old(name, content):
    """A feature as tensorflow-datasets described it before 4.4."""
    return {"type": name, "content": content}


def described(name):
    """A feature as tensorflow-datasets describes it, of no content."""
    return {"pythonClassName": name, "jsonFeature": {"json": "{}"}}


@pytest.mark.parametrize(
    "features",
    [
        described(EVIL),
        {"python_class_name": EVIL, "json_feature": {"json": "{}"}},
        {"pythonClassName": DICT, "featuresDict": {"features": {"image": described(EVIL)}}},
        {
            "pythonClassName": "tensorflow_datasets.core.features.sequence_feature.Sequence",
            "sequence": {"feature": {"pythonClassName": DICT, "featuresDict": {"features": {"x": described(EVIL)}}}},
        },
        old(EVIL, {}),
        old(DICT, {"type": old(EVIL, {})}),
        old(
            DICT, {"x": old("tensorflow_datasets.core.features.sequence_feature.Sequence", {"feature": old(EVIL, {})})}
        ),
        {"pythonClassName": DICT, "jsonFeature": {"json": json.dumps({"x": old(EVIL, {})})}},
        old(DICT, json.dumps({"features": {"x": described(EVIL)}})) | {"proto_cls": "tensorflow_datasets.FeaturesDict"},
        described("evil/../evil.Feature"),
        described("tensorflow_datasets.core.features.evil"),
        described("tensorflow_datasets.core.features..evil.Feature"),
        described("tensorflow_datasets.core.featuresx.evil.Feature"),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("file", ["features.json", "dataset_info.json"])
def test_no_class_of_a_strangers_is_imported(copy, features, file, monkeypatch):
    data_dir, shard = copy
    (data_dir / "evil.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(data_dir)
    path = shard.parent / file
    content = json.loads(path.read_text())
    path.write_text(json.dumps(features if file == "features.json" else content | {"features": features}))
    with pytest.raises(DataError, match=rf"its {file} names the class .*evil.*; nothing was run; prepare") as caught:
        load(data_dir)
    assert "\n" not in str(caught.value) and "evil" not in sys.modules


def test_the_module_that_made_the_data_is_not_imported(copy, monkeypatch):
    data_dir, shard = copy
    (data_dir / "evil.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(data_dir)
    path = shard.parent / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"moduleName": "evil"}))
    assert len(load(data_dir).train) == 250 and "evil" not in sys.modules


@pytest.mark.parametrize("lost", ["dtype", "shape", "image", "pythonClassName"])
def test_features_that_lack_something(copy, lost, capfd):
    data_dir, shard = copy
    path = shard.parent / "features.json"
    content = json.loads(path.read_text())
    feature = content["featuresDict"]["features"]["image"]
    del (feature if lost in feature else feature["image"])[lost]
    path.write_text(json.dumps(content))
    if lost == "shape":  # the image itself has one
        assert len(load(data_dir).train) == 250
        return
    with pytest.raises(DataError, match="cannot read .*damaged.*prepare it again") as caught:
        load(data_dir)
    assert "\n" not in str(caught.value) and capfd.readouterr() == ("", "")


def test_damage_found_while_streaming(copy):
    data_dir, shard = copy
    source = load(data_dir, memory_limit=1).train
    content = bytearray(shard.read_bytes())
    content[len(content) // 2 :: 4096] = bytes(len(content[len(content) // 2 :: 4096]))
    shard.write_bytes(content)
    with pytest.raises(DataError, match="it is damaged"):
        list(feed.stream(load(data_dir, memory_limit=1).train, seed=0, start=0, stop=10, chunk=1, batch_size=25))
    assert len(source) == 250


def test_cache_is_used_and_follows_the_data(copy, cache_directory, monkeypatch):
    data_dir, shard = copy
    first = load(data_dir)
    names = sorted(os.listdir(cache_directory))
    assert [name.rsplit("-", 1)[0] for name in names] == ["mnist-3.0.1-test", "mnist-3.0.1-train"]
    with monkeypatch.context() as patch:
        patch.setattr(tfds.Records, "decoded", None)  # Calling it would raise.
        second = load(data_dir)
    assert np.array_equal(first.train.examples, second.train.examples)
    assert np.array_equal(first.train.labels, second.train.labels)
    os.utime(shard, (1, 1))
    load(data_dir)
    assert len(os.listdir(cache_directory)) == 3 and set(names) < set(os.listdir(cache_directory))


@pytest.mark.parametrize(
    "damage",
    ["flipped", "truncated", "empty", "of something else", "other sides", "no labels", "other labels", "encrypted"],
)
def test_damaged_cache_is_made_again(prepared, cache_directory, damage):
    first = load(prepared)
    [path] = cache_directory.glob("*-train-*")
    content = bytearray(path.read_bytes())
    images, labels = np.zeros((300, 28, 28, 1), np.uint8), np.zeros(300, np.int32)
    others = {
        "of something else": {"examples": np.zeros((300, 2)), "labels": labels},
        "other sides": {"examples": images[:, :14], "labels": labels},
        "no labels": {"examples": images},
        "other labels": {"examples": images, "labels": labels.astype(np.int64)},
    }
    if damage in others:
        np.savez(path, **others[damage])
    elif damage == "encrypted":
        content[content.rindex(b"PK\1\2") + 8] |= 1
        path.write_bytes(content)
    else:
        content[len(content) // 2] ^= 0xFF
        path.write_bytes({"flipped": content, "truncated": content[:-5000], "empty": b""}[damage])
    assert cache.read(str(path), 300, (28, 28, 1), labelled=True) is None
    assert np.array_equal(load(prepared).train.examples, first.train.examples)
    assert np.array_equal(
        cache.read(str(path), 300, (None, None, 1), labelled=True).examples[:250], first.train.examples
    )


def test_cache_that_cannot_be_written(prepared, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "file"))
    assert len(load(prepared).train) == 250

    def full(*arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "full"))
    monkeypatch.setattr(np, "savez", full)
    assert len(load(prepared).train) == 250 and os.listdir(tmp_path / "full") == []


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setenv("JAXGAN_CACHE_DIR", "~/c")
    assert cache.directory() == "/h/c"
    monkeypatch.delenv("JAXGAN_CACHE_DIR")
    assert cache.directory() == "/x/jaxgan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.directory() == "/h/.cache/jaxgan"
