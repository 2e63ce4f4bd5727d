"""Preparing without TensorFlow: what a stock tensorflow-datasets reads, in what order, and what goes wrong."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.datasets import DATASETS, idx, prepare
from jaxgan.errors import DataError


def stored(directory, split="train"):
    files = idx.find(str(directory))
    return idx.read_split(files, split)


@pytest.mark.medium
def test_stock_builder_reads_it_in_order(prepared, miniature):
    import tensorflow_datasets as tfds

    builder = tfds.builder("mnist", data_dir=str(prepared))
    assert type(builder) is tfds.image_classification.MNIST
    for name, count in (("train", 300), ("test", 60)):
        source, expected = builder.as_data_source(split=name), stored(miniature, name)
        examples = list(source)
        assert len(examples) == count == builder.info.splits[name].num_examples
        assert np.array_equal(np.stack([example["image"] for example in examples]), expected.examples)
        assert [example["label"] for example in examples] == expected.labels.tolist()
    assert sorted(os.listdir(prepared)) == ["mnist"]
    with open(prepared / "mnist" / "3.0.1" / "dataset_info.json") as file:
        assert '"moduleName": "tensorflow_datasets.image_classification.mnist"' in file.read()


@pytest.mark.slow
def test_mnist_through_both_readers(mnist, tmp_path):
    directory, train, _ = mnist
    prepare.prepare("mnist", str(directory), str(tmp_path))
    one = DATASETS["tfds"](path=str(tmp_path))
    other = DATASETS["idx"](path=str(directory))
    assert len(one.train) + len(one.validation) == train
    for name in ("train", "validation", "test"):
        first, second = getattr(one, name), getattr(other, name)
        assert np.array_equal(first.examples, second.examples) and np.array_equal(first.labels, second.labels)


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_its_kin(name, miniature, tmp_path, capsys):
    import tensorflow_datasets as tfds

    assert prepare.main([name, "--from", str(miniature), "--to", str(tmp_path)]) == 0
    assert f"--config.dataset.tfds_name={name} " in capsys.readouterr().out
    source = tfds.builder(name, data_dir=str(tmp_path)).as_data_source(split="test")
    assert np.array_equal(np.stack([example["image"] for example in source]), stored(miniature, "test").examples)


@pytest.mark.medium
def test_command_line(miniature, tmp_path):
    command = [sys.executable, "-m", "jaxgan.datasets.prepare", "mnist", "--from", str(miniature)]
    environment = os.environ | {"TFDS_DATA_DIR": str(tmp_path)}
    first = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == (
        f"mnist is written to {tmp_path}/mnist/3.0.1; train on it with: jaxgan train mnist "
        f"--config.dataset.name=tfds --config.dataset.path={tmp_path} --workdir=runs/mnist\n"
    )


def test_already_prepared(prepared, miniature, capsys):
    before = sorted(os.stat(path).st_mtime_ns for path in (prepared / "mnist" / "3.0.1").iterdir())
    assert prepare.main(["mnist", "--from", str(miniature), "--to", str(prepared)]) == 0
    assert capsys.readouterr().out.startswith(f"mnist was prepared already in {prepared}/mnist/3.0.1; train on it")
    assert sorted(os.stat(path).st_mtime_ns for path in (prepared / "mnist" / "3.0.1").iterdir()) == before


def test_already_prepared_for_tensorflow(prepared, miniature, tmp_path):
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    description = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    description.write_text(description.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(DataError, match="it is there already, as tfrecord"):
        prepare.prepare("mnist", str(miniature), str(tmp_path))


def test_interrupted_leaves_nothing(miniature, tmp_path, monkeypatch):
    def interrupted(image):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_png", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare("mnist", str(miniature), str(tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    # A killed process cannot clean up; what it leaves must not be taken for a dataset.
    (tmp_path / "mnist" / "incomplete.ABCDEF_3.0.1").mkdir(parents=True)
    (tmp_path / "mnist" / "incomplete.ABCDEF_3.0.1" / "dataset_info.json").write_text("{}")
    assert prepare.prepare("mnist", str(miniature), str(tmp_path)) == (str(tmp_path / "mnist" / "3.0.1"), True)


def test_wrong_input(miniature, tmp_path, writers, capsys):
    assert prepare.main(["mnist", "--from", str(tmp_path / "nowhere"), "--to", str(tmp_path)]) == 3
    errors = capsys.readouterr().err
    assert errors.startswith("jaxgan: error: cannot load IDX files; ") and errors.count("\n") == 1
    shutil.copytree(miniature, tmp_path / "copy")
    source = str(tmp_path / "copy")
    writers.idx(tmp_path / "copy" / "train-labels-idx1-ubyte", np.full(300, 11, np.uint8))
    with pytest.raises(DataError, match=r"train images are uint8 \[28, 28\] with classes up to 11"):
        prepare.prepare("mnist", source, str(tmp_path))
    os.remove(tmp_path / "copy" / "t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DataError, match="copy has no test labels"):
        prepare.prepare("mnist", source, str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write mnist to .*choose another directory with --to"):
        prepare.prepare("mnist", str(miniature), str(tmp_path / "file"))


def test_bad_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        prepare.main(["cifar10", "--from", "x"])
    assert caught.value.code == 2 and "invalid choice" in capsys.readouterr().err
