"""The extensions of Goodfellow et al. 2014, section 7. A new task is a file, a line of `TASKS` and a section of
configs.

A task's function takes `example_shape`, `latent` (the prior), and the fields of the config's section of its name.
"""

from collections.abc import Callable

from jaxgan.tasks.base import Measure, Other, Scores, Sheet, Task, Trained
from jaxgan.tasks.inference import INFERENCES, inference
from jaxgan.tasks.inpainting import inpainting
from jaxgan.tasks.masks import MASKS


def none(*, example_shape, latent) -> Task:
    """A GAN as it is."""
    return Task()


TASKS: dict[str, Callable[..., Task]] = {
    "none": none,
    "inpainting": inpainting,
    "inference": inference,
}

__all__ = ["INFERENCES", "MASKS", "TASKS", "Measure", "Other", "Scores", "Sheet", "Task", "Trained"]
