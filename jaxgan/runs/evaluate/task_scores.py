"""What a run's task measures: what its scores need is brought together here, and told as text, JSON and HTML."""

import html
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets.base import Split
from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation import Data, Features
from jaxgan.figures import is_image
from jaxgan.runs.data import Inputs, check_same_data
from jaxgan.runs.load import load_run
from jaxgan.runs.sampling import completer, judger
from jaxgan.tasks import Measure, Other, Scores, Trained
from jaxgan.training.step import generate
from jaxgan.types import TrainState

TASK = "task"
"""The name, among `evaluation.metrics`, of what the task measures."""


def measures(config: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether an evaluation is to measure the task.

    Raises:
      UsageError: it is named, and the run's task measures nothing.
    """
    named = config["evaluation"]["metrics"]
    if TASK in named and experiment.task.measure is None:
        raise UsageError(
            "cannot measure the run's task", f"task={config['task']} measures nothing", f"leave {TASK} out of "
            "evaluation.metrics"
        )  # fmt: skip
    return experiment.task.measure is not None and bool({TASK, "auto"} & set(named))


class TaskScores:
    """Measures a task: what does not depend on the generator is prepared once.

    Args:
      config: a checked config.
      inputs: the run's data.
      data: the splits as evaluators see them.
      features: of an evaluation; a classifier's tell the classes of examples.
      to_unit: examples of the networks' range as evaluators take them.
      key: for what is drawn.

    Raises:
      UsageError, DataError: the run of `evaluation.other_run` is not there, or of another kind.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        inputs: Inputs,
        data: Data,
        features: Features,
        to_unit: Callable[[np.ndarray], np.ndarray],
        key: jax.Array,
    ):
        self._unit, self._key, self._features = to_unit, key, features
        self._train, self._test = (_of_the_networks(split.values, inputs) for split in (data.train, data.test))
        self._labels = _labels(inputs.dataset.test, len(self._test))
        self._train_labels = _labels(inputs.dataset.train, len(self._train))
        self._labelled = inputs.facts.labelled
        self._other = _other(config["evaluation"]["other_run"], inputs)

    def __call__(self, experiment: Experiment, state: TrainState) -> Scores:
        """The scores of a generator."""
        complete = completer(experiment)
        trained = Trained(
            generate=lambda latents, condition: complete(state, latents, condition),
            latent=experiment.latent,
            train=self._train,
            test=self._test,
            test_labels=self._labels,
            classify=self._classify if self._features.name == "classifier" and self._labels is not None else None,
            unit=self._unit,
            key=self._key,
            other=self._other,
            step=int(state.step),
            discriminator=state.discriminator if experiment.task.judges else None,
            judge=judger(experiment) if experiment.task.judges else None,
            labelled=self._labelled,
            train_labels=self._train_labels,
            own=Other(lambda latents: generate(experiment.generator, state, latents), experiment.latent, "this run"),
        )
        assert experiment.task.measure is not None
        return experiment.task.measure(trained)

    def _classify(self, examples: np.ndarray) -> np.ndarray:
        from jaxgan.evaluation import Examples

        logits = Examples("completed", self._unit(examples), self._features).logits
        assert logits is not None
        return logits.argmax(1)


def _of_the_networks(values: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Examples as evaluators take them, back in the networks' range."""
    if inputs.dataset.train.dtype != np.uint8 and not is_image(values.shape[1:]):
        return values
    return inputs.range.from_unit(values)


def _labels(split: Split, count: int) -> np.ndarray | None:
    """Those of a split's examples, if all `count` of them are at hand and have any."""
    if len(split) != count:
        return None
    return split.take_labels(np.arange(count))


def _other(workdir: str, inputs: Inputs) -> Other | None:
    if not workdir:
        return None
    try:
        run = load_run(workdir)
        check_same_data(run.data, inputs, workdir)
    except (UsageError, DataError) as error:
        raise UsageError(
            f"evaluation.other_run={workdir} cannot be used",
            f"{error.what}: {error.why}",
            "name a run on the same data",
        ) from error
    if run.experiment.condition(1) is not None:
        raise UsageError(
            f"evaluation.other_run={workdir} does not suit", "its generator has a condition", "name a plain GAN's run"
        )
    generator, state = run.experiment.generator, run.state
    return Other(lambda latents: generate(generator, state, latents), run.experiment.latent, run.directory.path.name)


def to_json(scores: Scores) -> dict[str, Any]:
    """For `evaluation/*.json`."""
    found = [
        {
            "name": measure.name,
            "better": measure.better,
            "examples": measure.examples,
            "values": {
                method: {"value": _plain(value), "standard_error": _plain(error)}
                for method, (value, error) in measure.values.items()
            },
        }
        for measure in scores.measures
    ]
    return {"scores": found, "notes": list(scores.notes)}


def _plain(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None  # JSON has no NaN


def lines(scores: Scores, number: Callable[[float | None, float | None], str]) -> list[str]:
    """As text: a line for each number, a column for each method."""
    if not scores.measures:
        return []
    methods = methods_of(scores.measures)
    rows = [("of the task", *methods, "better", "examples")]
    for measure in scores.measures:
        values = [number(*measure.values[name]) if name in measure.values else "" for name in methods]
        rows.append((measure.name, *values, measure.better, f"{measure.examples:,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    body = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    body.insert(1, "-" * max(map(len, body)))
    return [*body, "", *scores.notes]


def methods_of(found: tuple[Measure, ...]) -> list[str]:
    """All methods, in the order in which they are first named."""
    return list(dict.fromkeys(name for measure in found for name in measure.values))


def as_html(task: Mapping[str, Any], number: Callable[[float | None, float | None], str]) -> Iterator[str]:
    """What `to_json` gave, as a table."""
    methods = list(dict.fromkeys(name for score in task["scores"] for name in score["values"]))
    if not methods:
        return
    heads = "".join(f"<th>{html.escape(name)}" for name in methods)
    yield f"<table><tr><th>of the task{heads}<th>better<th>examples</tr>"
    for score in task["scores"]:
        yield f"<tr><td>{html.escape(score['name'])}"
        for name in methods:
            cell = score["values"].get(name)
            yield f'<td class="n">{number(cell["value"], cell["standard_error"]) if cell else ""}'
        yield f"<td>{score['better']}<td>{score['examples']:,}</tr>"
    yield "</table>"
    yield from (f"<p>{html.escape(note)}</p>" for note in task["notes"])
