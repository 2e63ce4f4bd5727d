"""The scores of a run's task: collects their inputs, and converts them to JSON."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets.base import Split
from jaxgan.errors import DataError, UsageError
from jaxgan.evaluation import Data, Examples, Features
from jaxgan.evaluation.base import RAW
from jaxgan.figures import is_image
from jaxgan.runs.data import Inputs, check_same_data
from jaxgan.runs.evaluate.tables import finite
from jaxgan.runs.load import load_run
from jaxgan.runs.sampling import discriminator_in_parts, generator_in_parts
from jaxgan.tasks import PlainGenerator, ScoreInputs, Scores
from jaxgan.training.step import generate
from jaxgan.types import TrainState

TASK = "task"
"""The name of the task's scores in `evaluation.metrics`."""


def measures(config: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether an evaluation includes the task's scores. UsageError if they are requested but the task has none."""
    named = config["evaluation"]["metrics"]
    if TASK in named and experiment.task.measure is None:
        why, remedy = f"task={config['task']} has no scores", f"leave {TASK} out of evaluation.metrics"
        raise UsageError("cannot measure the run's task", why, remedy)
    return experiment.task.measure is not None and bool({TASK, "auto"} & set(named))


def task_scorer(
    config: Mapping[str, Any],
    inputs: Inputs,
    data: Data,
    features: Features,
    to_unit: Callable[[np.ndarray], np.ndarray],
    key: jax.Array,
    chosen: Mapping[str, np.ndarray],
) -> Callable[[Experiment, TrainState], Scores]:
    """A function that measures a generator on the task. What does not depend on the generator is prepared only once.

    `chosen` are the places of the data's examples in their splits.
    """
    dataset = inputs.dataset
    # Examples are in the networks' range; evaluators see images in [0, 1].
    train, test = data.train.values, data.test.values
    if dataset.train.dtype == np.uint8 or is_image(train.shape[1:]):
        train, test = inputs.range.from_unit(train), inputs.range.from_unit(test)
    train_labels, test_labels = _labels(dataset.train, len(train)), _labels(dataset.test, len(test))
    conditions = {
        name: getattr(dataset, name).take_condition(chosen[name], "conditions")
        for name in (("train", "test") if inputs.condition == "conditions" else ())
    }
    other = _other(config["evaluation"]["other_run"], inputs)

    def made(examples: np.ndarray) -> Examples:
        return Examples("made", to_unit(examples), features)

    def classify(examples: np.ndarray) -> np.ndarray:
        logits = made(examples).logits
        assert logits is not None
        return logits.argmax(1)

    def score(experiment: Experiment, state: TrainState) -> Scores:
        generator, judges = generator_in_parts(experiment), experiment.task.judges
        assert experiment.task.measure is not None
        return experiment.task.measure(
            ScoreInputs(
                generate=lambda latents, condition: generator(state, latents, condition),
                latent=experiment.latent,
                train=train,
                test=test,
                test_labels=test_labels,
                classify=classify if features.name == "classifier" and test_labels is not None else None,
                unit=to_unit,
                key=key,
                other=other,
                step=int(state.step),
                discriminator=state.discriminator if judges else None,
                discriminate=discriminator_in_parts(experiment) if judges else None,
                labelled=inputs.facts.labelled,
                train_labels=train_labels,
                own=_plain_generator(experiment, state, "this run"),
                train_conditions=conditions.get("train"),
                test_conditions=conditions.get("test"),
                features=None if features.name == RAW.name else lambda examples: made(examples).features,
            )
        )

    return score


def _plain_generator(experiment: Experiment, state: TrainState, name: str) -> PlainGenerator:
    return PlainGenerator(lambda latents: generate(experiment.generator, state, latents), experiment.latent, name)


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
    return _plain_generator(run.experiment, run.state, run.directory.path.name)


def to_json(scores: Scores) -> dict[str, Any]:
    """The scores for `evaluation/*.json`."""
    rows = []
    for score in scores.scores:
        values = {
            method: {"value": finite(each.value), "standard_error": finite(each.standard_error)}
            for method, each in score.by_method.items()
        }
        rows.append({"name": score.name, "better": score.better, "examples": score.samples, "values": values})
    return {"scores": rows, "notes": list(scores.notes)}
