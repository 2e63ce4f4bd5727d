"""What a run's data brings with it: its mixture, its seed, its range."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from configs import digits, ring
from jaxgan.datasets import DATASETS, Mixture, mixtures
from jaxgan.errors import DataError
from jaxgan.runs import data, run
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.facts import read_facts
from jaxgan.runs.load import load_run

PAIR = Mixture(np.float32([[-1.0, 0.1], [1.0, 0.3]]), 0.05)


@pytest.fixture
def pair(monkeypatch):
    """A mixture that is not jaxgan's own, in the table of datasets."""

    def load(*, examples: int = 100, seed: int = 0):
        return mixtures.draw("pair", PAIR, examples, seed)

    monkeypatch.setitem(DATASETS, "pair", load)


@pytest.mark.slow
def test_a_mixture_of_ones_own_is_drawn_with_the_seed_and_is_known_without_the_data(
    pair, tmp_path, monkeypatch, capsys
):
    config = ring.get_config()
    config.dataset.name, config.dataset.examples = "pair", 300
    configs = [config.to_dict() | {"seed": seed} for seed in (0, 1, 0)]
    one, other, _ = (data.same_data(each) for each in configs)
    assert one != other and one == data.same_data(configs[2])
    first, second = (data.read_inputs(each).dataset.train for each in configs[:2])
    assert len(first) == 300 and not np.array_equal(first.examples, second.examples)
    config.dataset.name, config.dataset.path = "npz", "data.npz"
    configs = [config.to_dict() | {"seed": seed} for seed in (0, 1)]
    assert data.same_data(configs[0]) == data.same_data(configs[1])  # no seed changes what is stored

    small = {"dataset.name": "pair", "dataset.examples": "200", "steps": "1", "batch_size": "8", "mapping": "jit"}
    small |= {"generator.widths": "(4,)", "discriminator.widths": "(4,)", "alarms.patience": "0"}
    run("train", "configs/ring.py", small, str(tmp_path), {})
    # What the run said first: 200 examples of two modes, 4 · 2 + 4 and … parameters in two layers of each player.
    said = capsys.readouterr().out.splitlines()
    modes = np.bincount(DATASETS["pair"](examples=200).train.labels)
    assert said[0].startswith("data           pair, examples [2], floats within [-1.")
    assert said[0].endswith(", 2 classes")
    sizes = [len(part) for part in (DATASETS["pair"](examples=200).validation, DATASETS["pair"](examples=200).test)]
    each = f"{modes.min()} to {modes.max()} of each class"
    assert said[1] == f"examples       train 200 ({each}), validation {sizes[0]}, test {sizes[1]}"
    assert said[2] == "loss           non_saturating, average_decay 0.999"
    assert said[3] == "training       1 steps of 8 examples, seed 0"
    assert said[4] == "device         4 x cpu, mapping jit" and said[5] == f"written to     {tmp_path}"
    latent = load_run(str(tmp_path)).config["latent"]["dim"]
    generator, discriminator = 4 * latent + 4 + 4 * 2 + 2, 4 * 2 + 4 + 4 + 1
    assert said[6] == f"generator      mlp, {generator} parameters, adam at 0.001"
    assert said[7] == f"discriminator  mlp, {discriminator} parameters, adam at 0.001"
    assert said[8].startswith("Done: steps 0 to 1 in ") and said[9] == f"look at        {tmp_path / 'report.html'}"
    assert len(said) == 13 and max(map(len, said)) <= max(100, 15 + len(str(tmp_path / "report.html")))
    # The same is kept, for the report, with what computed it.
    facts = read_facts(RunDirectory(str(tmp_path), create=False))
    assert {f"{name:<13}  {text}" for name, text in facts.facts.items()} == {*said[:5], *said[6:8]}
    assert facts.versions["numpy"] == np.__version__ and 0 < facts.seconds < 600
    trained = load_run(str(tmp_path))
    monkeypatch.delitem(DATASETS, "pair")  # the checkpoint says it, not the loader
    mixture = data.mixture_of(trained.data, trained.config)
    np.testing.assert_array_equal(mixture.centers, PAIR.centers)
    assert mixture.centers.dtype == np.float32 and mixture.sigma == 0.05


def test_checkpoints_that_do_not_record_the_mixture_know_ours_by_name():
    config = {"dataset": {"name": "ring"}}
    assert data.mixture_of({}, config) is mixtures.MIXTURES["ring"]
    assert data.mixture_of({}, {"dataset": {"name": "digits"}}) is None


def _words(path, arrays, **changes):
    """What a run on an .npz file of these arrays says of its data: by name, and its warnings."""
    np.savez(path, **arrays)
    config = digits.get_config().to_dict()
    config["dataset"] |= {"name": "npz", "path": str(path)} | changes
    config["batch_size"] = 4
    facts, warnings = data.data_in_words(config, data.read_inputs(config))
    return dict(facts), warnings


