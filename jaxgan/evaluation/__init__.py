"""Evaluation of samples against data, after or during training. To add an evaluator, write a file with an `evaluate`
and one line of `EVALUATORS`.

Every metric is also a function of plain arrays: `parzen.log_likelihood`, `frechet.frechet_distance`,
`kernel.kernel_distance`, `inception_score.inception_score`, `precision_recall.precision_recall`,
`sliced_wasserstein.sliced_wasserstein`, `modes.mode_coverage`, `nearest.nearest_neighbors`,
`conditional.within_class_diversity`. They take numpy or JAX arrays, compile their inner loops and return numbers. None
can be traced.
"""

from collections.abc import Callable

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
from jaxgan.evaluation.base import RAW as RAW
from jaxgan.evaluation.base import Data as Data
from jaxgan.evaluation.base import Estimate as Estimate
from jaxgan.evaluation.base import Evaluator as Evaluator
from jaxgan.evaluation.base import Examples as Examples
from jaxgan.evaluation.base import Features as Features
from jaxgan.evaluation.base import Score as Score
from jaxgan.evaluation.base import evaluate as evaluate


def _needs(has: Callable[[Data], bool], reason: str) -> Callable[[Data], str | None]:
    return lambda data: None if has(data) else reason.format(features=data.test.features_of.name)


EVALUATORS: dict[str, Evaluator] = {
    "parzen": Evaluator(
        parzen.evaluate,
        {"parzen_paper": "higher", "parzen_fine": "higher"},
        _needs(lambda data: len(data.validation) > 0, "it chooses sigma on validation examples, and there are none"),
    ),
    # More examples than dimensions, since otherwise the covariances are singular.
    "frechet": Evaluator(
        frechet.evaluate, {"frechet": "lower"}, min_examples=lambda data: data.test.features.shape[1] + 1
    ),
    "kernel": Evaluator(kernel.evaluate, {"kernel": "lower"}, min_examples=lambda data: 2 * kernel.SUBSETS),
    "inception_score": Evaluator(
        inception_score.evaluate,
        {"inception_score": "higher"},
        _needs(lambda data: data.test.logits is not None, "the features {features!r} have no classifier"),
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
        _needs(
            lambda data: data.mixture is not None or data.test.logits is not None,
            "the data is no known mixture, and the features have no classifier",
        ),
    ),
    "nearest": Evaluator(nearest.evaluate, reference="test"),
    "conditional": Evaluator(
        conditional.evaluate,
        {"label_accuracy": "higher"},
        _needs(lambda data: data.classes is not None, "labels are not the condition"),
        min_examples=lambda data: 2 * (data.classes or 1),
        reference="test",
        compares=False,
    ),
}
