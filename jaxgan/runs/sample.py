"""`--mode=sample`: examples from a trained generator, as a picture, an array, a folder of images, or a video."""

import json
import math
import pathlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import figures
from jaxgan.datasets.base import ValueRange
from jaxgan.errors import PreemptedError, UsageError
from jaxgan.io.atomic import OUTPUT, local_path, made_folder, reported
from jaxgan.io.metric_writers import Progress
from jaxgan.io.sample_files import Parts, write_arrays, write_images
from jaxgan.runs.data import check_same_data, mixture_of, read_inputs
from jaxgan.runs.directory import PLAIN, sampling_name
from jaxgan.runs.load import TrainedRun, asked_for, load_run
from jaxgan.runs.sampling import BATCH, SampleGrid, columns_of, draw_grid, in_words, sampler_in_parts
from jaxgan.runs.walk import Walk, walk_frames
from jaxgan.signals import StopRequest, located

FORMATS = ("png", "npz", "folder", *figures.ANIMATIONS)
"""Output formats for samples."""

COUNT = 100
"""Number of samples, if neither a count nor a grid is given."""

SHOWN = 400
"""Maximum number of images in a picture without a grid; the array has all samples."""

KEPT = 2**27
"""Maximum number of values kept for the picture if the examples are not images."""

CELLS = 2_500
"""Maximum number of images in a grid."""

NAMED = 60
"""Maximum length of a condition in a file name; a longer one is cut and gets a checksum."""

QUIET = 5.0
"""If drawing takes fewer seconds than this, no progress is shown."""


