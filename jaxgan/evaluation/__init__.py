"""Evaluation of samples against data, after or during training. To add an evaluator, write a file with an `evaluate`
and one line of `EVALUATORS`.

Every metric is also a function of plain arrays: `parzen.log_likelihood`, `frechet.frechet_distance`,
`kernel.kernel_distance`, `inception_score.inception_score`, `precision_recall.precision_recall`,
`sliced_wasserstein.sliced_wasserstein`, `modes.mode_coverage`, `nearest.nearest_neighbors`,
`conditional.within_class_diversity`. They take numpy or JAX arrays, compile their inner loops and return numbers. None
can be traced.
"""

from jaxgan.evaluation import (
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
from jaxgan.evaluation.base import RAW, Data, Estimate, Evaluator, Examples, Features, Score, evaluate


def _without_classifier(data: Data) -> str | None:
    name = data.test.features_of.name
    return None if data.test.logits is not None else f"the features {name!r} have no classifier"


def _without_modes(data: Data) -> str | None:
    known = data.mixture is not None or data.test.logits is not None
    return None if known else "the data is no known mixture, and the features have no classifier"


EVALUATORS: dict[str, Evaluator] = {
    "parzen": Evaluator(
        parzen.evaluate,
        {"parzen_paper": "higher", "parzen_fine": "higher"},
        unsupported=lambda data: (
            None if len(data.validation) else "it chooses sigma on validation examples, and the dataset has none"
        ),
    ),
    "frechet": Evaluator(
        frechet.evaluate,
        {"frechet": "lower"},
        # More examples than dimensions, since otherwise the covariances are singular.
        min_examples=lambda data: data.test.features.shape[1] + 1,
    ),
    "kernel": Evaluator(kernel.evaluate, {"kernel": "lower"}, min_examples=lambda data: 2 * kernel.SUBSETS),
    "inception_score": Evaluator(
        inception_score.evaluate,
        {"inception_score": "higher"},
        unsupported=_without_classifier,
        min_examples=lambda data: 2 * inception_score.SPLITS,
        compares=False,
    ),
    "precision_recall": Evaluator(
        precision_recall.evaluate,
        {"precision": "higher", "recall": "higher", "coverage": "higher"},
        min_examples=lambda data: precision_recall.NEIGHBOR + 1,
    ),
    "sliced_wasserstein": Evaluator(sliced_wasserstein.evaluate, {"sliced_wasserstein": "lower"}),
    "modes": Evaluator(
        modes.evaluate,
        {"modes": "higher", "high_quality": "higher", "reverse_kl": "lower"},
        unsupported=_without_modes,
    ),
    "nearest": Evaluator(nearest.evaluate, reference="test"),
    "conditional": Evaluator(
        conditional.evaluate,
        {"label_accuracy": "higher"},
        unsupported=lambda data: None if data.classes is not None else "labels are not the condition",
        min_examples=lambda data: 2 * (data.classes or 1),
        reference="test",
        compares=False,
    ),
}

__all__ = [
    "EVALUATORS",
    "RAW",
    "Data",
    "Estimate",
    "Evaluator",
    "Examples",
    "Features",
    "Score",
    "conditional",
    "evaluate",
    "frechet",
    "inception_score",
    "kernel",
    "modes",
    "nearest",
    "parzen",
    "precision_recall",
    "sliced_wasserstein",
]
