"""A video of a generator's images: frames of a loop through latents or conditions."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import figures
from jaxgan.config import Experiment
from jaxgan.errors import UsageError
from jaxgan.runs.load import TrainedRun
from jaxgan.runs.sampling import BATCH, generator_in_parts
from jaxgan.types import linear, stream

ROWS, COLUMNS = 4, 8
"""Size of a video without a grid; with conditions it has at most `CONDITIONS` rows."""

CONDITIONS = 10

STOPS = 8
"""Default number of latents, or conditions, that a video passes through."""

MOST_BYTES = 2**30
"""Maximum total size of a video's frames."""

CENTISECOND = 10
"""In milliseconds; the frames of a GIF last a multiple of it."""


class Walk(NamedTuple):
    """The path of a video.

    Attributes:
      along: "latents": each image keeps its condition and moves from one latent to the next, along the prior's path
        between them (`Latent.path`: arcs for normal latents, lines for uniform ones). "conditions": each image keeps
        its latent, and moves along lines between vectors, or between classes as one-hot vectors.
      stops: number of latents or conditions on the path, which returns from the last to the first; 0 means `STOPS`, or
        all conditions if there are fewer.
      seconds: duration.
      frames_per_second: ≥ 1.
    """

    along: str = "latents"
    stops: int = 0
    seconds: float = 8.0
    frames_per_second: int = 25


class Frames(NamedTuple):
    """A video.

    Attributes:
      length: number of frames.
      milliseconds: duration of each frame.
      in_words: a description of what changes.
      pictures: `() ->` iterator over parts of the frames, lists of uint8 pictures.
    """

    length: int
    milliseconds: int
    in_words: str
    pictures: Callable[[], Iterator[list[np.ndarray]]]


def walk_frames(run: TrainedRun, key: jax.Array, grid: tuple[int, int] | None, walk: Walk, *, gif: bool) -> Frames:
    """The frames of a video of a run's generator: a grid of images.

    With several conditions and `along="latents"`, each row has one condition and each column one path through latents.

    Args:
      run: a run whose samples are images.
      key: draws the latents.
      grid: rows and columns; None for `ROWS` and `COLUMNS`, or one row per condition.
      walk: the path.
      gif: whether frames must last a multiple of a hundredth of a second.

    Raises:
      UsageError: the run's samples cannot change in this way, or the video is too large.
    """
    experiment = run.experiment.truncated()
    conditions = None if experiment.task.condition is not None else experiment.conditions
    if (method := run.config["sampling"]["method"]) != "plain":
        why = "it draws each sample by itself, and a video is of latents of the prior and those between them"
        raise UsageError(f"sampling.method={method} makes no video", why, "leave it at plain")
    several = 0 if conditions is None else len(conditions)
    if walk.along == "conditions" and several < 2:
        why = f"the run has {'no condition' if not several else 'one condition here'}"
        raise UsageError("--along=conditions", why, "leave it out, or name several by --condition of a conditional run")
    by_row = walk.along == "latents" and several > 1
    rows, columns = grid or (min(several, CONDITIONS) if by_row else ROWS, COLUMNS)
    if by_row and rows > several:
        raise UsageError(f"--grid={rows}x{columns}", f"there are {several} conditions", "ask for fewer rows")
    unit = CENTISECOND if gif else 1
    milliseconds = max(round(1000 / walk.frames_per_second / unit), 1) * unit
    count = max(round(1000 * walk.seconds / milliseconds), 1)
    size = _picture(run, np.zeros((rows * columns, *experiment.example_shape)), columns).nbytes * count
    if size > MOST_BYTES:
        why = f"its {count:,} frames are {size / 2**30:.1f} GiB, and {MOST_BYTES / 2**30:g} are the most"
        raise UsageError("the video is too large", why, "give fewer --seconds, --frames_per_second or a smaller --grid")
    make = _along_latents if walk.along == "latents" else _along_conditions
    inputs, in_words = make(experiment, stream(key, "video"), rows, columns, walk.stops, by_row)
    draw = generator_in_parts(experiment)
    at_once = max(BATCH // (rows * columns), 1)

    def pictures() -> Iterator[list[np.ndarray]]:
        for first in range(0, count, at_once):
            times = np.arange(first, min(first + at_once, count)) / count  # of the loop, which ends where it begins
            images = draw(run.state, *inputs(times))
            yield [_picture(run, part, columns) for part in np.split(images, len(times))]

    return Frames(count, milliseconds, in_words, pictures)


Inputs = Callable[[np.ndarray], tuple[jax.Array, Any]]
"""`times [n] in [0, 1) -> latents [n·rows·columns, dim], the same number of conditions or None`."""


def _along_latents(
    experiment: Experiment, key: jax.Array, rows: int, columns: int, stops: int, by_row: bool
) -> tuple[Inputs, str]:
    """Paths through latents: one per image, or with `by_row` one per column, with one condition per row."""
    stops = stops or STOPS
    latent, ways = experiment.latent, columns if by_row else rows * columns
    ends = latent.sample(key, stops * ways).reshape(stops, ways, latent.dim)
    if by_row:
        condition = jnp.repeat(experiment.condition(rows), columns, axis=0)
    else:
        condition = experiment.condition(rows * columns)

    def inputs(times: np.ndarray) -> tuple[jax.Array, Any]:
        moved = latent.nearest(_between(ends, times, latent.path))  # [n, ways, dim]
        frames = jnp.tile(moved, (1, rows if by_row else 1, 1)).reshape(-1, latent.dim)
        return frames, jax.tree.map(lambda leaf: jnp.tile(leaf, (len(times), *[1] * (leaf.ndim - 1))), condition)

    held = ", a condition in each row" if by_row else ""
    return inputs, f"a loop through {stops} latents{held}"


def _along_conditions(
    experiment: Experiment, key: jax.Array, rows: int, columns: int, stops: int, by_row: bool
) -> tuple[Inputs, str]:
    """One path through conditions; each image keeps its own latent."""
    assert experiment.conditions is not None
    stops = stops or min(len(experiment.conditions), STOPS if experiment.classes is None else CONDITIONS)
    ends = jnp.asarray(experiment.condition(stops))
    if experiment.classes is not None:
        ends = jax.nn.one_hot(ends, experiment.classes)
    latents = experiment.latent.sample(key, rows * columns)

    def inputs(times: np.ndarray) -> tuple[jax.Array, Any]:
        moved = _between(ends, times, linear)  # [n, dim]
        return jnp.tile(latents, (len(times), 1)), jnp.repeat(moved, rows * columns, axis=0)

    return inputs, f"a loop through {stops} conditions"


def _between(ends: jax.Array, times: np.ndarray, path: Callable[..., jax.Array]) -> jax.Array:
    """The points at times in [0, 1) of a loop through `ends` [stops, ..., dim]: [n, ..., dim]."""
    places = times * len(ends)
    first = places.astype(int) % len(ends)
    t = (places - first).reshape(-1, *[1] * (ends.ndim - 1))
    return path(ends[first], ends[(first + 1) % len(ends)], jnp.asarray(t, jnp.float32))


def _picture(run: TrainedRun, images: np.ndarray, columns: int) -> np.ndarray:
    return figures.image_grid(images, columns=columns, low=run.data["low"], high=run.data["high"], scale=None)
