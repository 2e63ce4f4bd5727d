"""`--mode=evaluate` and evaluation in training: what is written, what it says, and how it fails."""

import base64
import contextlib
import io
import json
import re
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from configs import default
from jaxgan import runs
from jaxgan.config import build
from jaxgan.datasets.mixtures import MIXTURES
from jaxgan.errors import DataError, DivergedError, PreemptedError, UsageError
from jaxgan.evaluation import (
    EVALUATORS,
    RAW,
    Data,
    Evaluator,
    Examples,
    Score,
    evaluate,
    frechet,
    kernel,
    modes,
    nearest,
    parzen,
    precision_recall,
)
from jaxgan.evaluation.base import reference_scores
from jaxgan.io.metric_writers import Progress
from jaxgan.runs.data import read_inputs
from jaxgan.runs.evaluate.evaluation import DRAW, Evaluation, Parts
from jaxgan.runs.evaluate.tables import number
from jaxgan.runs.load import load_run
from jaxgan.runs.sampling import Drawn, sampler
from jaxgan.signals import StopRequest

RING = {
    "mapping": "jit",
    "steps": "40",
    "batch_size": "16",
    "dataset.examples": "3000",
    "generator.widths": "(16,)",
    "discriminator.widths": "(16,)",
    "log_every": "20",
    "sample_every": "40",
    "checkpoint_every": "20",
    "alarms.patience": "0",
    "evaluation.samples": "400",
}
BARS = {name: value for name, value in RING.items() if name != "dataset.examples"}
BARS |= {"dataset.name": "npz", "dataset.validation_examples": "100", "latent.dim": "8"}
FAST = "modes,nearest"


def train(config, overrides, workdir, **changes):
    overrides = overrides | {name.replace("__", "."): str(value) for name, value in changes.items()}
    runs.run("train", config, overrides, str(workdir), {})


def evaluated(workdir, step=None, seed=None, **overrides):
    overrides = {name.replace("__", "."): str(value) for name, value in overrides.items()}
    options = {name: value for name, value in (("step", step), ("seed", seed)) if value is not None}
    runs.run("evaluate", None, overrides, str(workdir), options)


def report(workdir, step=40, seed=0):
    return json.loads((workdir / "evaluation" / f"step_{step:08d}_seed_{seed}.json").read_text())


def scores(workdir, **which):
    return {score["name"]: score for score in report(workdir, **which)["scores"]}


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("ring")
    train("configs/ring.py", RING, workdir)
    return workdir


@pytest.fixture(scope="module")
def images(tmp_path_factory, bars_file):
    workdir = tmp_path_factory.mktemp("images")
    train("configs/default.py", BARS, workdir, dataset__path=bars_file)
    return workdir


