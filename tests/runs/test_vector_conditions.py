"""Vectors beside the examples as the condition, from an .npz file to samples of a vector that is asked for."""

import json
import re

import numpy as np
import pytest

import jaxgan
from jaxgan import runs
from jaxgan.errors import DataError, UsageError
from jaxgan.runs.data import lend, read_inputs
from jaxgan.runs.load import load_run
from tests.small_runs import OF_A_FILE, assert_same_run, saved

RUN = OF_A_FILE | {
    "steps": "20",
    "sample_every": "10",
    "checkpoint_every": "10",
    "dataset.name": "npz",
    "dataset.validation_examples": "40",
    "generator.output": "sigmoid",
    "generator.conditioning": "normalization",
    "discriminator.conditioning": "projection",
    "condition": "vectors",
    "evaluation.metrics": "sliced_wasserstein,parzen",
    "evaluation.samples": "40",
}


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """A run on images of 3 x 3 pixels whose brightness at the left and at the top is the condition."""
    random = np.random.default_rng(0)
    conditions = random.uniform(size=(240, 2)).astype(np.float32)
    images = random.uniform(0, 0.1, size=(240, 3, 3, 1)).astype(np.float32)
    images[:, :, 0, 0] += 0.4 * conditions[:, :1]
    images[:, 0, :, 0] += 0.4 * conditions[:, 1:]
    path = tmp_path_factory.mktemp("data") / "vectors.npz"
    np.savez(path, examples=images, conditions=conditions)
    return RUN | {"dataset.path": str(path)}