def sample(
    workdir: str,
    *,
    count: int | None = None,
    seed: int = 0,
    step: int | str | None = None,
    condition: str | None = None,
    plain: bool = False,
    format: str | None = None,
    grid: str | None = None,
    output: str | None = None,
    along: str | None = None,
    stops: int | None = None,
    seconds: float | None = None,
    frames_per_second: int | None = None,
    overrides: Mapping[str, str] = {},
) -> None:
    """Writes samples of a run's checkpoint: `samples/sample_step_STEP_seed_SEED.png` and `.npz`, or one of the formats.

    The file name also contains the condition and the grid, if given, and the sampling method, unless it is "plain". The
    arrays are "samples"; in a conditional run also "labels" or "conditions"; and those that the run's task shows beside
    the samples. With several conditions the picture has a row per condition, with the same latents in each row. These
    latents are not those of the arrays.

    Args:
      workdir: the run's directory.
      count: number of examples, ≥ 1; if the task shows them in rows, as many rows as they fill. None: the number of
        images in the grid, or 100.
      seed: seed of the latents, ≥ 0. A seed gives the same samples in every format.
      step: step of the checkpoint; see `load_run`.
      condition: conditions, as text, that the samples cycle through; None: all classes, or the training data's vectors.
      plain: whether to draw samples of p_g even if the task has its own sheet; file names then say so.
      format: one of `FORMATS`. "png": the picture. "npz": "examples" (images as bytes) and "labels" or "conditions", as
        read by the dataset npz. "folder": a PNG per sample, in one folder per class; vectors are written to
        `metadata.jsonl`. "webp", "gif": a video of images with changing latents. None: the picture, and an array of the
        generator's unscaled output.
      grid: "ROWSxCOLUMNS" of the picture or video. With several conditions, each row has one condition and each column
        one latent.
      output: a directory for the files; None for the run's own.
      along: for a video: whether "latents" or "conditions" change; see `Walk`.
      stops: for a video: number of latents, or conditions, that it passes through.
      seconds: for a video: its duration.
      frames_per_second: for a video.
      overrides: fields of the run's config to set, as text; only those that the schema allows.

    Raises:
      UsageError: the directory has no run or no such checkpoint, or the samples cannot be drawn in this way.
      DataError: the checkpoint is damaged, or the data is needed but cannot be read.
      PreemptedError: a signal arrived before all samples were drawn. No file is left behind.
      WriteError: a file cannot be written.
    """
    # Parse the request.
    shape = None if grid is None else _parse_grid(grid)
    fields = {"along": along, "stops": stops, "seconds": seconds, "frames_per_second": frames_per_second}
    given: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    video = format in figures.ANIMATIONS
    if given and not video:
        raise UsageError(f"--{next(iter(given))}", "only a video has it", "add --format=webp, or gif, or leave it out")
    if video and count is not None:
        raise UsageError("--count", "a video has as many images as its grid", "give --grid=ROWSxCOLUMNS")
    run = asked_for(load_run(workdir, step, overrides, "sample"), condition)
    is_image = figures.is_image(run.experiment.example_shape)
    if not is_image and (grid is not None or format not in (None, "png", "npz")):
        what = f"--format={format}" if grid is None else f"--grid={grid}"
        raise UsageError(
            what, f"the examples are {list(run.experiment.example_shape)}, which are not images", "leave it out"
        )
    method = run.config["sampling"]["method"]
    has_sheet = run.experiment.task.sheet is not None and is_image and not plain and method == PLAIN
    if has_sheet and (grid is not None or format not in (None, "png")):
        what = f"--format={format}" if grid is None else f"--grid={grid}"
        raise UsageError(what, f"task={run.config['task']} shows rows of its own", "add --plain for samples of p_g")
    # The file names.
    name = "_plain" if plain and run.experiment.task.sheet is not None and is_image and method == PLAIN else ""
    name += "" if (way := sampling_name(run.config["sampling"])) == PLAIN else f"_{way}"
    name += "" if condition is None else f"_condition_{_as_file_name(condition)}"
    name += "" if shape is None else f"_grid_{shape[0]}x{shape[1]}"
    folder = made_folder(run.directory.samples if output is None else local_path(output, "--output="), OUTPUT)
    stem = folder / f"sample_step_{int(run.state.step):08d}_seed_{seed}{name}"
    # The samples.
    with StopRequest("after this batch of samples") as stop, reported(stem, OUTPUT):
        draw = _Draw(run, jax.random.key(seed), stop)
        if video:
            draw.video(stem.with_suffix(f".{format}"), shape, Walk(**given))
        elif has_sheet:
            draw.sheet(stem, COUNT if count is None else count, format)
        else:
            draw.samples(stem, count or (COUNT if shape is None else math.prod(shape)), format, shape)