@pytest.fixture(scope="module")
def evaluation_of_the_ring(ring):
    """What an evaluation of all that suits the ring prints, its report, and the page of the run."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        evaluated(ring)
    return printed.getvalue(), report(ring), (ring / "report.html").read_text()


@pytest.mark.medium
def test_a_mixture(ring, evaluation_of_the_ring):
    said, whole, _ = evaluation_of_the_ring
    found = {score["name"]: score for score in whole["scores"]}
    assert list(found)[:2] == ["parzen_paper", "parzen_fine"]
    assert set(found) >= {"frechet", "kernel", "precision", "coverage", "sliced_wasserstein", "modes", "reverse_kl"}
    for name, score in found.items():
        assert f"\n{name}" in said
        alone = name in ("modes", "high_quality", "reverse_kl")  # against the mixture, not a split
        assert (score["samples"], score["against"], score["split"]) == ((400, 0, "") if alone else (400, 300, "test"))
        assert score["features"] == "raw"
        assert np.isfinite(score["value"]) and np.isfinite(score["real_data"]["value"])
        assert score["standard_error"] is None or score["standard_error"] >= 0
        assert score["real_data"]["samples"] == (300 if name.startswith("nearest") else 400)
    # The untrained generator is far from the data, and real data is not.
    assert found["modes"]["real_data"]["value"] == 8
    assert found["high_quality"]["real_data"]["value"] > 0.97 > 0.5 > found["high_quality"]["value"]
    assert found["frechet"]["value"] > 20 * found["frechet"]["real_data"]["value"]
    assert found["nearest_closer"]["real_data"]["value"] == 0.5
    assert whole["dataset"] == "ring" and whole["step"] == 40 and whole["seed"] == 0 and whole["samples"] == 400
    assert {"jax", "jaxgan", "numpy", "python"} <= set(whole["versions"])
    assert whole["features"] == {"name": "raw"}
    of_classes = ["inception_score", "conditional", "intra_frechet", "classification_accuracy"]
    assert list(whole["left_out"]) == of_classes
    assert "does not measure quality" in said and "left out: inception_score" in said
    assert "left out: conditional: labels are not the condition" in said
    assert "400 (300) : 300 test" in said  # nearest's real examples are the test split
    assert whole["pictures"] == ["step_00000040_seed_0_samples.png"]
    for name in ("evaluation/step_00000040_seed_0_samples.png", "curves.png"):
        assert np.asarray(Image.open(ring / name)).std() > 5


@pytest.mark.slow
def test_the_reference_split_and_the_conventions_are_fields_and_in_the_table(ring, evaluation_of_the_ring, capsys):
    fields = {"kernel_subsets": 5, "precision_recall_k": 3, "reference_split": "train"}
    chosen = "frechet,kernel,precision_recall,sliced_wasserstein,nearest"
    evaluated(ring, seed=3, evaluation__metrics=chosen, **{f"evaluation__{name}": v for name, v in fields.items()})
    said, found = capsys.readouterr().out, scores(ring, seed=3)
    run = load_run(str(ring))
    key, _ = jax.random.split(jax.random.key(3))
    samples, train_split = sampler(run.experiment)(run.state, key, 400).values, _ring_train()
    # The scores are those to the training split; real data is the test split, which has 300 examples.
    assert found["frechet"]["value"] == pytest.approx(frechet.frechet_distance(samples, train_split))
    assert found["kernel"]["value"] == pytest.approx(kernel.kernel_distance(samples, train_split))
    balls = precision_recall.precision_recall(train_split, samples, 3)._asdict()
    assert {name: found[name]["value"] for name in balls} == balls
    for name in ("frechet", "kernel", "recall", "sliced_wasserstein"):
        assert (found[name]["split"], found[name]["against"]) == ("train", 3000)
        assert found[name]["real_data"]["samples"] == 300
    assert found["frechet"]["real_data"]["value"] < 0.05 < found["frechet"]["value"]
    assert (found["nearest_distance"]["split"], found["kernel"]["details"]["subsets"]) == ("test", 5)
    # Conventions stand in the table and under it, and those of other evaluations in theirs.
    assert "kernel (MMD²)" in said and "precision (k = 3)" in said and "not times 1,000" in said
    assert "400 (300) : 3,000 train" in said and "precision (k = 5)" in evaluation_of_the_ring[0]
    with pytest.raises(UsageError, match=r"kernel_subsets: 1 is below 2|kernel_subsets.*2"):
        evaluated(ring, evaluation__kernel_subsets=1)
    with pytest.raises(UsageError, match="precision_recall of 400 samples; it needs at least 401"):
        evaluated(ring, evaluation__precision_recall_k=400, evaluation__metrics="precision_recall")


@pytest.mark.medium
def test_scores_that_are_replaced_are_said_to_be(ring, capsys):
    for first in (True, False):
        evaluated(ring, seed=7, evaluation__metrics="modes")
        assert ("in place of the scores that were there" in capsys.readouterr().out) is not first


def test_the_report_is_one_page_that_needs_no_other_file(evaluation_of_the_ring):
    _, whole, page = evaluation_of_the_ring
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    for score in whole["scores"]:
        row = rf'<tr><td>{score["name"]}( \([^)]+\))?<span class="small">[^<]+</span><td class="n">[-\d]'
        assert re.search(row, page)
    assert "does not measure quality" in page and "<tr><td>batch_<wbr>size<td>16<td>64</tr>" in page
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) == 2 and all(source.startswith("data:image/png;base64,") for source in pictures)
    for source in pictures:  # of the evaluation and of the training
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))).std() > 5
    assert re.findall('href="([^"]*)"', page) == ["data:,"] and "http:" not in page and "https:" not in page


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (123.456, 7.1, "123.5 ± 7.1"),
        (0.000652, 0.00035, "0.00065 ± 0.00035"),
        (211.4, 11.2, "211 ± 11"),
        (1.0, 0.0, "1 ± 0"),
        (7.79134, None, "7.791"),
        (None, None, "not finite"),
        (float("nan"), 1.0, "not finite"),
    ],
)
def test_numbers_have_two_digits_of_their_error(value, error, text):
    assert number(value, error) == text


@pytest.mark.medium
def test_scores_are_those_of_the_functions(ring):
    evaluated(ring, evaluation__metrics="modes")
    runs.run("sample", None, {}, str(ring), {"count": 5})  # another mode reads the same directory
    found = scores(ring)
    whole = report(ring)
    assert list(found) == ["modes", "high_quality", "reverse_kl"] and whole["left_out"] == {}
    train_split = _ring_train()
    mixture = MIXTURES["ring"]
    drawn = modes.mode_coverage(train_split, mixture.centers, mixture.sigma)
    assert found["high_quality"]["real_data"]["value"] == pytest.approx(drawn.high_quality, abs=0.03)
    # The generator's, from the samples that --mode=sample makes of the key that the evaluation has.
    run = load_run(str(ring))
    key, _ = jax.random.split(jax.random.key(0))
    samples = sampler(run.experiment)(run.state, key, 400).values
    expected = modes.mode_coverage(samples, mixture.centers, mixture.sigma)
    assert {name: score["value"] for name, score in found.items()} == expected._asdict()


def _ring_train():
    from jaxgan.datasets import DATASETS

    return DATASETS["ring"](examples=3000).train.examples


@pytest.mark.medium
def test_images_by_the_datas_own_classifier(images, quick_classifier, capsys):
    evaluated(images, evaluation__metrics="parzen,frechet,inception_score,precision_recall,modes,nearest")
    said, error = capsys.readouterr()
    assert "training a classifier on the labels of npz" in error
    found = scores(images)
    features = report(images)["features"]
    assert features["name"] == "classifier" and features["test_accuracy"] > 0.9 and features["test_examples"] == 200
    assert f"test_accuracy {features['test_accuracy']:.4f}" in said
    assert {found[name]["features"] for name in ("frechet", "inception_score", "modes", "recall")} == {"classifier"}
    assert {found[name]["features"] for name in ("parzen_paper", "nearest_distance")} == {"raw"}
    assert found["modes"]["details"]["modes"] == 3 and found["modes"]["real_data"]["value"] == 3
    assert 2.5 < found["inception_score"]["real_data"]["value"] <= 3
    assert found["parzen_paper"]["details"]["validation_examples"] == 100
    for name in ("nearest", "interpolation", "classes"):
        picture = np.asarray(Image.open(images / "evaluation" / f"step_00000040_seed_0_{name}.png"))
        assert picture.ndim == 2 and picture.std() > 5
    evaluated(images, evaluation__metrics="modes")
    assert "training a classifier" not in capsys.readouterr().err  # kept


@pytest.mark.medium
def test_the_same_evaluation_gives_the_same_numbers_and_another_seed_others(images, quick_classifier):
    evaluated(images, evaluation__metrics="parzen,modes")
    first = scores(images)
    evaluated(images, evaluation__metrics="parzen,modes")
    assert scores(images) == first
    evaluated(images, seed=1, evaluation__metrics="parzen,modes")
    other = scores(images, seed=1)
    for name, score in first.items():
        assert np.isfinite(other[name]["value"])
        error = score["standard_error"]
        if name.startswith("parzen"):
            assert other[name]["value"] != score["value"]
            assert abs(other[name]["value"] - score["value"]) < 6 * error


def test_the_time_that_is_left_is_that_of_the_same_parts_of_real_data():
    stream, clock = io.StringIO(), iter([0.0, 10.0, 10.0, 40.0, 40.0, 41.0, 41.0, 53.0, 53.0, 80.0])
    progress = Progress(0, unit="part", stream=stream, interval=0)

    def show(done, total, name, seconds_left):
        progress.total = total
        progress.update(done, note=name, seconds_left=seconds_left)

    parts = Parts(show, clock=lambda: next(clock))
    for _ in range(2):  # another generator, whose real data is known: its parts are twice as many as are run
        parts.expect(["modes", "parzen"], task=False)
        if not stream.getvalue():
            parts.begin("modes", "real data")
            parts.begin("parzen", "real data")
            parts.begin(DRAW)
            parts.begin("modes", "samples")
            parts.begin("parzen", "samples")
            parts.end()
    # modes took 10 s, parzen 30, the samples 1; then modes 12. At first all others count as the mean of what is known.
    assert stream.getvalue().splitlines() == [
        "part 0/5 (0 %)  modes of real data",
        "part 1/5 (20 %)  parzen of real data  about 40 s left",
        "part 2/5 (40 %)  draws samples  about 1 min 00 s left",
        "part 3/5 (60 %)  modes of samples  about 40 s left",
        "part 4/5 (80 %)  parzen of samples  about 30 s left",
        "part 5/5 (100 %)  done",
    ]
    assert (parts.done, parts.total) == (0, 5)


def test_an_evaluation_has_the_parts_that_it_expects(ring):
    class Told(Parts):
        told = ()

        def begin(self, name, of=""):
            super().begin(name, of)
            self.told += ((name, of, self.total - self.done),)

    config = load_run(str(ring)).config
    config["evaluation"]["metrics"] = ("modes", "sliced_wasserstein")
    inputs, parts = read_inputs(config), Told()
    evaluation = Evaluation(config, inputs, build(config, inputs.facts), 0, print, parts)
    evaluation.run(load_run(str(ring)).state)
    names = ["sliced_wasserstein", "modes"] if parts.told[0][0] != "modes" else ["modes", "sliced_wasserstein"]
    expected = [(name, "real data") for name in names] + [(DRAW, "")] + [(name, "samples") for name in names]
    assert parts.told == tuple((*part, left) for part, left in zip(expected, (5, 4, 3, 2, 1), strict=True))
    assert parts.done == 5


class Stopped(StopRequest):
    def __init__(self):
        super().__init__()
        self.signal_name = "SIGTERM"


@pytest.mark.slow
def test_evaluation_in_training_is_that_of_the_mode(tmp_path, capfd, monkeypatch):
    often = {"evaluation__every": 15, "evaluation__metrics": FAST, "checkpoint_every": 15}  # at no other's steps
    with monkeypatch.context() as patch:  # a signal comes at once: the checkpoint first, the scores when it goes on
        patch.setattr("jaxgan.runs.train.loop.StopRequest", Stopped)
        for _ in range(3):  # chunks are of 5 steps
            with pytest.raises(PreemptedError, match="stopped by SIGTERM"):
                train("configs/ring.py", RING, tmp_path, **often)
        assert not (tmp_path / "evaluation").exists()
    train("configs/ring.py", RING, tmp_path, **often)
    said = capfd.readouterr().err
    assert said.count("high_quality") == 2 and "(real " in said
    in_training = {step: scores(tmp_path, step=step) for step in (15, 30)}
    for step, found in in_training.items():
        evaluated(tmp_path, step=step)
        assert scores(tmp_path, step=step) == found
    assert in_training[15]["nearest_distance"]["value"] != in_training[30]["nearest_distance"]["value"]
    capfd.readouterr()
    plain = tmp_path / "plain"
    train("configs/ring.py", RING, plain)
    assert (plain / "metrics.jsonl").read_bytes() == (tmp_path / "metrics.jsonl").read_bytes()


@pytest.mark.slow
def test_raw_features_and_features_of_the_users(images, tmp_path):
    evaluated(images, evaluation__features="raw", evaluation__metrics="frechet")
    assert scores(images)["frechet"]["features"] == "raw" and scores(images)["frechet"]["details"]["dim"] == 100
    file = tmp_path / "mine.py"
    file.write_text("def embed(images):\n    return images.reshape(len(images), -1)[:, :7] * 2\n")
    evaluated(images, evaluation__features=f"{file}:embed", evaluation__metrics="frechet,kernel")
    assert scores(images)["frechet"]["details"]["dim"] == 7
    assert report(images)["features"]["name"] == f"{file}:embed"
    for text, said in (
        ("def embed(i): return 1 / 0", "ZeroDivision"),
        ("def embed(i): return i", "return features"),
        ("def embed(i): return [['a']] * len(i)", "ValueError: could not convert string"),
        ("def embed(i): return [[float('nan')]] * len(i)", "not finite"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=said):
            evaluated(images, evaluation__features=f"{file}:embed")
    with pytest.raises(UsageError, match="has no attribute 'other'"):
        evaluated(images, evaluation__features=f"{file}:other")
    with pytest.raises(UsageError, match=r"no file .*none.py"):
        evaluated(images, evaluation__features="none.py:embed")


@pytest.mark.parametrize(
    ("kind", "overrides", "error", "said"),
    [
        ("ring", {"evaluation__samples": 2, "evaluation__metrics": "frechet"}, UsageError, "frechet of 2 samples"),
        ("ring", {"evaluation__samples": 2, "evaluation__metrics": "kernel"}, UsageError, "of 2 samples; it needs"),
        ("ring", {"evaluation__metrics": "inception_score"}, UsageError, "no classifier; leave it out"),
        ("ring", {"evaluation__metrics": "fretchet"}, UsageError, "did you mean frechet"),
        ("ring", {"evaluation__features": "classifier"}, UsageError, "is for images"),
        ("ring", {"evaluation__features": "inception"}, UsageError, "inception_weights is empty"),
        ("ring", {"steps": 50}, UsageError, "steps cannot be changed of a run that is trained; --mode=evaluate may"),
        ("ring", {"evaluation__count": 50}, UsageError, "count is not a field"),
        ("ring", {"step": 7}, UsageError, "no checkpoint of step 7"),
        ("images", {"dataset__path": "none.npz"}, DataError, "none.npz"),
        (
            "images",
            {"evaluation__features": "inception", "evaluation__inception_weights": "no.pth"},
            DataError,
            "no.pth",
        ),
    ],
)
def test_mistakes(kind, overrides, error, said, request):
    workdir = request.getfixturevalue(kind)
    with pytest.raises(error, match=said) as caught:
        evaluated(workdir, **overrides)
    assert "\n" not in str(caught.value)


def test_other_data_than_the_runs_and_no_run_at_all(images, bars_file, tmp_path):
    with np.load(bars_file) as arrays:
        np.savez(tmp_path / "other.npz", **{name: value[::-1] for name, value in arrays.items()})
    with pytest.raises(DataError, match="trained on other data.*fingerprint"):
        evaluated(images, dataset__path=tmp_path / "other.npz")
    with pytest.raises(UsageError, match="has no checkpoints"):
        evaluated(tmp_path / "none")


@pytest.mark.medium
def test_a_run_from_before_there_were_evaluations(ring, tmp_path):
    shutil.copytree(ring, tmp_path / "old")
    for path in (tmp_path / "old" / "checkpoints").glob("*/run/metadata"):
        saved = json.loads(path.read_text())
        del saved["config"]["evaluation"], saved["config"]["alarms"]
        path.write_text(json.dumps(saved))
        (path.parent.parent / "manifest.json").unlink()
    evaluated(tmp_path / "old", evaluation__metrics="modes", evaluation__samples=50)
    assert scores(tmp_path / "old")["modes"]["samples"] == 50


def test_samples_that_are_not_finite(ring, monkeypatch):
    from jaxgan.runs.evaluate import evaluation

    broken = Drawn(np.full((400, 2), np.nan), {})
    monkeypatch.setattr(evaluation, "sampler", lambda experiment: lambda state, key, count: broken)
    with pytest.raises(
        DivergedError,
        match=r"samples: 400 of 400 examples are not finite \(NaN or infinite\), the first at index 0; use an earlier",
    ):
        evaluated(ring)


@pytest.mark.slow
def test_features_of_finite_samples_that_are_not_finite(ring, tmp_path, monkeypatch):
    """Of the samples: as a generator that diverged, which ends no training; of the data: a mistake of the features."""
    file = tmp_path / "mine.py"
    file.write_text("def embed(points):\n    return points * (3e38 if abs(points).max() > 1e6 else 1)\n")
    chosen = {"evaluation__features": f"{file}:embed", "evaluation__metrics": "frechet"}
    with monkeypatch.context() as patch:
        from jaxgan.runs.evaluate import evaluation

        broken = Drawn(np.full((400, 2), 1e7, np.float32), {})
        patch.setattr(evaluation, "sampler", lambda experiment: lambda state, key, count: broken)
        with pytest.raises(DivergedError, match=r"step 40; the features .*embed of the generated examples: 400 of 400"):
            evaluated(ring, **chosen)
        train("configs/ring.py", RING, tmp_path / "run", evaluation__every=40, **chosen)
        assert not (tmp_path / "run" / "evaluation").exists()
    file.write_text("def embed(points):\n    return points + float('inf')\n")
    with pytest.raises(UsageError, match="of the test examples: 300 of 300 .*repair evaluation.features"):
        evaluated(ring, **chosen)


def test_evaluators_of_ones_own_and_references_from_the_named_split():
    values = {name: np.full((50, 2), i, np.float32) for i, name in enumerate(("generated", "train", "test"))}
    sets = {name: Examples(name, value) for name, value in values.items()}
    data = Data(sets["train"], sets["train"], sets["test"])

    def mean(samples, data, key):
        details = {"drawn": len(samples)}
        return [Score("mean", float(samples.rows.mean()), None, "", "", "raw", "test", len(samples), 50, details)]

    own = {"mine": Evaluator(mean, {"mean": "lower"}), "held_out": Evaluator(mean, reference="test")}
    scores = evaluate(sets["generated"], data, own, _key())
    assert [(score.value, score.baselines["real data"].value) for score in scores] == [(0, 1), (0, 2)]
    assert [score.better for score in scores] == ["lower", ""]
    assert reference_scores(data, own, _key(), 20)["mine"][0].details["drawn"] == 20
    with pytest.raises(UsageError, match="frechet of 2 samples; it needs at least 3"):
        evaluate(Examples("generated", np.zeros((2, 2), np.float32)), data, {"frechet": EVALUATORS["frechet"]}, _key())


def test_evaluators_that_need_a_part_take_it_from_all_over_sorted_examples(monkeypatch):
    # 0 in the first half of each split, 1 in the second; the samples are all 0, and so is the training set.
    values = np.repeat(np.float32([[0], [1]]), 30, axis=0)
    monkeypatch.setattr(nearest, "QUERIES", 20)
    monkeypatch.setattr(parzen, "VALIDATION", 20)
    halves, zeros = Examples("test", values), Examples("train", np.zeros((60, 1), np.float32))
    part = halves.some(20)
    assert 4 <= part.values.sum() <= 16 and np.array_equal(part.values, halves.some(20).values)
    assert halves.some(60) is halves
    data = Data(zeros, halves, halves)
    distance = evaluate(zeros, data, {"nearest": EVALUATORS["nearest"]}, _key())[0]
    assert distance.details["held_out_distance"] == part.values.mean()
    # By the first 20 of the validation examples, which are all 0, the narrowest width would be best.
    widest = evaluate(zeros, data, {"parzen": EVALUATORS["parzen"]}, _key())[0].details
    assert widest["sigma"] > 0.5 and widest["validation_examples"] == 20  # near √½, as half of them are at distance 1


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_examples_that_are_whole_numbers_are_refused(dtype):
    images = np.zeros((4, 2, 2, 1), dtype)
    with pytest.raises(ValueError, match=rf"the generated examples must be floats .*, got {dtype}.*RANGES"):
        Examples("generated", images)
    floats = images.astype(np.float32)
    with pytest.raises(ValueError, match="validation must be floats"):
        parzen.protocol(floats, images, floats)


def _key():
    return jax.random.key(0)


@pytest.mark.slow
def test_auto_leaves_out_what_has_too_few_samples(ring, capsys):
    evaluated(ring, evaluation__samples=2)
    few = {"frechet", "kernel", "precision_recall", "inception_score"}
    few |= {"conditional", "intra_frechet", "classification_accuracy"}  # labels are not the condition
    assert few == set(report(ring)["left_out"])
    assert "left out: frechet: cannot compute frechet of 2 samples; it needs at least 3" in capsys.readouterr().out
    assert {"parzen_paper", "sliced_wasserstein", "modes"} <= set(scores(ring))


def test_a_split_that_is_too_small_is_said_and_one_that_is_not_used_is_not_asked_for():
    few, many = (Examples("train", np.eye(n, 3, dtype=np.float32)) for n in (3, 40))
    classes = RAW._replace(function=lambda values: (values, values))
    with_logits = [Examples("any", np.eye(n, 3, dtype=np.float32), classes) for n in (40, 3)]
    with pytest.raises(DataError, match="cannot compute kernel with 3 train examples; it needs at least 20"):
        evaluate(many, Data(few, few, many), {"kernel": EVALUATORS["kernel"]}, _key())
    with pytest.raises(DataError, match="with 3 test examples"):
        evaluate(many, Data(many, few, few), {"kernel": EVALUATORS["kernel"]}, _key())
    samples, test = with_logits
    (score,) = evaluate(samples, Data(samples, test, test), {"i": EVALUATORS["inception_score"]}, _key())
    assert (score.against, score.split) == (0, "") and 1 <= score.value <= 3


@pytest.mark.medium
@pytest.mark.parametrize(("low", "high", "seen"), [(-1, 1, (-1, 1)), (0, 1, (0, 1)), (-3, 5, (-3, 5))])
def test_float_images_are_brought_to_the_unit_range(bars_file, tmp_path, low, high, seen):
    with np.load(bars_file) as arrays:
        unit = {name: arrays[name].astype(np.float32) / 255 for name in ("x_train", "x_test")}
    np.savez(tmp_path / "floats.npz", **{name: low + (high - low) * values for name, values in unit.items()})
    config = default.get_config()
    with config.unlocked():
        config.update_from_flattened_dict(
            {
                "dataset.name": "npz",
                "dataset.path": str(tmp_path / "floats.npz"),
                "evaluation.samples": 30,
                "evaluation.metrics": ("sliced_wasserstein",),
                "generator.output": "linear",
            }
        )
    inputs = read_inputs(config.to_dict())
    assert inputs.range == pytest.approx(seen, abs=1e-6)
    experiment = build(config, inputs.facts)
    evaluation = Evaluation(config.to_dict(), inputs, experiment, 0, print)
    train = {row.tobytes() for row in np.rint(evaluation.data.train.values * 255).astype(np.uint8)}
    assert len(evaluation.data.train.values) == 500  # the rest validates
    assert train <= {row.tobytes() for row in np.rint(unit["x_train"] * 255).astype(np.uint8)[..., None]}
    np.testing.assert_allclose(evaluation.data.test.values, unit["x_test"], atol=1e-6)
    state = experiment.initial_state(0)
    raw = sampler(experiment)(state, evaluation.latent_key, 30).values
    expected = np.clip((raw - low) / (high - low), 0, 1)
    np.testing.assert_allclose(evaluation.run(state).samples.values, expected, atol=1e-6)
    assert evaluation.features.description == {"no classifier": "it has no labels"}


@pytest.mark.medium
def test_features_are_computed_once_in_batches_of_one_shape():
    shapes = []

    def function(values):
        shapes.append(values.shape)
        return values * 2, values + 1

    examples = Examples(
        "test", np.arange(25, dtype=np.float32).reshape(25, 1), RAW._replace(function=function, batch=10)
    )
    np.testing.assert_array_equal(examples.features, 2 * examples.values)
    np.testing.assert_array_equal(examples.logits, examples.values + 1)
    assert shapes == [(10, 1)] * 3