def test_a_run_says_the_classes_of_its_splits_and_warns_of_those_that_are_missing(tmp_path):
    images = np.arange(60 * 16, dtype=np.uint8).reshape(60, 4, 4)
    labels = np.arange(50) % 3 + 2 * (np.arange(50) % 3 > 1)  # of classes 0, 1 and 4
    arrays = {"x_train": images[:50], "y_train": labels, "x_test": images[50:], "y_test": np.arange(10) % 2}
    said, warnings = _words(tmp_path / "data.npz", arrays, validation_examples=10)
    counts = np.bincount(labels[:40], minlength=5)
    assert said["data"].endswith("examples [4, 4, 1], bytes, 0 to 255 as [0, 1], 5 classes")
    assert said["examples"] == f"train 40 (0 to {counts.max()} of each class), validation 10, test 10"
    assert warnings == [
        "the test split has no example of class 4, and another split has some",
        "there is no example of classes 2 to 3: store numpy.unique(labels, return_inverse=True)[1]",
    ]
    # Labels that are not classes: a dataset of one's own, or of tensorflow-datasets, may have -1 for unlabelled ones.
    config = digits.get_config().to_dict()
    inputs = data.read_inputs(config)
    strange = dataclasses.replace(inputs.dataset.test, labels=np.where(np.arange(len(inputs.dataset.test)) < 3, -1, 10))
    strange = dataclasses.replace(inputs.dataset, test=strange)
    _, warnings = data.data_in_words(config, inputs._replace(dataset=strange))
    assert f"{len(strange.test):,} labels of the test split are not 0 to 9, the classes" in warnings
    # Many classes are counted together.
    many = {"examples": np.repeat(images, 2, 0), "labels": np.repeat(np.arange(20), 6)}
    said, _ = _words(tmp_path / "many.npz", many)
    assert re.match(r"train 80 \(\d to \d of each class\), validation", said["examples"])


def test_a_run_says_the_names_of_its_classes_and_which_files_were_not_read(tmp_path):
    for number in range(45):
        place = tmp_path / "pictures" / f"c{number % 15:02}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (5 * number, 255, 0)).save(place)
    (tmp_path / "pictures" / "c00" / "text.txt").write_text("words")
    config = digits.get_config().to_dict()
    config["dataset"] |= {"name": "images", "path": str(tmp_path / "pictures"), "size": 4}
    config |= {"batch_size": 4, "condition": "labels"}
    facts, warnings = data.data_in_words(config, data.read_inputs(config))
    assert facts[0][0] == "data" and facts[0][1].endswith(", 15 classes")
    assert facts[1] == ("classes", f"{', '.join(f'{i} c{i:02}' for i in range(12))} and 3 more")
    assert "1 of 46 files was not read: c00/text.txt does not have the name of a picture" in warnings


@pytest.mark.parametrize(("channels", "said"), [(2, "..., :1]"), (4, "..., :3]"), (1, ""), (3, "")])
def test_a_channel_that_may_be_alpha_is_said(channels, said, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, channels), dtype=np.uint8)
    note = _words(tmp_path / "data.npz", {"examples": images})[0].get("note", "")
    assert bool(note) == bool(said) and (not said or (f"the images have {channels} channels" in note and said in note))


def test_dark_images_are_said_with_their_largest_byte(tmp_path):
    images = np.random.default_rng(0).integers(0, 17, (12, 8, 8), dtype=np.uint8)
    facts, (warning,) = _words(tmp_path / "data.npz", {"examples": images})
    assert "bytes 0 to 16," in facts["data"] and "the largest byte of the images is 16, and white is 255" in warning


def test_images_of_one_value_and_unscaled_floats_are_said(tmp_path):
    _, (warning,) = _words(tmp_path / "data.npz", {"examples": np.full((12, 8, 8), 7, np.uint8)})
    assert warning == "the images are all of one value, 7"
    floats = np.random.default_rng(0).uniform(0, 255, (12, 8, 8, 1))
    floats[0, 0, 0] = 255
    config = digits.get_config().to_dict()
    np.savez(tmp_path / "data.npz", examples=floats)
    config["dataset"] |= {"name": "npz", "path": str(tmp_path / "data.npz")}
    config["batch_size"] = 4
    with pytest.raises(DataError, match=r"\[0.*, 255\].*store images as images.astype\(numpy.uint8\)"):
        data.read_inputs(config)
    config["generator"]["output"] = "linear"
    _, (warning,) = data.data_in_words(config, data.read_inputs(config))
    assert warning.startswith("the images are floats up to 255; divide them by it")
    np.savez(tmp_path / "data.npz", examples=floats / 127.5 - 1)
    config["generator"]["output"] = "sigmoid"
    with pytest.raises(DataError, match="generator.output=tanh --config.dataset.range=symmetric"):
        data.read_inputs(config)


def test_networks_that_start_from_data_start_from_all_of_it(tmp_path):
    values = np.sort(np.random.default_rng(0).random((720, 1), np.float32), axis=0)
    config = ring.get_config().to_dict()
    np.savez(tmp_path / "data.npz", x_train=values, x_test=values)
    config["dataset"] |= {"name": "npz", "path": str(tmp_path / "data.npz"), "validation_examples": 0}
    config["discriminator"]["normalization"] = "weight_from_data"
    first = data.read_inputs(config).facts.first
    assert len(first) == data.FIRST and first.max() > 0.99 and first.min() < 0.01
