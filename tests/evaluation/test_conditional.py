"""Scores of conditional samples: by hand, against scipy, and of a run whose condition is a label."""

import json

import jax
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from jaxgan import runs
from jaxgan.datasets.base import Split
from jaxgan.datasets.order import subset
from jaxgan.errors import UsageError
from jaxgan.evaluation import EVALUATORS, Data, Examples, conditional, evaluate
from jaxgan.evaluation.classifier import features
from jaxgan.evaluation.frechet import intra_class_distance
from jaxgan.runs.data import lend, read_inputs
from jaxgan.runs.evaluate.evaluation import Evaluation
from jaxgan.runs.load import load_run
from tests.evaluation.conftest import bars

KEY = jax.random.key(0)


def test_label_accuracy_by_hand():
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0]])
    assert conditional.label_accuracy(logits, [0, 1, 1]) == pytest.approx(2 / 3)
    for wrong in ([0, 1], [[0], [1], [1]]):
        with pytest.raises(ValueError, match="do not fit"):
            conditional.label_accuracy(logits, wrong)
    with pytest.raises(ValueError, match="at least one example"):
        conditional.label_accuracy(np.zeros((0, 2)), np.zeros(0, int))


def test_distances_within_classes_by_hand():
    # Class 0 has 0, 3 and 4: pairs 3, 4 and 1, so 8/3; the mean distances to the others are 3.5, 2 and 2.5, of
    # variance ((5/6)² + (2/3)² + (1/6)²)/2 = 7/12: standard error 2 √(7/12) / √3 = .88192. Class 1 has 1 and 1.5;
    # class 2 one example, class 3 none.
    examples, labels = np.array([0.0, 1.0, 3.0, 1.5, 4.0, 9.0]), np.array([0, 1, 0, 1, 0, 2])
    distances, errors = conditional.class_distances(examples, labels, 4)
    np.testing.assert_allclose(distances, [8 / 3, 0.5, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(errors, [0.88192, 0, np.nan, np.nan], rtol=1e-5)
    with pytest.raises(ValueError, match=r"do not fit: \(6,\), \(5,\)"):
        conditional.class_distances(examples, labels[:5], 4)


def test_distances_within_classes_are_scipys_of_some_examples(monkeypatch):
    random = np.random.default_rng(0)
    examples, labels = random.random((60, 5, 4, 1), np.float32) + 50, random.integers(0, 3, 60)
    monkeypatch.setattr(conditional, "MOST", 15)
    distances, _ = conditional.class_distances(examples, labels, 3)
    chosen = [examples[labels == c][subset("examples", (labels == c).sum(), 15)] for c in range(3)]
    expected = [pdist(part.reshape(-1, 20).astype(np.float64)).mean() for part in chosen]
    assert [(labels == c).sum() > 15 for c in range(3)] == [True] * 3
    np.testing.assert_allclose(distances, expected, rtol=1e-4)


def test_diversity_is_a_ratio_for_each_class():
    random = np.random.default_rng(1)
    real, labels = random.random((40, 6)), np.arange(40) % 2
    assert conditional.within_class_diversity(real, labels, real, labels, 2).value == 1
    # Class 0 is spread twice as wide, class 1 half as wide: (2 + 1/2)/2. A place says nothing.
    scaled = real * np.where(labels == 0, 2.0, 0.5)[:, None] + np.where(labels == 0, 7.0, -3.0)[:, None]
    assert conditional.within_class_diversity(scaled, labels, real, labels, 2).value == pytest.approx(1.25, rel=1e-5)
    # One sample over and over again for each class, of which there may be more than real ones.
    copies = real[np.arange(50) % 2]
    found = conditional.within_class_diversity(copies, np.arange(50) % 2, real, labels, 2)
    assert found.value < 1e-3 and found.classes == 2
    # Samples of one class that should be two: between the classes they are not compared.
    apart = np.where(labels[:, None] == 0, 0.0, 100.0) + real
    assert conditional.within_class_diversity(apart, labels, real, labels, 2).value == pytest.approx(1, rel=1e-3)
    # A class without samples does not count; no class at all is not a number.
    some = labels == 0
    assert conditional.within_class_diversity(scaled[some], labels[some], real, labels, 2)[::2] == (
        pytest.approx(2, rel=1e-5),
        1,
    )
    none = conditional.within_class_diversity(real, np.full(40, 2), real, labels, 3)
    assert np.isnan(none.value) and none.classes == 0


@pytest.mark.medium
def test_the_standard_error_is_the_spread_over_draws():
    random, found = np.random.default_rng(2), []
    labels = np.arange(60) % 3
    for _ in range(200):
        real, samples = random.normal(size=(2, 60, 2)).astype(np.float32)
        found.append(conditional.within_class_diversity(samples, labels, real, labels, 3))
    spread, error = np.std([f.value for f in found]), np.mean([f.standard_error for f in found])
    assert 0.8 < error / spread < 1.25
    assert abs(np.mean([f.value for f in found]) - 1) < 0.03


@pytest.mark.medium
def test_the_evaluator_takes_real_images_for_what_they_are(quick_classifier):
    (images, labels), (test_images, test_labels) = bars(600, 0), bars(200, 1)
    trained = quick_classifier.train(images, labels, test_images, test_labels, num_classes=3)
    kinds = features(trained)
    splits = [
        Examples(name, values.astype(np.float32) / 255, kinds, labels=of)
        for name, values, of in (("train", images, labels), ("test", test_images, test_labels))
    ]
    data = Data(splits[0], splits[1], splits[1], classes=3)
    asked = (test_labels + (np.arange(200) < 50)) % 3  # a quarter is of another class than was asked for
    chosen = {"conditional": EVALUATORS["conditional"]}
    samples = Examples("generated", splits[1].values, kinds, labels=asked)
    accuracy, diversity = evaluate(samples, data, chosen, KEY)
    real_accuracy, real_diversity = (score.baselines["real data"] for score in (accuracy, diversity))
    predicted = splits[1].logits.argmax(1)
    assert (accuracy.name, diversity.name) == ("label_accuracy", "within_class_diversity")
    assert accuracy.value == (predicted == asked).mean()
    assert real_accuracy.value == trained.accuracy > 0.9 > 0.8 > accuracy.value > 0.6
    p = accuracy.value
    assert accuracy.standard_error == pytest.approx((p * (1 - p) / 200) ** 0.5)
    assert real_diversity.value == pytest.approx(1, abs=3 * real_diversity.standard_error + 1e-3)
    assert accuracy.details["worst_class"] <= p
    # Without a classifier's logits there is no accuracy; without labels nothing; two of each class at least.
    plain = Examples("generated", splits[1].values, labels=test_labels)
    assert [s.name for s in EVALUATORS["conditional"].run(plain, data, KEY)] == ["within_class_diversity"]
    with pytest.raises(UsageError, match="cannot compute conditional; labels are not the condition"):
        evaluate(plain, data._replace(classes=None), chosen, KEY)
    with pytest.raises(UsageError, match="conditional of 5 samples; it needs at least 6"):
        evaluate(Examples("g", plain.values[:5]), data, chosen, KEY)


@pytest.mark.medium
def test_the_intra_class_distance_of_an_evaluation_sees_labels():
    random, classes = np.random.default_rng(0), np.arange(120) % 3
    sets = {name: random.normal(size=(120, 4)).astype(np.float32) + 9 * classes[:, None] for name in ("train", "test")}
    train, test = (Examples(name, values, labels=classes) for name, values in sets.items())
    chosen, data = {"intra_frechet": EVALUATORS["intra_frechet"]}, Data(train, test, test, classes=3)
    (right,) = evaluate(train, data, chosen, KEY)
    (wrong,) = evaluate(Examples("generated", train.values, labels=(classes + 1) % 3), data, chosen, KEY)
    expected = intra_class_distance(train.values, classes, test.values, classes, 3)
    assert (right.value, right.standard_error) == pytest.approx(expected[:2])
    # Moved by 9, 9 and -18 in each of four dimensions: 4 · (81 + 81 + 324)/3 = 648 more.
    assert wrong.value == pytest.approx(648, rel=0.05) and right.value < 1
    assert (right.split, right.against, right.better, right.details) == (
        "test",
        120,
        "lower",
        {"classes": 3, "dim": 4, "smallest_class": 40},
    )
    (to_train,) = evaluate(test, data._replace(reference_split="train"), chosen, KEY)
    assert (to_train.split, to_train.value) == ("train", pytest.approx(right.value))
    with pytest.raises(UsageError, match="intra_frechet of 14 samples; it needs at least 15"):
        evaluate(Examples("generated", train.values[:14], labels=classes[:14]), data, chosen, KEY)


@pytest.mark.slow
def test_the_classification_accuracy_score_is_that_of_a_classifier_of_the_samples(quick_classifier):
    (images, labels), (test_images, test_labels) = bars(600, 0), bars(200, 1)
    unit, test = (x.astype(np.float32) / 255 for x in (images, test_images))
    splits = [Examples("train", unit, labels=labels), Examples("test", test, labels=test_labels)]
    data = Data(splits[0], splits[1], splits[1], classes=3)
    chosen = {"classification_accuracy": EVALUATORS["classification_accuracy"]}
    # Samples of class 2 are all one image, which says little of it. The others are as real ones.
    poor = unit.copy()
    poor[labels == 2] = unit[np.flatnonzero(labels == 2)[0]]
    (score,) = evaluate(Examples("generated", poor, labels=labels), data, chosen, KEY)
    real = score.baselines["real data"].value
    assert real > 0.9 and 0.4 < score.value < real - 0.1
    assert (score.samples, score.against, score.split) == (600, 200, "test")
    assert score.standard_error == pytest.approx((score.value * (1 - score.value) / 200) ** 0.5)
    with pytest.raises(UsageError, match="labels are not the condition"):
        evaluate(splits[0], data._replace(classes=None), chosen, KEY)
    flat = [Examples(each.name, each.rows, labels=each.labels) for each in splits]
    with pytest.raises(UsageError, match="the examples are not images"):
        evaluate(flat[0], Data(flat[0], flat[1], flat[1], classes=3), chosen, KEY)


def test_labels_are_lent_in_the_datas_proportions():
    labels = np.repeat([0, 1], [90, 10]).astype(np.int32)
    split = Split(np.zeros((100, 1), np.float32), labels)
    found = lend(split, "labels", 100)
    assert sorted(found) == sorted(labels) and (np.diff(found) != 0).sum() > 10  # all of them, mixed
    np.testing.assert_array_equal(lend(split, "labels", 30), found[:30])
    assert lend(split, "conditions", 30) is None


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, bars_file):
    """A conditional run on bars, of which half as many are of class 2 as there were."""
    with np.load(bars_file) as archive:
        arrays = dict(archive)
    kept = (arrays["y_train"] < 2) | (np.arange(600) % 2 == 0)
    arrays["x_train"], arrays["y_train"] = arrays["x_train"][kept], arrays["y_train"][kept]
    directory = tmp_path_factory.mktemp("conditional")
    np.savez(directory / "bars.npz", **arrays)
    changes = {"mapping": "jit", "steps": "20", "batch_size": "16", "generator.widths": "(16,)", "log_every": "10",
               "discriminator.widths": "(16,)", "sample_every": "20", "checkpoint_every": "20", "condition": "labels",
               "alarms.patience": "0", "evaluation.samples": "210", "evaluation.metrics": "conditional,modes",
               "dataset.name": "npz", "dataset.path": str(directory / "bars.npz"),
               "dataset.validation_examples": "100"}  # fmt: skip
    runs.run("train", "configs/default.py", changes, str(directory / "run"), {})
    return directory / "run"


@pytest.mark.slow
def test_a_conditional_run_is_evaluated_with_the_datas_labels(workdir, quick_classifier, capsys):
    runs.run("evaluate", None, {"evaluation.metrics": "parzen,conditional"}, str(workdir), {})
    said = capsys.readouterr().out
    report = json.loads((workdir / "evaluation" / "step_00000020_seed_0.json").read_text())
    scores = {score["name"]: score for score in report["scores"]}
    assert list(scores) == ["parzen_paper", "parzen_fine", "label_accuracy", "within_class_diversity"]
    accuracy, diversity = scores["label_accuracy"], scores["within_class_diversity"]
    assert accuracy["real_data"]["value"] == report["features"]["test_accuracy"] > 0.9
    assert accuracy["real_data"]["samples"] == 200 and accuracy["samples"] == 210
    assert (diversity["split"], diversity["features"], diversity["details"]["classes"]) == ("train", "raw", 3)
    assert 0.9 < diversity["real_data"]["value"] < 1.1
    assert "\nlabel_accuracy " in said and "\nwithin_class_diversity " in said and "in the data's proportions" in said
    assert report["pictures"][-1].endswith("_classes.png")
    # It is of those that suit the data, and its samples are asked for the labels of training examples.
    run = load_run(str(workdir))
    inputs = read_inputs(run.config)
    config = run.config | {"evaluation": run.config["evaluation"] | {"metrics": "auto"}}
    found = Evaluation(config, inputs, run.experiment, 0, print)
    assert {"conditional", "parzen", "modes"} <= set(found.evaluators)
    assert found.left_out["classification_accuracy"] == "it takes minutes; name it in evaluation.metrics"
    found.evaluators = {}
    labels = found.run(run.state).samples.labels
    np.testing.assert_array_equal(labels, lend(inputs.dataset.train, "labels", 210))
    assert np.bincount(labels).argmin() == 2