@pytest.fixture(scope="module")
def run(changes, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("vectors")
    runs.run("train", "configs/ring.py", changes, str(workdir), {})
    return workdir


def _archive(workdir, name=""):
    return np.load(workdir / "samples" / f"sample_step_00000020_seed_0{name}.npz")


@pytest.mark.slow
def test_it_resumes_bit_for_bit_and_streams_the_same_vectors_to_four_devices(changes, run, tmp_path):
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", changes | {"steps": steps}, str(tmp_path), {})
    assert_same_run(tmp_path, run)
    other = changes | {"dataset.placement": "stream", "steps": "10", "mapping": "pmap"}
    runs.run("train", "configs/ring.py", other, str(tmp_path / "streamed"), {})
    lines = [json.loads((path / "metrics.jsonl").read_text().splitlines()[0]) for path in (tmp_path / "streamed", run)]
    for name, value in lines[0].items():
        np.testing.assert_allclose(lines[1][name], value, rtol=1e-4, err_msg=name)


@pytest.mark.medium
def test_samples_have_the_vectors_of_the_training_data_in_turn(run):
    inputs = read_inputs(load_run(str(run)).config)
    assert inputs.facts.vectors.shape == (160, 2) and inputs.condition == "conditions"  # 240, less 40 and 40
    places = [np.flatnonzero((inputs.dataset.train.conditions == row).all(1)) for row in inputs.facts.vectors]
    assert sorted(np.concatenate(places)) == list(range(160)) != np.concatenate(places).tolist()
    np.testing.assert_array_equal(lend(inputs.dataset.train, "conditions", 7), inputs.facts.vectors[:7])
    runs.run("sample", None, {}, str(run), {"count": 200})
    found = _archive(run)
    np.testing.assert_array_equal(
        found["conditions"], np.concatenate([inputs.facts.vectors, inputs.facts.vectors[:40]])
    )
    assert found["samples"].shape == (200, 3, 3, 1) and "labels" not in found.files


@pytest.mark.medium
def test_a_vector_that_is_asked_for(run):
    for text, name, expected in (
        ("0.25,1", "_condition_0p25_1", [[0.25, 1]] * 3),
        ("0,-1;1e-1,1", "_condition_0_-1__1e-1_1", [[0, -1], [0.1, 1], [0, -1]]),
    ):
        runs.run("sample", None, {}, str(run), {"count": 3, "condition": text})
        np.testing.assert_allclose(_archive(run, name)["conditions"], expected, rtol=1e-6)
    samples = _archive(run, "_condition_0p25_1")["samples"]
    gan = jaxgan.load(run)
    np.testing.assert_array_equal(gan.sample(3, condition=(0.25, 1)), samples)
    np.testing.assert_array_equal(
        gan.sample(3, condition=[[0, -1], [0.1, 1]]), _archive(run, "_condition_0_-1__1e-1_1")["samples"]
    )
    runs.run("sample", None, {}, str(run), {"count": 3, "condition": "0.25,2"})
    assert np.abs(samples - _archive(run, "_condition_0p25_2")["samples"]).max() > 1e-4  # of the same latents


@pytest.mark.slow
def test_conditions_are_told_apart_by_the_files_names(run):
    def sampled(text):
        """The parts for the condition in the names of all files, after samples of this one."""
        runs.run("sample", None, {}, str(run), {"count": 1, "condition": text})
        files = (run / "samples").glob("sample_step_00000020_seed_0_condition_*.npz")
        return {path.stem.partition("_condition_")[2] for path in files}

    earlier = sampled("1.5,2")
    assert sampled(" 1.5, 2") == earlier
    texts = ["1,5.2", "1,5;1,2", *(f"{'1,1;' * 20}1,{i}" for i in range(2))]
    names = sampled(texts[0]).union(*map(sampled, texts[1:]))
    assert len(names - earlier) == len(texts) and max(map(len, names)) < 70
    assert all(re.fullmatch(r"[\w-]+", name) for name in names)


@pytest.mark.parametrize("text", ["1", "1,2,3", "1,2;3", "a,b", "nan,1", "", "1,2;"])
def test_a_vector_of_another_kind_is_one_line(run, text):
    said = r"the condition is a vector of 2 numbers; give --condition=0.5,-1, more behind semicolons"
    with pytest.raises(UsageError, match=said):
        runs.run("sample", None, {}, str(run), {"condition": text})


@pytest.mark.medium
def test_vectors_in_python(run):
    gan = jaxgan.load(run)
    runs.run("sample", None, {}, str(run), {"count": 200})
    np.testing.assert_array_equal(gan.sample(200), _archive(run)["samples"])  # those of the training data in turn
    for wrong in (1, [1, 2, 3], [[1, 2], [3]], "ab", [np.nan, 1], [1e39, 1], [], np.zeros((1, 1, 2))):
        with pytest.raises(UsageError, match="a vector of 2 numbers; give a vector, or a list of some"):
            gan.sample(2, condition=wrong)


@pytest.mark.slow
def test_it_is_evaluated_with_the_vectors_of_the_data(run):
    runs.run("evaluate", None, {}, str(run), {})
    report = json.loads((run / "evaluation" / "step_00000020_seed_0.json").read_text())
    assert [score["name"] for score in report["scores"]] == ["parzen_paper", "parzen_fine", "sliced_wasserstein"]
    assert (run / "evaluation" / "step_00000020_seed_0_interpolation.png").exists()
    assert saved(run)[1]["data"]["condition_shape"] == [2]


def test_without_its_data_a_vector_must_be_given(changes, run, tmp_path, monkeypatch):
    other = load_run(str(run))
    moved = other._replace(
        config=other.config | {"dataset": other.config["dataset"] | {"path": str(tmp_path / "no.npz")}}
    )
    monkeypatch.setattr("jaxgan.runs.sample.load_run", lambda *_: moved)
    with pytest.raises(DataError, match=r"no.npz is missing; give --condition, or the data's place"):
        runs.run("sample", None, {}, str(run), {})
    runs.run("sample", None, {}, str(run), {"count": 2, "condition": "1,1"})


@pytest.mark.slow
def test_members_of_a_sweep_are_the_runs_alone(changes, run, tmp_path):
    swept = {"population.seeds": "1", "population.grid": "generator.conditioning=normalization,concatenation"}
    runs.run("sweep", "configs/ring.py", changes | swept, str(tmp_path), {})
    states = [saved(tmp_path / "members" / name)[0] for name in ("000", "001")]
    for path, leaf in saved(run)[0].items():
        np.testing.assert_array_equal(states[0][path], leaf, err_msg=path)
    assert states[0].keys() != states[1].keys()
    pictures = [path / "samples" / "step_00000020.png" for path in (tmp_path / "members" / "000", run)]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()  # with the same vectors, a row for each


def test_data_without_vectors_and_other_vectors_are_refused(changes, run, tmp_path):
    with np.load(changes["dataset.path"]) as archive:
        examples, conditions = archive["examples"], archive["conditions"]
    for name, arrays, said in (
        ("none", {}, "condition=vectors does not suit the dataset npz; it has no conditions; set condition=none, or"),
        ("wide", {"conditions": np.ones((240, 3))}, r"condition_shape \[2\] then, \[3\] now"),
        ("other", {"conditions": 1 - conditions}, "fingerprint"),
    ):
        np.savez(tmp_path / f"{name}.npz", examples=examples, **arrays)
        other = changes | {"dataset.path": str(tmp_path / f"{name}.npz"), "steps": "30"}
        with pytest.raises((UsageError, DataError), match=said):
            runs.run("train", "configs/ring.py", other, str(run), {})


@pytest.mark.slow
def test_a_run_without_a_condition_has_none_to_ask_for(changes, tmp_path):
    plain = {name: value for name, value in changes.items() if not name.endswith("conditioning")}
    runs.run("train", "configs/ring.py", plain | {"condition": "none", "steps": "10"}, str(tmp_path), {})
    with pytest.raises(UsageError, match=r"--condition=1; the run has no condition; leave it out"):
        runs.run("sample", None, {}, str(tmp_path), {"condition": "1"})
    with pytest.raises(UsageError, match=r"--condition does not go with --mode=evaluate; pictures have all of them"):
        runs.run("evaluate", None, {}, str(tmp_path), {"condition": "1"})
