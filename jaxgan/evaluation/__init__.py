"""Evaluation of samples against data, offline. A new evaluator is a file with an `evaluate` and a line below.

Every metric is also a function of plain arrays: `parzen.log_likelihood`, `frechet.frechet_distance`,
`kernel.kernel_distance`, `inception_score.inception_score`, `precision_recall.precision_recall`,
`sliced_wasserstein.sliced_wasserstein`, `modes.mode_coverage`, `nearest.nearest_neighbors`,
`conditional.within_class_diversity`. They take numpy or JAX arrays, compile their inner loops, and return numbers; none
of them can be traced.
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
from jaxgan.evaluation.base import RAW, Data, Estimate, Evaluator, Examples, Features, Row, Score
from jaxgan.evaluation.evaluate import evaluate

EVALUATORS: dict[str, Evaluator] = {
    "parzen": Evaluator(parzen.evaluate, suits=parzen.suits),
    "frechet": Evaluator(frechet.evaluate, minimum=frechet.minimum),
    "kernel": Evaluator(kernel.evaluate, minimum=kernel.minimum),
    "inception_score": Evaluator(
        inception_score.evaluate, suits=inception_score.suits, minimum=inception_score.minimum, compares=False
    ),
    "precision_recall": Evaluator(precision_recall.evaluate, minimum=precision_recall.minimum),
    "sliced_wasserstein": Evaluator(sliced_wasserstein.evaluate),
    "modes": Evaluator(modes.evaluate, suits=modes.suits),
    "nearest": Evaluator(nearest.evaluate, reference="test"),
    "conditional": Evaluator(
        conditional.evaluate, suits=conditional.suits, minimum=conditional.minimum, reference="test", compares=False
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
    "Row",
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
