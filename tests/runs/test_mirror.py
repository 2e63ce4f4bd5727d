"""Runs on mirrored images: resumed, streamed and in a sweep they are the run alone."""

import json

import numpy as np
import pytest

from configs import ring
from jaxgan import runs
from jaxgan.datasets import DATASETS, Dataset, Split
from jaxgan.errors import UsageError
from jaxgan.runs.data import read_inputs
from tests.small_runs import OF_A_FILE, assert_same_run, saved

RUN = OF_A_FILE | {
    "steps": "20",
    "sample_every": "10",
    "checkpoint_every": "10",
    "dataset.name": "slopes",
    "dataset.mirror": "True",
    "condition": "labels",
    "evaluation.features": "raw",
    "generator.output": "sigmoid",
}


@pytest.fixture(autouse=True)
def slopes(monkeypatch):
    """40 images of 3 x 4 pixels that get brighter to the right, other ones for every seed."""

    def load(*, seed: int = 0):
        random = np.random.default_rng(seed)
        images = (random.uniform(0, 80, (40, 3, 4, 1)) + np.arange(4)[:, None] * 50).astype(np.uint8)
        split = Split(images, np.arange(40, dtype=np.int32) % 3)
        return Dataset("slopes", split, split, split, (3, 4, 1), 3)

    monkeypatch.setitem(DATASETS, "slopes", load)


@pytest.fixture
def alone(tmp_path):
    runs.run("train", "configs/ring.py", RUN | {"seed": "1"}, str(tmp_path / "alone"), {})
    return tmp_path / "alone"


@pytest.mark.slow
def test_it_resumes_and_streams_bit_for_bit_and_counts_twice_the_examples(alone, tmp_path):
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", RUN | {"seed": "1", "steps": steps}, str(tmp_path / "resumed"), {})
    assert_same_run(tmp_path / "resumed", alone)
    streamed = RUN | {"seed": "1", "dataset.placement": "stream"}
    runs.run("train", "configs/ring.py", streamed, str(tmp_path / "streamed"), {})
    assert_same_run(tmp_path / "streamed", alone)
    line = json.loads((alone / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["epoch"] == 8.0  # 20 batches of 16 for each player, of 80 images


@pytest.mark.slow
def test_a_member_of_a_sweep_with_data_of_its_own_is_the_run_alone(alone, tmp_path):
    # The second member's images stand behind the first one's on the device.
    sweep = RUN | {"population.seeds": "2", "population.score": "-d_loss", "evaluation.metrics": "sliced_wasserstein"}
    runs.run("sweep", "configs/ring.py", sweep, str(tmp_path / "sweep"), {})
    member = saved(tmp_path / "sweep" / "members" / "001")[0]
    for path, leaf in saved(alone)[0].items():
        np.testing.assert_array_equal(member[path], leaf, err_msg=path)


def test_the_mean_image_is_that_of_both_directions_and_vectors_have_none():
    config = ring.get_config()
    config.dataset.name, config.generator.output_bias, config.batch_size = "slopes", "data", 4
    plain = read_inputs(config.to_dict()).facts.means
    config.dataset.mirror = True
    mirrored = read_inputs(config.to_dict()).facts.means
    np.testing.assert_allclose(mirrored, (plain + plain[:, ::-1]) / 2, atol=1e-6)
    assert np.abs(mirrored - plain).max() > 0.1
    config.dataset.name = "ring"
    with pytest.raises(UsageError, match=r"dataset.mirror=True does not suit the dataset ring; its examples are \[2\]"):
        read_inputs(config.to_dict())
