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

EVALUATORS: dict[str, Evaluator] = {
    "parzen": Evaluator(
        parzen.evaluate, {"parzen_paper": "higher", "parzen_fine": "higher"}, unsupported=parzen.unsupported
    ),
    "frechet": Evaluator(frechet.evaluate, {"frechet": "lower"}, min_examples=frechet.min_examples),
    "kernel": Evaluator(kernel.evaluate, {"kernel": "lower"}, min_examples=kernel.min_examples),
    "inception_score": Evaluator(
        inception_score.evaluate,
        {"inception_score": "higher"},
        unsupported=inception_score.unsupported,
        min_examples=inception_score.min_examples,
        compares=False,
    ),
    "precision_recall": Evaluator(
        precision_recall.evaluate,
        {"precision": "higher", "recall": "higher", "coverage": "higher"},
        min_examples=precision_recall.min_examples,
    ),
    "sliced_wasserstein": Evaluator(sliced_wasserstein.evaluate, {"sliced_wasserstein": "lower"}),
    "modes": Evaluator(
        modes.evaluate,
        {"modes": "higher", "high_quality": "higher", "reverse_kl": "lower"},
        unsupported=modes.unsupported,
    ),
    "nearest": Evaluator(nearest.evaluate, reference="test"),
    "conditional": Evaluator(
        conditional.evaluate,
        {"label_accuracy": "higher"},
        unsupported=conditional.unsupported,
        min_examples=conditional.min_examples,
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
