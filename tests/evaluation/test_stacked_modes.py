"""The modes of stacked digits: by the classifier of single ones, against counts by hand and in numpy."""

import struct

import jax
import numpy as np
import pytest
import scipy.special

from configs import default
from jaxgan.evaluation import EVALUATORS, RAW, Data, Examples, classifier, evaluate, modes
from jaxgan.runs.data import read_inputs
from jaxgan.runs.evaluate.features import build_features, unit_values
from tests.evaluation.conftest import bars

KEY = jax.random.key(0)


def test_logits_of_stacked_channels_are_joint_log_probabilities():
    random = np.random.default_rng(0)
    weights = random.normal(size=(12, 4)).astype(np.float32)
    single = RAW._replace(function=lambda x: (x.reshape(len(x), -1)[:, :5], x.reshape(len(x), -1) @ weights))
    joint, images = classifier.of_channels(single, 3, 4), random.normal(size=(7, 4, 3, 3)).astype(np.float32)
    features, logits = joint.function(images)
    per_channel = [images[..., c].reshape(7, 12).astype(np.float64) for c in range(3)]
    np.testing.assert_array_equal(features, np.concatenate([images[..., c].reshape(7, 12)[:, :5] for c in range(3)], 1))
    p = [scipy.special.softmax(x @ weights, axis=1) for x in per_channel]
    expected = np.einsum("ni,nj,nk->nijk", *p).reshape(7, 64)
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(joint.class_shares, np.ones(64))


def test_the_share_of_a_class_in_the_data_is_that_of_the_features():
    # Test examples are all of class 0; the features say that the data has four classes equally often. Of two samples of
    # class 1 and two of class 3, KL = log(½/¼) = log 2.
    kinds = RAW._replace(function=lambda x: (x, x), class_shares=np.ones(4))
    rows = {name: 20 * np.eye(4, dtype=np.float32)[classes] for name, classes in (("a", [1, 1, 3, 3]), ("b", [0] * 4))}
    samples, test = (Examples(name, values, kinds) for name, values in rows.items())
    found = evaluate(samples, Data(test, test, test), {"modes": EVALUATORS["modes"]}, KEY)
    assert [score.value for score in found] == pytest.approx([2, 1, np.log(2)])
    without = [Examples(each.name, each.values, kinds._replace(class_shares=None)) for each in (samples, test)]
    found = EVALUATORS["modes"].run(without[0], Data(*[without[1]] * 3), KEY)
    assert found[2].value == np.inf


@pytest.mark.slow
def test_the_modes_of_stacked_images_by_a_classifier_of_single_ones(quick_classifier, tmp_path):
    for name, seed, count in (("train", 0, 700), ("t10k", 1, 200)):
        images, labels = bars(count, seed)
        for kind, values in (("images-idx3", images[..., 0]), ("labels-idx1", labels.astype(np.uint8))):
            header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (tmp_path / f"{name}-{kind}-ubyte").write_bytes(header + values.tobytes())
    fields = {"name": "stacked", "path": str(tmp_path), "examples": 1_000, "side": 12, "validation_examples": 100}
    config = default.get_config()
    config.dataset.update(fields)
    inputs, said = read_inputs(config.to_dict()), []
    assert inputs.facts.example_shape == (12, 12, 3) and inputs.dataset.num_classes == 27
    features = build_features(config.to_dict(), inputs, said.append)
    assert "training a classifier on the labels of digits" in said[0]
    assert features.description["channels"] == 3 and features.description["test_accuracy"] > 0.9
    train, test = (
        Examples(split, unit_values(getattr(inputs.dataset, split).examples, 0, 1), features)
        for split in ("train", "test")
    )
    assert test.features.shape == (100, 3 * classifier.UNITS) and test.logits.shape == (100, 27)
    assert (test.logits.argmax(1) == inputs.dataset.test.labels).mean() > features.description[
        "test_accuracy"
    ] ** 3 - 0.1
    # Samples of 9 of the 27 modes, whose first channel is of class 2: counted by hand from the labels.
    labels = inputs.dataset.train.labels
    some = Examples("generated", train.values[labels // 9 == 2], features)
    (count, _, kl), data = evaluate(some, Data(train, test, test), {"modes": EVALUATORS["modes"]}, KEY), np.zeros(27)
    real = count.baselines["real data"], kl.baselines["real data"]
    predicted = np.bincount(some.logits.argmax(1), minlength=27) + data
    share = predicted[predicted > 0] / predicted.sum()
    assert count.value == (predicted > 0).sum() >= 9 and count.unit == "of 27"
    assert kl.value == pytest.approx((share * np.log(27 * share)).sum()) == pytest.approx(np.log(3), abs=0.15)
    assert real[0].value == 27 and real[1].value < 0.1
    assert kl.value == modes.reverse_kl(predicted, np.ones(27))
