"""Evaluation of samples against data, after or during training. To add an evaluator, write a file with an `evaluate`
function and add a line to `EVALUATORS`.

Every metric is also a function of plain arrays: `parzen.log_likelihood`, `frechet.frechet_distance`,
`kernel.kernel_distance`, `inception_score.inception_score`, `precision_recall.precision_recall`,
`sliced_wasserstein.sliced_wasserstein`, `modes.mode_coverage`, `nearest.nearest_neighbors`,
`conditional.within_class_diversity`, `frechet.intra_class_distance`, `classification_accuracy.classification_accuracy`.
They take numpy or JAX arrays, compile their inner loops and return numbers. They cannot be traced.
"""

from collections.abc import Callable

from jaxgan.evaluation import (
    classification_accuracy,
    conditional,
    frechet,
    inception_score,
    kernel,
    modes,
    nearest,
    parzen,
    precision_recall,
    sliced_wasserstein,
)
from jaxgan.evaluation.base import RAW as RAW
from jaxgan.evaluation.base import Data as Data
from jaxgan.evaluation.base import Estimate as Estimate
from jaxgan.evaluation.base import Evaluator as Evaluator
from jaxgan.evaluation.base import Examples as Examples
from jaxgan.evaluation.base import Features as Features
from jaxgan.evaluation.base import Score as Score
from jaxgan.evaluation.base import evaluate as evaluate
from jaxgan.tables import Table


def _needs(has: Callable[[Data], bool], reason: str) -> Callable[[Data], str | None]:
    return lambda data: None if has(data) else reason.format(features=data.test.features_of.name)


EVALUATORS: dict[str, Evaluator] = Table("evaluator") | {
    "parzen": Evaluator(
        parzen.evaluate,
        {"parzen_paper": "higher", "parzen_fine": "higher"},
        _needs(lambda data: len(data.validation) > 0, "it chooses sigma on validation examples, and there are none"),
        note="The Parzen log-likelihood does not measure quality (arXiv:1511.01844): real images can score below "
        "blurred ones. It is for comparison with published tables.",
    ),
    # More examples than dimensions; otherwise the covariances are singular.
    "frechet": Evaluator(
        frechet.evaluate,
        {"frechet": "lower"},
        min_examples=lambda data: data.test.features.shape[1] + 1,
        compares="reference",
        note="Fréchet and kernel distances, precision and the like are comparable only in the same features, with "
        "equally many examples, against the same split; the classifier's features are not those of published FIDs.",
    ),
    "kernel": Evaluator(
        kernel.evaluate,
        {"kernel": "lower"},
        min_examples=lambda data, subsets=kernel.SUBSETS: 2 * subsets,
        compares="reference",
        note="kernel: unbiased MMD² with the kernel (xᵀy/dim + 1)³ over all pairs, not times 1,000; ±: the jackknife "
        "over subsets. Published KIDs are means over subsets, of the same expectation, often times 1,000.",
    ),
    "inception_score": Evaluator(
        inception_score.evaluate,
        {"inception_score": "higher"},
        _needs(lambda data: data.test.logits is not None, "the features {features!r} have no classifier"),
        min_examples=lambda data, splits=inception_score.SPLITS: 2 * splits,
        compares="",
        note="inception_score: natural logarithms; the mean over equal random parts, ±: its standard error (published: "
        "the standard deviation over the parts).",
    ),
    "precision_recall": Evaluator(
        precision_recall.evaluate,
        {"precision": "higher", "recall": "higher", "coverage": "higher"},
        min_examples=lambda data, k=precision_recall.NEIGHBOR: k + 1,
        compares="reference",
    ),
    "sliced_wasserstein": Evaluator(sliced_wasserstein.evaluate, {"sliced_wasserstein": "lower"}, compares="reference"),
    "modes": Evaluator(
        modes.evaluate,
        {"modes": "higher", "high_quality": "higher", "reverse_kl": "lower"},
        _needs(
            lambda data: data.mixture is not None or data.test.logits is not None,
            "the data is not a known mixture, and the features have no classifier",
        ),
    ),
    "nearest": Evaluator(
        nearest.evaluate,
        reference="test",
        note="nearest_closer: the probability that a sample is closer to the training set than new data is; near 1 for "
        "copies, or samples with less detail than the data.",
    ),
    "conditional": Evaluator(
        conditional.evaluate,
        {"label_accuracy": "higher"},
        _needs(lambda data: data.classes is not None, "labels are not the condition"),
        min_examples=lambda data: 2 * (data.classes or 1),
        reference="test",
        compares="",
        note="label_accuracy: samples that the classifier assigns to the requested class, beside test images with "
        "their labels. within_class_diversity: mean distance of two samples of a class, relative to that of two "
        "training examples. Samples have the classes in the data's proportions.",
    ),
    "intra_frechet": Evaluator(
        frechet.evaluate_classes,
        {"intra_frechet": "lower"},
        _needs(lambda data: data.classes is not None, "labels are not the condition"),
        # Per class as many examples as "frechet" needs, if the classes are equally frequent.
        min_examples=lambda data: (data.classes or 1) * (data.test.features.shape[1] + 1),
        compares="reference",
        note="intra_frechet: the mean over the classes of the Fréchet distance between the samples and the real "
        "examples of a class; higher than frechet, since a class has fewer of them.",
    ),
    "classification_accuracy": Evaluator(
        classification_accuracy.evaluate,
        {"classification_accuracy": "higher"},
        classification_accuracy.unsupported,
        min_examples=lambda data: 2 * (data.classes or 1),
        automatic=False,
        note="classification_accuracy: share of the test split that a classifier of samples and their labels gets "
        "right; real data: the same classifier of as many training examples.",
    ),
}
