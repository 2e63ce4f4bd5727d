"""Scores a run's generator: draws samples, compares them with the data, and writes the report."""

import contextlib
import copy
import datetime
import functools
import math
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.config import Experiment, build_evaluators
from jaxgan.datasets import order
from jaxgan.datasets.base import Split
from jaxgan.errors import DataError, DivergedError, JaxganError, UsageError
from jaxgan.evaluation import Data, Evaluator, Examples, Features, Score, evaluate
from jaxgan.evaluation.base import check, reference_scores
from jaxgan.evaluation.inputs import NonFiniteError, check_finite
from jaxgan.runs.data import Inputs, conditions_of_data
from jaxgan.runs.directory import PLAIN, sampling_name
from jaxgan.runs.evaluate import task_scores
from jaxgan.runs.evaluate.features import build_features, unit_values
from jaxgan.runs.evaluate.tables import finite
from jaxgan.runs.facts import versions
from jaxgan.runs.sampling import sampler
from jaxgan.tasks import Scores
from jaxgan.types import TrainState, stream

SPLIT_BYTES = 2**30
"""Maximum bytes of a split that are read, counted as floats."""


DRAW, TASK = "draws samples", "the task's scores"
"""Parts of an evaluation besides its evaluators."""


Show = Callable[[int, int, str, float | None], None]


class Parts:
    """The parts of an evaluation: each evaluator on real data and on samples, drawing samples, and the task's scores.

    Real data takes about as long as samples, so the first half of the parts predicts the duration of the second half.

    Args:
      show: called with the number of finished parts, their total, the next part, and the estimated seconds or None.

    Attributes:
      done: number of finished parts.
      total: number of parts; 0 before it is known.
    """

    def __init__(self, show: Show = lambda *_: None, clock: Callable[[], float] = time.monotonic):
        self.done = self.total = 0
        self._show, self._clock = show, clock
        self._left: list[str] = []
        self._seconds: dict[str, float] = {}
        self._running: tuple[str, float] | None = None

    def expect(self, evaluators: Sequence[str], *, task: bool) -> None:
        """Sets the expected parts."""
        self._left = [*evaluators, DRAW, *([TASK] if task else []), *evaluators]
        self.done, self.total, self._running = 0, len(self._left), None

    def begin(self, name: str, of: str = "") -> None:
        """Starts the next part, and ends the current one, if any."""
        if self._running is not None:
            self._finish()
        self._running = name, self._clock()
        self._show(self.done, self.total, f"{name} of {of}" if of else name, self._seconds_left())

    def end(self) -> None:
        """Ends the last part."""
        self._finish()
        self._show(self.done, self.total, "done", None)

    def _finish(self) -> None:
        assert self._running is not None
        name, began = self._running
        self._seconds[name] = self._clock() - began
        self._left.remove(name)
        self._running, self.done = None, self.done + 1

    def _seconds_left(self) -> float | None:
        """Uses the known durations of the same parts, and their mean for others; None before any part is done."""
        if not self._seconds:
            return None
        mean = statistics.fmean(self._seconds.values())
        return sum(self._seconds.get(name, mean) for name in self._left)


class Report(NamedTuple):
    """The result of an evaluation.

    Attributes:
      step: training step of the generator.
      seed: seed of the latents.
      scores: each with real data's score as a baseline.
      samples: the evaluated samples; images in [0, 1].
      left_out: evaluators that "auto" left out, with the reasons.
      way: how the samples were drawn; see `sampling_name`.
      facts: numbers about the drawing.
      task: the scores of the run's task.
    """

    step: int
    seed: int
    scores: list[Score]
    samples: Examples
    left_out: dict[str, str]
    way: str
    facts: Mapping[str, float]
    task: Scores = Scores()


