"""The task of a config, and what does not go with it."""

from collections.abc import Mapping
from typing import Any

from jaxgan.errors import UsageError
from jaxgan.latents import Latent
from jaxgan.tasks import TASKS, Task


def build_task(config: Mapping[str, Any], example_shape: tuple[int, ...], latent: Latent) -> Task:
    """The task, made with the fields of the section of its name, which a task of the user's own need not have.

    Raises:
      UsageError: it does not suit the data.
    """
    name = config["task"]
    try:
        return TASKS[name](example_shape=example_shape, latent=latent, **config.get(name, {}))
    except ValueError as error:
        raise UsageError(f"task={name} does not suit the data", str(error), f"change the section {name}") from error


def task_problems(config: Mapping[str, Any]) -> list[str]:
    """What does not go with the task, one line each."""
    questions = {"inpainting": _inpainting}
    return questions[config["task"]](config) if config["task"] in questions else []


def _inpainting(config: Mapping[str, Any]) -> list[str]:
    found = []
    if config["condition"] != "none":
        found.append("condition=labels does not go with task=inpainting, whose condition is what is known")
    moving = {"translation", "cutout"} & {name.strip() for name in config["augmentation"]["names"].split(",")}
    if moving:
        named = " and ".join(sorted(moving))
        found.append(f"augmentation.names: {named} would move what the masks of task=inpainting say is known")
    if config["sampling"]["method"] != "plain":
        found.append(f"sampling.method {config['sampling']['method']}: not of task=inpainting yet; use plain")
    return found