class _Draw:
    """Draws a run's samples into files, shows progress, and stops at a signal."""

    def __init__(self, run: TrainedRun, key: jax.Array, stop: StopRequest):
        self.run, self.key, self.stop = run, key, stop
        self.range = ValueRange(run.data["low"], run.data["high"])
        self.facts: Mapping[str, float] = {}

    def sheet(self, stem: pathlib.Path, count: int, format: str | None) -> None:
        """Draws the samples of the run's task beside test examples, as a picture and as arrays."""
        inputs = read_inputs(self.run.config)
        check_same_data(self.run.data, inputs, self.run.directory.path)
        grid = SampleGrid(self.run.experiment.truncated(), inputs, self.key, count)
        assert grid.sheet is not None
        values = grid.samples(self.run.state)
        picture, archive = stem.with_suffix(".png"), stem.with_suffix(".npz")
        grid.save(picture, values)
        if format is None:
            arrays = {"samples": values} | {n: np.asarray(a) for n, a in grid.sheet.arrays.items() if a is not None}
            write_arrays(archive, (Parts(n, a.shape, a.dtype, [a]) for n, a in arrays.items()))
        how = "" if len(values) == count else f"whole rows of the {count} asked for"
        self._say(len(values), picture if format else f"{picture} shows them; {archive} holds them all", how)

    def samples(self, stem: pathlib.Path, count: int, format: str | None, grid: tuple[int, int] | None) -> None:
        """Draws samples of p_g in one of the formats."""
        experiment = self.run.experiment
        shape, is_image = experiment.example_shape, figures.is_image(experiment.example_shape)
        if format == "folder":
            write_images(stem, self._named_images(count), self._metadata(count))
            return self._say(count, stem)
        if format == "npz":
            archive = stem.with_name(f"{stem.name}_examples.npz")
            parts = map(self._as_bytes, self._drawn(count)) if is_image else self._drawn(count)
            examples = Parts("examples", (count, *shape), np.uint8 if is_image else np.float32, parts)
            write_arrays(archive, [examples, *self._conditions(count)])
            return self._say(count, archive)
        # The picture shows its own samples, one row per condition, or else the first samples.
        conditions = 0 if experiment.conditions is None else len(experiment.conditions)
        columns = columns_of(experiment, min(count, SHOWN)) if grid is None else grid[1]
        by_condition = conditions > 1 and columns is not None
        if grid is not None and by_condition and grid[0] > conditions:
            raise UsageError(f"--grid={grid[0]}x{grid[1]}", f"there are {conditions} conditions", "ask for fewer rows")
        if grid is not None and not by_condition and count < math.prod(grid):
            why = f"a grid of {math.prod(grid)} images has more"
            raise UsageError(f"--count={count}", why, "raise it, or ask for a smaller grid")
        most = math.prod(grid) if grid else SHOWN if is_image else max(KEPT // math.prod(shape), 1)
        shown = min(count, most)
        kept: list[np.ndarray] = []
        picture, archive = stem.with_suffix(".png"), stem.with_suffix(".npz")
        if format is None:
            parts = _keeping(self._drawn(count), kept, 0 if by_condition else shown)
            write_arrays(archive, [Parts("samples", (count, *shape), np.float32, parts), *self._conditions(count)])
        elif not by_condition:
            kept = list(self._drawn(shown))
        if by_condition:
            values, shows = None, "others, a row of the same latents for each condition"
        else:
            values, shows = np.concatenate(kept), "them" if shown == count else f"the first {shown}"
        shown = save_picture(picture, self.run, self.key, shown, values, grid)
        if format is None:
            return self._say(count, f"{picture} shows {shows}; {archive} holds them all")
        self._say(shown, picture)

    def video(self, path: pathlib.Path, grid: tuple[int, int] | None, walk: Walk) -> None:
        """Draws a loop through latents or conditions as an animation."""
        frames = walk_frames(self.run, self.key, grid, walk, gif=path.suffix == ".gif")
        parts = self._watched(frames.pictures(), frames.length, "frame", len)
        figures.save_animation(path, [picture for part in parts for picture in part], frames.milliseconds)
        seconds = frames.length * frames.milliseconds / 1000
        print(f"{frames.length} frames of step {int(self.run.state.step):,}, {seconds:g} s ({frames.in_words}): {path}")

    def _drawn(self, count: int) -> Iterator[np.ndarray]:
        """Draws samples of p_g in parts; at the end, `facts` describes how they were drawn."""
        parts = sampler_in_parts(self.run.experiment)(self.run.state, self.key, count)
        for part in self._watched(parts, count, "sample", lambda part: len(part.values)):
            self.facts = part.facts
            yield part.values

    def _watched(self, parts: Iterable[Any], count: int, unit: str, size: Callable[[Any], int]) -> Iterator[Any]:
        """Passes parts through, showing progress if they take long; PreemptedError after a signal."""
        done = 0
        where, progress = (
            located(lambda: f" after {done:,} of {count:,} {unit}s"),
            Progress(count, unit=unit, quiet=QUIET),
        )
        with where, progress:
            for part in parts:
                self.stop.hold()  # from here on there are files to remove
                yield part
                done += size(part)
                progress.update(done)
                if self.stop.signal_name is not None and done < count:
                    what = f"stopped by {self.stop.signal_name} after {done:,} of {count:,} {unit}s"
                    raise PreemptedError(what, "they are dropped", "run the same command again, or ask for fewer")

    def _as_bytes(self, values: np.ndarray) -> np.ndarray:
        return figures.as_bytes(values, *self.range)

    def _conditions(self, count: int) -> Iterator[Parts]:
        """The array of labels or vectors of a conditional run."""
        experiment = self.run.experiment
        if experiment.conditions is not None:
            of, name = experiment.conditions, "conditions" if experiment.classes is None else "labels"
            parts = (np.asarray(of[np.arange(i, min(i + BATCH, count)) % len(of)]) for i in range(0, count, BATCH))
            yield Parts(name, (count, *of.shape[1:]), of.dtype, parts)

    def _named_images(self, count: int) -> Iterator[tuple[str, np.ndarray]]:
        """The samples as bytes, with file names; each class has its own folder."""
        done, digits, classes = 0, max(len(str(count - 1)), 6), self.run.experiment.classes
        labels = np.zeros(1, int) if classes is None else self.run.experiment.conditions
        assert labels is not None
        for part in self._drawn(count):
            for image in self._as_bytes(part):
                label = labels[done % len(labels)]
                within = "" if classes is None else f"{label:0{len(str(classes - 1))}d}/"
                yield f"{within}{done:0{digits}d}", image
                done += 1

    def _metadata(self, count: int) -> Iterator[str]:
        """A JSON line with the condition of each image of a folder, if the conditions are vectors."""
        of, digits = self.run.experiment.conditions, max(len(str(count - 1)), 6)
        if of is not None and of.ndim == 2:
            for index in range(count):
                line = {"file_name": f"{index:0{digits}d}.png", "condition": of[index % len(of)].tolist()}
                yield json.dumps(line)

    def _say(self, count: int, files: object, how: str = "") -> None:
        how = how or in_words(self.run.config["sampling"], self.facts)
        print(f"{count} samples of step {int(self.run.state.step):,}{how and f' ({how})'}: {files}.")


def save_picture(
    path: pathlib.Path,
    run: TrainedRun,
    key: jax.Array,
    count: int,
    values: np.ndarray | None = None,
    grid: tuple[int, int] | None = None,
) -> int:
    """Writes a picture of samples, and returns their number, which may be smaller to fill whole rows.

    Args:
      path: the PNG file.
      run: the run to sample from.
      key: typed random key.
      count: how many samples.
      values: the samples [count, ...]; None to draw them, with a row of the same latents per condition.
      grid: rows and columns; None to choose them automatically.
    """
    experiment = run.experiment
    columns = columns_of(experiment, min(count, SHOWN)) if grid is None else grid[1]
    labels = None if values is None or experiment.classes is None else np.asarray(experiment.condition(count))
    values = draw_grid(experiment, run.state, key, count, grid) if values is None else values
    mixture, ends = mixture_of(run.data, run.config), {"low": run.data["low"], "high": run.data["high"]}
    figures.save_samples(path, values, labels=labels, mixture=mixture, columns=columns, **ends)
    return len(values)


def _keeping(parts: Iterable[np.ndarray], kept: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Passes the parts through, and stores their first `count` examples in `kept`."""
    for part in parts:
        if count > 0:
            kept.append(part[:count])
            count -= len(kept[-1])
        yield part


def _parse_grid(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if found is None or (cells := int(found[1]) * int(found[2])) > CELLS:
        why = "it is not ROWSxCOLUMNS" if found is None else f"it has {cells:,} images, and {CELLS:,} are the most"
        raise UsageError(f"--grid={text}", why, "give one such as --grid=4x8")
    return int(found[1]), int(found[2])


def _as_file_name(condition: str) -> str:
    """Converts a condition's text to a unique part of a file name: 0.5,-1;1,2 becomes 0p5_-1__1_2."""
    plain = "".join(condition.split()).lower()
    name = plain.replace(".", "p").replace(",", "_").replace(";", "__")
    return name if len(name) <= NAMED else f"{name[:NAMED]}_{zlib.crc32(plain.encode()):08x}"
