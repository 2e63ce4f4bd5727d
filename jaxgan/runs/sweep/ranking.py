"""The number that ranks the settings of a sweep: a score of an evaluator, or a metric of the training."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from jaxgan.config import values
from jaxgan.evaluation import EVALUATORS
from jaxgan.io.metric_writers import read_lines
from jaxgan.runs.directory import RunDirectory

AUTO = "sliced_wasserstein"
"""The default score: cheap, for all data, without features, and sensitive to missing modes."""

METRICS = ("d_loss", "g_loss", "d_accuracy", "d_real_logit", "d_fake_logit", "d_gradient_norm", "g_gradient_norm")
"""Metrics that can rank: those in every line of `metrics.jsonl`."""


class Ranking(NamedTuple):
    """How settings are ranked.

    Attributes:
      name: of the score or the metric.
      evaluator: that gives the score; "" for a metric.
      better: "higher" or "lower".
    """

    name: str
    evaluator: str
    better: str

    def order(self, value: float | None) -> float:
        """The number that is lowest for the best; infinite for a member without a value."""
        if value is None or not math.isfinite(value):
            return math.inf
        return value if self.better == "lower" else -value


def read_ranking(score: str) -> Ranking | str:
    """The ranking that `population.score` names, or what is wrong with it."""
    name = AUTO if score == "auto" else score.strip()
    scores = {
        each: Ranking(each, evaluator, better)
        for evaluator, line in EVALUATORS.items()
        for each, better in line.scores.items()
    }
    if name in scores:
        return scores[name]
    if name.removeprefix("-") in METRICS:
        return Ranking(name.removeprefix("-"), "", "lower" if name.startswith("-") else "higher")
    known = ("auto", *scores, *METRICS)
    hint = values.nearest(name.removeprefix("-"), known)
    return (
        f"population.score: {score!r} is none of auto, {', '.join(scores)}; nor, with - before it if lower is better, "
        f"of {', '.join(METRICS)}{hint}"
    )


def metric_at(directory: RunDirectory, name: str, step: int) -> float | None:
    """A metric in the last line of a run up to a step; None if there is none."""
    lines = [line for line in read_lines(directory.metrics_file) if line["step"] <= step]
    return lines[-1].get(name) if lines else None


def setting_order(ranking: Ranking, values: Sequence[float | None]) -> tuple[int, float]:
    """The place of a setting, the lowest for the best: first how many members have no value, then the others' mean."""
    known = [order for value in values if math.isfinite(order := ranking.order(value))]
    return len(values) - len(known), statistics.fmean(known) if known else math.inf


def rungs(steps: int, halvings: int, chunk: int) -> list[int]:
    """The steps at which the worse half of the settings is given up, and the last step.

    Each rung has half as many settings as the one before, and twice as many steps, so all cost the same: rung r ends at
    steps·(2^{r+1} − 1)/(2^{h+1} − 1), to the nearest multiple of `chunk`.

    Args:
      steps: of the settings that are never given up.
      halvings: how often, h.
      chunk: steps run in one call.

    Returns:
      [h + 1] steps; not all different, or 0, if there are too few for so many.

    Source: Jamieson and Talwalkar 2016 (arXiv:1502.07943), figure 3, with the halvings that are asked for.
    """
    shares = [(2 ** (rung + 1) - 1) / (2 ** (halvings + 1) - 1) for rung in range(halvings)]
    return [round(steps * share / chunk) * chunk for share in shares] + [steps]


def survivors(ranking: Ranking, scores: Sequence[Sequence[float | None]]) -> list[int]:
    """The better half of some settings, rounded up; of equals, the first.

    Args:
      ranking: what is better.
      scores: [settings][seeds].

    Returns:
      Their places, in order.
    """
    order = sorted(range(len(scores)), key=lambda i: (*setting_order(ranking, scores[i]), i))
    return sorted(order[: math.ceil(len(scores) / 2)])
