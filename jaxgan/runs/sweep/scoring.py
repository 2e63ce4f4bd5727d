"""Scores the members of a sweep, and ranks its settings by them.

Each dataset is prepared, and real data scored, only once for all members.
"""

import functools
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jaxgan.config import Experiment, build
from jaxgan.errors import DivergedError
from jaxgan.evaluation import EVALUATORS
from jaxgan.io.atomic import write_json
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import read_lines
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.evaluation import Evaluation, to_json
from jaxgan.runs.evaluate.tables import finite
from jaxgan.runs.load import restore_players
from jaxgan.runs.sampling import Draw, NoSamplesError, SampleGrid, compile_generator
from jaxgan.runs.sweep.members import Group, Member
from jaxgan.tables import nearest
from jaxgan.types import TrainState, stream

AUTO = "sliced_wasserstein"
"""The default score: cheap, suitable for all data, needs no features, and sensitive to missing modes."""

METRICS = ("d_loss", "g_loss", "d_accuracy", "d_real_logit", "d_fake_logit", "d_gradient_norm", "g_gradient_norm")
"""Metrics that can rank settings: those in every line of `metrics.jsonl`; d_accuracy only if the loss has one."""


class Ranking(NamedTuple):
    """How settings are ranked.

    Attributes:
      name: name of the score or metric.
      evaluator: the evaluator that computes the score; "" for a metric.
      better: "higher" or "lower".
    """

    name: str
    evaluator: str
    better: str

    def order(self, value: float | None) -> float:
        """A sort key, lowest for the best; infinite for a member without a value."""
        if value is None or not math.isfinite(value):
            return math.inf
        return value if self.better == "lower" else -value


def read_ranking(score: str) -> Ranking | str:
    """The ranking that `population.score` names; or a text that describes the problem with it."""
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
    hint = nearest(name.removeprefix("-"), known)
    return (
        f"population.score: {score!r} is none of auto, {', '.join(scores)}; nor, with - before it if lower is better, "
        f"of {', '.join(METRICS)}{hint}"
    )


def metric_at(directory: RunDirectory, name: str, step: int) -> float | None:
    """A metric in the last line of a run up to a step; None if it is missing."""
    lines = [line for line in read_lines(directory.metrics_file) if line["step"] <= step]
    return lines[-1].get(name) if lines else None


def setting_order(ranking: Ranking, values: Sequence[float | None]) -> tuple[int, float]:
    """A setting's sort key, lowest for the best: the number of members without a value, then the mean of the others."""
    known = [order for value in values if math.isfinite(order := ranking.order(value))]
    return len(values) - len(known), statistics.fmean(known) if known else math.inf


def rungs(steps: int, halvings: int, chunk: int) -> list[int]:
    """The steps at which the worse half of the settings is dropped, followed by the last step.

    Each rung has half as many settings as the previous one and twice as many steps, so all rungs cost the same: rung r
    ends at steps·(2^{r+1} − 1)/(2^{h+1} − 1), rounded to a multiple of `chunk`.

    Args:
      steps: training steps of a setting that is never dropped.
      halvings: h, the number of halvings.
      chunk: steps per call.

    Returns:
      [h + 1] steps; not distinct, or 0, if `steps` is too small for this number of rungs.

    Source: Jamieson and Talwalkar 2016 (arXiv:1502.07943), figure 3, with the given number of halvings.
    """
    shares = [(2 ** (rung + 1) - 1) / (2 ** (halvings + 1) - 1) for rung in range(halvings)]
    return [round(steps * share / chunk) * chunk for share in shares] + [steps]


def survivors(ranking: Ranking, scores: Sequence[Sequence[float | None]]) -> list[int]:
    """The better half of the settings, rounded up; among equals, the first.

    Args:
      ranking: how settings are ranked.
      scores: [settings][seeds].

    Returns:
      Their indices, in order.
    """
    order = sorted(range(len(scores)), key=lambda i: (*setting_order(ranking, scores[i]), i))
    return sorted(order[: math.ceil(len(scores) / 2)])


# --- Scores of members


class MemberScores(NamedTuple):
    """The scores of one member.

    Attributes:
      step: step of the scored checkpoint; 0 without one.
      scores: by name; None if not finite.
      errors: the evaluation's standard errors; None where it has none.
      real: the same scores for real data.
    """

    step: int
    scores: Mapping[str, float | None] = {}
    errors: Mapping[str, float | None] = {}
    real: Mapping[str, float | None] = {}


