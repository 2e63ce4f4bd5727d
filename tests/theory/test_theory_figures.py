"""The run on the line and the pictures drawn of it."""

import json
import pathlib

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from jaxgan import theory
from jaxgan.theory.figures import __main__ as command
from jaxgan.theory.figures import one_dimension

PICTURES = ["dirac_trajectories", "figure_1", "generator_losses", "training_curves"]


@pytest.fixture(autouse=True)
def single_precision(double_precision):
    with jax.enable_x64(False):
        yield


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A short run of the command."""
    out = tmp_path_factory.mktemp("theory") / "new"
    assert command.main(["--out", str(out), "--seeds", "2", "--steps", "400"]) == 0
    return out


@pytest.mark.slow
def test_the_command_writes_every_picture_and_the_numbers(drawn):
    assert sorted(path.name for path in drawn.iterdir()) == [f"{p}.png" for p in PICTURES[:3]] + [
        "one_dimension.json",
        "training_curves.png",
    ]
    for name in PICTURES:
        picture = np.asarray(Image.open(drawn / f"{name}.png"))
        assert picture.shape[0] >= 300 and picture.shape[1] >= 800 and picture.shape[2] == 3
        assert picture.std() > 10
    found = json.loads((drawn / "one_dimension.json").read_text())
    assert found["seeds"] == len(found["runs"]) == 2
    assert found["steps"] == 400
    np.testing.assert_allclose(found["mean"]["jsd"], np.mean([run["jsd"] for run in found["runs"]]))
    # 400 steps are enough to come near, and too few to arrive.
    assert all(0.002 < run["jsd"] < 0.1 and abs(run["value"] + np.log(4)) < 0.1 for run in found["runs"])
    spread = abs(found["runs"][0]["jsd"] - found["runs"][1]["jsd"])
    np.testing.assert_allclose(found["standard_error"]["jsd"], spread / 2)  # of two: |a − b|/2


@pytest.fixture(scope="module")
def history(drawn):
    with jax.enable_x64(False):
        return jax.device_get(one_dimension.train(jax.random.key(7), seeds=2, steps=400))  # compiled by the command


@pytest.mark.slow
def test_the_cells_hold_the_masses_of_p_d_and_p_g(history):
    edges = np.linspace(-6, 6, one_dimension.CELLS + 1)
    edges[0], edges[-1] = -np.inf, np.inf
    masses = np.diff(stats.norm.cdf(edges))
    np.testing.assert_allclose(one_dimension.data_masses(), masses, atol=2e-7)
    assert history.p_generator.shape == history.d.shape == (2, 21, one_dimension.CELLS)
    np.testing.assert_allclose(history.p_generator.sum(-1), 1, atol=1e-5)
    # What is recorded is what the theory says of the recorded p_g and D.
    with jax.enable_x64(True):
        p_generator, d = (np.asarray(x[0, -1], np.float64) for x in (history.p_generator, history.d))
        np.testing.assert_allclose(history.jsd[0, -1], theory.js_divergence(masses, p_generator), rtol=1e-4)
        np.testing.assert_allclose(history.value[0, -1], theory.value(d, masses, p_generator), rtol=1e-4)
    # The images of evenly spaced latents lie where p_g has its mass.
    low, high = np.nonzero(np.asarray(history.p_generator[0, -1]))[0][[0, -1]] * one_dimension.CELL_WIDTH - 6
    assert low - 0.05 <= history.images[0, -1].min() and history.images[0, -1].max() <= high + 0.1


@pytest.mark.slow
def test_the_deviation_is_taken_over_the_central_95_percent(history):
    d = np.full((1, 3, one_dimension.CELLS), 0.5, np.float32)
    central = np.abs(one_dimension.CENTERS) < 1.96
    d[:, :, ~central] = 1.0
    assert history._replace(d=d).deviation == 0
    d[:, -1, np.flatnonzero(central)[0]] = 0.3
    np.testing.assert_allclose(history._replace(d=d).deviation, 0.2, rtol=1e-6)


@pytest.mark.slow
def test_the_share_of_the_tails(history):
    # p_g = p_d but for a mass moved from cell a to cell b: only those two cells count, b beyond 2 and a not.
    moved = np.asarray(one_dimension.data_masses(), np.float64)
    a, b = np.argmin(np.abs(one_dimension.CENTERS)), np.argmin(np.abs(one_dimension.CENTERS - 2.5))
    masses = moved[[a, b]].copy()
    moved[a] -= 1e-3
    moved[b] += 1e-3
    after, middle = moved[[a, b]], (masses + moved[[a, b]]) / 2
    terms = masses * np.log(masses / middle) + after * np.log(after / middle)
    share = one_dimension.tail_share(history._replace(p_generator=np.float32(moved)[None, None]))
    np.testing.assert_allclose(share, terms[1] / terms.sum(), rtol=1e-3)


def test_bad_input_is_answered_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for arguments, part in (
        (["--out", str(tmp_path / "file")], "cannot write to"),
        (["--out", str(tmp_path / "file" / "under")], "choose another directory with --out"),
        (["--out", ""], "--out is empty"),
        (["--out", str(tmp_path / "new"), "--steps", "30"], "--steps is 30; give a multiple of 20"),
    ):
        assert command.main(arguments) == 2
        message = capsys.readouterr().err
        assert message.startswith("jaxgan: error: ") and message.count("\n") == 1 and part in message
    for option, text in (("--seeds", "0"), ("--steps", "abc"), ("--key", "99999999999999999999"), ("--key", "-1")):
        with pytest.raises(SystemExit):
            command.main(["--out", str(tmp_path), f"{option}={text}"])
        assert f"not '{text}'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="multiple of 20, got 30"):
        one_dimension.train(jax.random.key(0), seeds=1, steps=30)


def test_the_published_result_is_within_the_bounds():
    found = json.loads(pathlib.Path("results/theory/one_dimension.json").read_text())
    assert found["bounds"] == command.BOUNDS
    assert found["seeds"] == 10 and found["steps"] == one_dimension.STEPS
    assert found["settings"] == one_dimension.settings()
    assert found["within_bounds"] >= 8


@pytest.mark.slow
def test_at_least_eight_of_ten_runs_reach_the_equilibrium():
    history = one_dimension.train(jax.random.key(8))  # neither what was tuned on, nor what is published
    found = command.summary(history, key=8)
    assert found["within_bounds"] >= 8
