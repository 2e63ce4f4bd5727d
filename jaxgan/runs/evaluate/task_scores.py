"""The scores of a run's task: collects what they need, and converts them to JSON."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets.base import Split
from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation import Data, Features
from jaxgan.figures import is_image
from jaxgan.runs.data import Inputs, check_same_data
from jaxgan.runs.evaluate.tables import finite
from jaxgan.runs.load import load_run
from jaxgan.runs.sampling import completer, judger
from jaxgan.tasks import PlainGenerator, ScoreInputs, Scores
from jaxgan.training.step import generate
from jaxgan.types import TrainState

TASK = "task"
"""The name of the task's scores in `evaluation.metrics`."""


def measures(config: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether an evaluation includes the task's scores; raises UsageError if they are named and the task has none."""
    named = config["evaluation"]["metrics"]
    if TASK in named and experiment.task.measure is None:
        raise UsageError(
            "cannot measure the run's task", f"task={config['task']} has no scores", f"leave {TASK} out of "
            "evaluation.metrics"
        )  # fmt: skip
    return experiment.task.measure is not None and bool({TASK, "auto"} & set(named))


class TaskScores:
    """Measures the task of generators. What does not depend on a generator is prepared only once."""

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
        trained = ScoreInputs(
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
            own=PlainGenerator(
                lambda latents: generate(experiment.generator, state, latents), experiment.latent, "this run"
            ),
        )
        assert experiment.task.measure is not None
        return experiment.task.measure(trained)

    def _classify(self, examples: np.ndarray) -> np.ndarray:
        from jaxgan.evaluation import Examples

        logits = Examples("completed", self._unit(examples), self._features).logits
        assert logits is not None
        return logits.argmax(1)


def _of_the_networks(values: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Converts examples from the evaluators' range to that of the networks."""
    if inputs.dataset.train.dtype != np.uint8 and not is_image(values.shape[1:]):
        return values
    return inputs.range.from_unit(values)


def _labels(split: Split, count: int) -> np.ndarray | None:
    """The labels of a split, if all of its examples were read and have labels."""
    if len(split) != count:
        return None
    return split.take_labels(np.arange(count))


def _other(workdir: str, inputs: Inputs) -> PlainGenerator | None:
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
    return PlainGenerator(
        lambda latents: generate(generator, state, latents), run.experiment.latent, run.directory.path.name
    )


def to_json(scores: Scores) -> dict[str, Any]:
    """For `evaluation/*.json`."""
    rows = [
        {
            "name": score.name,
            "better": score.better,
            "examples": score.samples,
            "values": {
                method: {"value": finite(each.value), "standard_error": finite(each.standard_error)}
                for method, each in score.by_method.items()
            },
        }
        for score in scores.scores
    ]
    return {"scores": rows, "notes": list(scores.notes)}