class MemberScorer:
    """Scores members at their newest checkpoints.

    Args:
      config: config of the sweep.
      ranking: its evaluator is always included.
      groups: the groups of all members.
    """

    def __init__(self, config: Mapping[str, Any], ranking: Ranking, groups: list[Group]):
        self.ranking, self.metrics = ranking, config["evaluation"]["metrics"]
        if ranking.evaluator and ranking.evaluator not in self.metrics:
            self.metrics = (*self.metrics, ranking.evaluator)
        self._group = {member.number: number for number, group in enumerate(groups) for member in group}
        self._parts: dict[int, tuple[Experiment, Draw]] = {}
        self._of_data: dict[tuple[int, tuple[str, ...]], Evaluation] = {}
        self._of_group: dict[tuple[int, int, tuple[str, ...]], Evaluation] = {}

    def check(self, member: Member) -> None:
        """Raises UsageError or DataError, before any training, if a member cannot be evaluated as requested."""
        self._evaluation(member, self.metrics)

    def rank(self, member: Member) -> float | None:
        """The value that ranks a member at its newest checkpoint; None if there is none."""
        if member.diverged is not None:
            return None
        if not self.ranking.evaluator:
            return metric_at(member.directory, self.ranking.name, member.latest_step())
        return self._scores(member, self._restore(member), (self.ranking.evaluator,)).scores.get(self.ranking.name)

    def score(self, member: Member) -> MemberScores:
        """Computes all scores of a member, and writes them to its `evaluation/`, with its last picture."""
        if not member.latest_step():
            return MemberScores(0)
        state = self._restore(member)
        self._draw(member, state)
        verdict = self._scores(member, state, self.metrics, keep=True)
        if not self.ranking.evaluator:
            value = metric_at(member.directory, self.ranking.name, verdict.step)
            return verdict._replace(scores={self.ranking.name: value, **verdict.scores})
        return verdict

    def _restore(self, member: Member) -> TrainState:
        experiment, _ = self._parts_of(member)
        with Checkpoints(member.directory.checkpoints, keep=member.config["keep_checkpoints"]) as checkpoints:
            return restore_players(checkpoints, experiment)

    def _scores(
        self, member: Member, state: TrainState, metrics: tuple[str, ...], *, keep: bool = False
    ) -> MemberScores:
        evaluation = self._evaluation(member, metrics)
        try:
            report = evaluation.run(state)
        except (DivergedError, NoSamplesError):
            return MemberScores(int(state.step))
        if keep:
            path = member.directory.evaluation_file(report.step, report.seed, report.way)
            write_json(path, to_json(report, evaluation, member.name))
        found = {score.name: finite(score.value) for score in report.scores}
        real = {score.name: finite(score.baselines["real data"].value) for score in report.scores}
        errors = {score.name: finite(score.standard_error) for score in report.scores}
        return MemberScores(report.step, found, errors, real)

    def _evaluation(self, member: Member, metrics: tuple[str, ...]) -> Evaluation:
        data, group = id(member.inputs), self._group[member.number]
        experiment, _ = self._parts_of(member)
        config = {**member.config, "evaluation": {**member.config["evaluation"], "metrics": metrics}}
        if (data, metrics) not in self._of_data:
            say = functools.partial(print, file=sys.stderr, flush=True)
            self._of_data[data, metrics] = Evaluation(config, member.inputs, experiment, 0, say)
        if (data, group, metrics) not in self._of_group:
            self._of_group[data, group, metrics] = self._of_data[data, metrics].of(experiment, config)
        return self._of_group[data, group, metrics]

    def _parts_of(self, member: Member) -> tuple[Experiment, Draw]:
        group = self._group[member.number]
        if group not in self._parts:
            experiment = build(member.config, member.inputs.facts)
            self._parts[group] = experiment, compile_generator(experiment)
        return self._parts[group]

    def _draw(self, member: Member, state: TrainState) -> None:
        experiment, draw = self._parts_of(member)
        config, inputs = member.config, member.inputs
        key = stream(jax.random.key(config["seed"]), "sample_pictures")
        shown = SampleGrid(experiment, inputs, key, config["sample_count"], draw)
        shown.save(member.directory.picture(int(state.step)), shown.samples(state))
