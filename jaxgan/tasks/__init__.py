"""The extensions of Goodfellow et al. 2014, section 7, and pictures from pictures.

To add a task, write a file, a line of `TASKS` and a section of the config.

A task's function takes `example_shape`, `latent` (the prior) and the fields of the config section of its name. If one
of them is `labelled`, a number of examples, the function also takes these examples as `given`.
"""

from collections.abc import Callable

from jaxgan.tables import Table
from jaxgan.tasks.base import Labelled as Labelled
from jaxgan.tasks.base import PlainGenerator as PlainGenerator
from jaxgan.tasks.base import ScoreInputs as ScoreInputs
from jaxgan.tasks.base import Scores as Scores
from jaxgan.tasks.base import Sheet as Sheet
from jaxgan.tasks.base import Task as Task
from jaxgan.tasks.base import none
from jaxgan.tasks.inference import INFERENCES as INFERENCES
from jaxgan.tasks.inference import inference
from jaxgan.tasks.inpainting import inpainting
from jaxgan.tasks.masks import MASKS as MASKS
from jaxgan.tasks.semi_supervised import semi_supervised
from jaxgan.tasks.translation import VIEWS as VIEWS
from jaxgan.tasks.translation import translation

TASKS: dict[str, Callable[..., Task]] = Table("task") | {
    "none": none,
    "inpainting": inpainting,
    "inference": inference,
    "semi_supervised": semi_supervised,
    "translation": translation,
}