class Evaluation:
    """Evaluates the generators of a run. Reads the data once, and caches the scores of real examples.

    Args:
      config: a checked config; its section `evaluation` selects the scores.
      inputs: the run's data.
      experiment: the run's parts.
      seed: seed of the latents.
      log: prints messages before slow work.
      parts: receives the parts of the evaluation as they start; None to report nothing.

    Raises:
      UsageError: an evaluator does not support the data, or there are too few samples.
      DataError: the test split is too small, or the data or the weights cannot be read.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        inputs: Inputs,
        experiment: Experiment,
        seed: int,
        log: Callable[[str], None],
        parts: Parts | None = None,
    ):
        self.config, self.inputs, self.seed, self.parts = config, inputs, seed, parts or Parts()
        self.count = config["evaluation"]["samples"]
        self.latent_key, self.key = jax.random.split(jax.random.key(seed))
        dataset = inputs.dataset
        if not len(dataset.test):
            raise DataError("cannot evaluate", "the dataset has no test examples", "choose a dataset that has some")
        self.features: Features = build_features(config, inputs, log)
        self.chosen: dict[str, np.ndarray] = {}
        splits = {name: self._examples(name, getattr(dataset, name)) for name in ("train", "validation", "test")}
        reference = config["evaluation"]["reference_split"]
        self.data = Data(**splits, mixture=dataset.mixture, classes=inputs.facts.classes, reference_split=reference)
        with _finite_data():
            self.evaluators, self.left_out = self._choose()
        # Computed once, on first use; shared with the evaluations that `of` creates.
        begin = functools.partial(self.parts.begin, of="real data")
        self._references = functools.cache(
            lambda: reference_scores(self.data, self.evaluators, self.key, self.count, begin)
        )
        task_key = stream(self.key, "task_scores")
        self._make_task_scores = functools.cache(
            lambda: task_scores.task_scorer(
                config, inputs, self.data, self.features, self.to_unit, task_key, self.chosen
            )
        )
        self._set_run(experiment, config)

    def run(self, state: TrainState) -> Report:
        """Scores a generator.

        Raises:
          DivergedError: its samples or their features are not finite.
          UsageError: the features of the data are not finite.
          NoSamplesError: rejection sampling accepts almost no samples.
        """
        self.parts.expect(list(self.evaluators), task=self._task_scores is not None)
        with _finite_data():
            references = self._references()
        self.parts.begin(DRAW)
        values, facts = self._sample(state, self.latent_key, self.count)
        try:
            check_finite("the samples", values)
            samples = Examples("generated", self.to_unit(values), self.features, labels=self._labels)
            if self._task_scores is not None:
                self.parts.begin(TASK)
            task = Scores() if self._task_scores is None else self._task_scores(self._experiment, state)
            begin = functools.partial(self.parts.begin, of="samples")
            scores = evaluate(samples, self.data, self.evaluators, self.key, references, begin)
            self.parts.end()
        except NonFiniteError as error:
            raise DivergedError(
                f"cannot evaluate step {int(state.step)}", str(error), "use an earlier checkpoint"
            ) from error
        return Report(int(state.step), self.seed, scores, samples, self.left_out, self.way, facts, task)

    def of(self, experiment: Experiment, config: Mapping[str, Any]) -> "Evaluation":
        """The same evaluation for another run's generators, on the same data.

        Raises:
          UsageError: its task's scores are requested by name, but the task has none.
        """
        other = copy.copy(self)
        other._set_run(experiment, config)
        return other

    def _set_run(self, experiment: Experiment, config: Mapping[str, Any]) -> None:
        """Sets the experiment whose generators and task are evaluated."""
        self.config = config
        self._task_scores = self._make_task_scores() if task_scores.measures(config, experiment) else None
        # Samples get the conditions of training examples, so they have the data's proportions.
        lent = conditions_of_data(experiment, self.inputs, self.count)
        experiment = experiment if lent is None else experiment.replace(conditions=lent)
        self.way, self._experiment, self._sample = sampling_name(config["sampling"]), experiment, sampler(experiment)
        self._labels = None if self.data.classes is None else np.asarray(experiment.condition(self.count))

    def to_unit(self, samples: np.ndarray) -> np.ndarray:
        """Converts generated examples to the evaluators' range: images, and data stored as bytes, become [0, 1]."""
        low, high = self.inputs.range
        if self.inputs.dataset.train.dtype == np.uint8:
            return self.inputs.range.to_unit(samples)
        return unit_values(samples, low, high)

    def _examples(self, name: str, split: Split) -> Examples:
        most = max(SPLIT_BYTES // (4 * math.prod(self.inputs.facts.example_shape)), 1)
        most = min(len(split), most if split.in_memory else min(most, max(self.count, 10_000)))
        # A random choice, always the same, in order.
        chosen = np.sort(order.subset("examples", len(split), most)) if most < len(split) else np.arange(most)
        self.chosen[name] = chosen
        # The whole array, without a copy.
        whole = split.examples if isinstance(split.examples, np.ndarray) and most == len(split) else None
        values = unit_values(split.take(chosen) if whole is None else whole, *self.inputs.range)
        labels = split.take_labels(chosen) if self.inputs.condition == "labels" else None
        return Examples(name, values, self.features, len(split), labels)

    def _choose(self) -> tuple[dict[str, Evaluator], dict[str, str]]:
        """The evaluators of `config.evaluation.metrics`, checked; and the reasons why "auto" left others out."""
        named = self.config["evaluation"]["metrics"]
        chosen, left_out = {}, {}
        for name, evaluator in build_evaluators(self.config).items():
            if name not in named and "auto" not in named:
                continue
            if name not in named and (reason := evaluator.unsupported(self.data)):
                left_out[name] = reason
                continue
            if name not in named and not evaluator.automatic:
                left_out[name] = "it takes minutes; name it in evaluation.metrics"
                continue
            try:
                check(name, evaluator, self.data, self.count)
            except JaxganError as error:
                if name in named:
                    raise
                left_out[name] = f"{error.what}; {error.why}"
                continue
            chosen[name] = evaluator
        if not chosen and task_scores.TASK not in named:
            reasons = ", ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise UsageError("nothing to evaluate", reasons, "name other evaluation.metrics")
        return chosen, left_out


@contextlib.contextmanager
def _finite_data() -> Iterator[None]:
    """Raises UsageError if features of the data are not finite."""
    try:
        yield
    except NonFiniteError as error:
        raise UsageError("cannot evaluate in these features", str(error), "repair evaluation.features") from error


def to_json(report: Report, evaluation: Evaluation, run: str, pictures: Sequence[pathlib.Path] = ()) -> dict[str, Any]:
    """Converts a report for `evaluation/*.json`, with the names of its pictures."""
    dataset = evaluation.inputs.dataset
    return {
        "run": run,
        "step": report.step,
        "seed": report.seed,
        "dataset": dataset.name,
        "samples": len(report.samples),
        "sampling": _described(evaluation.config["sampling"]),
        "sampled": report.facts,
        "features": {"name": evaluation.features.name, **evaluation.features.description},
        "scores": [_score_to_json(score) for score in report.scores],
        "task": {"name": evaluation.config["task"], **task_scores.to_json(report.task)},
        "left_out": report.left_out,
        "notes": notes(evaluation),
        "pictures": [picture.name for picture in pictures],
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _described(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config section that have an effect. Two evaluations with equal fields are comparable."""
    fields = {"method": PLAIN} if sampling["method"] == PLAIN else dict(sampling)
    fields.pop("truncation", None)
    return fields if sampling["truncation"] == 1 else {**fields, "truncation": sampling["truncation"]}


def _score_to_json(score: Score) -> dict[str, Any]:
    fields = {name: finite(value) for name, value in score._asdict().items() if name not in ("method", "baselines")}
    real = score.baselines["real data"]
    reference = {"value": finite(real.value), "standard_error": finite(real.standard_error), "samples": real.samples}
    return {**fields, "real_data": {**reference, "details": real.details}}


def notes(evaluation: Evaluation) -> list[str]:
    """Notes that readers of the scores need."""
    found = [evaluator.note for evaluator in evaluation.evaluators.values() if evaluator.note]
    if (psi := evaluation.config["sampling"]["truncation"]) != 1:
        found.insert(0, f"Samples of latents truncated to {psi:g}: no score of them is comparable with that of others.")
    return found
