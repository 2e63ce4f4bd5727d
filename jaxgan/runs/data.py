"""A run's data: read, checked against the networks, and fed to the step in chunks of steps."""

import functools
import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import DataFacts, Experiment, load_dataset, minibatches_per_step
from jaxgan.config.build import minibatches_before
from jaxgan.datasets import DATASETS, RANGES, feed, order
from jaxgan.datasets.base import Dataset, Mixture, Split, ValueRange
from jaxgan.datasets.mixtures import MIXTURES
from jaxgan.errors import DataError, UsageError, in_one_line
from jaxgan.fields import parameters
from jaxgan.networks.normalization import FROM_DATA
from jaxgan.tasks import Labelled
from jaxgan.tasks.semi_supervised import choose
from jaxgan.training.step import scan_steps

CHUNK_STEPS = 500
"""Maximum number of steps per call."""

CHUNK_BYTES = 2**27
"""Maximum number of streamed values per call."""

MEANS_FROM = 10_000
"""Number of examples from which means are computed if the data is too large to be read as a whole."""

FIRST = 500
"""Number of examples for initialising networks with data-dependent parameters.

Source: the code of Salimans et al. 2016 (arXiv:1606.03498).
"""

VECTORS, PICTURES = 10_000, 1_000
"""Maximum numbers of training examples whose vectors, or pictures made from them, are conditions of samples."""

COUNTED = 1_000
"""Number of labels of a streamed split that are read to count its classes."""

LISTED = 12
"""Maximum number of classes, or gaps between them, that are listed individually."""

DARK = 64
"""If all bytes of the images are below this, a warning says that they are dark."""

LARGE = 8
"""If float images exceed this, a warning says that they are not scaled."""

_FIELDS = {"labels": "labels", "vectors": "conditions"}
"""The field of a `Split` that holds the condition, by `config.condition`."""


class Inputs(NamedTuple):
    """The data of a training run.

    Attributes:
      dataset: all splits.
      facts: the facts about the data that the networks depend on.
      resident: whether the data lives on the device.
      size: number of training examples.
      fingerprint: checksum of examples from all over the training split, which identifies the data on resuming.
      dequantization: whether noise is added to bytes in training.
      mirror: whether each training image is also used flipped horizontally, which doubles their number.
      range: the values of black and white in the networks' range. Bytes are scaled to it. Floats are not scaled: their
        range is [0, 1] or [-1, 1] if they lie in it, else the interval that they span.
    """

    dataset: Dataset
    facts: DataFacts
    resident: bool
    size: int
    fingerprint: int
    range: ValueRange
    mirror: bool = False
    dequantization: bool = False

    @property
    def epoch_size(self) -> int:
        """Number of examples in an epoch: the training split's, doubled if `mirror`."""
        return self.size * (1 + self.mirror)

    @property
    def condition(self) -> str | None:
        """The field of a `Split` that holds the condition, or None."""
        return "labels" if self.facts.classes is not None else None if self.facts.vectors is None else "conditions"

    def describe(self) -> dict[str, Any]:
        """The record of the data in a checkpoint."""
        mixture = self.dataset.mixture
        return {
            "example_shape": list(self.facts.example_shape),
            "train_examples": self.size,
            "fingerprint": self.fingerprint,
            "low": self.range.low,
            "high": self.range.high,
            **({} if self.facts.classes is None else {"classes": self.facts.classes}),
            **({} if self.facts.vectors is None else {"condition_shape": list(self.facts.vectors.shape[1:])}),
            **({} if self.facts.labelled is None else {"labelled": checksum(self.facts.labelled)}),
            **({} if mixture is None else {"mixture": {"centers": mixture.centers.tolist(), "sigma": mixture.sigma}}),
        }

    def resident_data(self) -> dict[str, np.ndarray]:
        """The arrays from which `jaxgan.datasets.feed.gather` takes batches."""
        split = self.dataset.train
        assert isinstance(split.examples, np.ndarray)
        beside = {} if self.condition is None else {self.condition: getattr(split, self.condition)}
        return {"examples": split.examples, **beside}


def read_inputs(config: Mapping[str, Any]) -> Inputs:
    """Reads the dataset of a checked config.

    Raises:
      DataError: the data is missing, damaged or empty, does not fit the generator's output, or is smaller than a batch.
      UsageError: the data lacks the condition, or does not have enough labels for the task.
    """
    section = config["dataset"]
    limit = {"auto": feed.memory_limit(), "device": 2**62, "stream": 0}[section["placement"]]
    dataset = load_dataset(config, limit)
    train, size, mirror = dataset.train, len(dataset.train), section["mirror"]
    if mirror and len(dataset.example_shape) != 3:
        raise UsageError(
            f"dataset.mirror=True does not suit the dataset {dataset.name}",
            f"its examples are {list(dataset.example_shape)}, which are not images [height, width, channels]",
            "set dataset.mirror=False",
        )
    if section["dequantization"] and train.dtype != np.uint8:
        raise UsageError(
            f"dataset.dequantization=True does not suit the dataset {dataset.name}",
            "its examples are floats, and dequantization is of bytes",
            "set dataset.dequantization=False",
        )
    order.batches_per_epoch(size=size * (1 + mirror), batch_size=config["batch_size"])
    values = _range(train, section, config["generator"]["output"])
    classes, vectors = _condition(config, dataset)
    facts = DataFacts(
        tuple(dataset.example_shape),
        size,
        means=_means(train, values, mirror) if config["generator"]["output_bias"] == "data" else None,
        classes=classes,
        vectors=vectors,
        labelled=_labelled(config, dataset, values),
        first=_first(train, values) if starts_from_data(config) else None,
        range=(values.low, values.high),
    )
    resident, fingerprint = feed.fits(train, limit), _fingerprint(train, vectors)
    return Inputs(dataset, facts, resident, size, fingerprint, values, mirror, section["dequantization"])


def starts_from_data(config: Mapping[str, Any]) -> bool:
    """Whether the initial parameters of a network depend on examples."""
    return FROM_DATA in (config["generator"]["normalization"], config["discriminator"]["normalization"])


def same_data(config: Mapping[str, Any]) -> list[Any]:
    """The parts of a config that determine `read_inputs`. Two runs with equal parts can share their data."""
    generator = [config["generator"][name] for name in ("output", "output_bias")]
    parts = [dict(config["dataset"]), config["batch_size"], generator, config["condition"], starts_from_data(config)]
    if "seed" in parameters(DATASETS[config["dataset"]["name"]]):
        parts.append(config["seed"])
    section = config.get(config["task"], {})
    if "labelled" in section:
        parts.append([section["labelled"], section["seed"], config["discriminator"]["class_logits"]])
    return parts


def data_in_words(config: Mapping[str, Any], inputs: Inputs) -> tuple[list[tuple[str, str]], list[str]]:
    """A run's initial description of its data: facts, each with a name and a text, and warnings."""
    dataset, section = inputs.dataset, config["dataset"]
    train, classes = dataset.train.examples, dataset.num_classes
    counts = _class_counts(dataset)
    warnings, notes = list(dataset.warnings), list(dataset.notes)

    # The values.
    low, high = inputs.range
    values = f"floats within [{low:.4g}, {high:.4g}]"
    if train.dtype != np.uint8 and len(dataset.example_shape) == 3 and low >= 0 and high > LARGE:
        warnings.append(
            f"the images are floats up to {high:.4g}; divide them by it, or store images.astype(numpy.uint8)"
        )
    if train.dtype == np.uint8:
        span = ""
        if isinstance(train, np.ndarray):
            part = train[:: max(len(train) // COUNTED, 1)]
            darkest, lightest = int(part.min()), int(part.max())
            span = f" {darkest} to {lightest}" if (darkest, lightest) != (0, 255) else ""
            if lightest == darkest:
                warnings.append(f"the images are all of one value, {lightest}")
            elif lightest < DARK:
                warnings.append(
                    f"the largest byte of the images is {lightest}, and white is 255, so they are dark; if "
                    f"{lightest} is white in them, store images * (255 / {max(lightest, 1)})"
                )
        values = f"bytes{span}, 0 to 255 as [{low:g}, {high:g}]"
    if len(shape := dataset.example_shape) == 3 and shape[-1] in (2, 4):
        kept = f"examples[..., :{shape[-1] - 1}]"
        notes.append(f"the images have {shape[-1]} channels, all of which are learned; without alpha, store {kept}")

    # The splits.
    place = f" of {section['path']}" if section["path"] else ""
    classed = f", {classes} classes" if classes else ""
    facts = [("data", f"{dataset.name}{place}, examples {list(shape)}, {values}{classed}")]
    if names := dataset.class_names:
        listed = ", ".join(f"{number} {in_one_line(name)}" for number, name in enumerate(names[:LISTED]))
        facts.append(("classes", listed + (f" and {len(names) - LISTED:,} more" if len(names) > LISTED else "")))
    sizes = [f"{name} {len(getattr(dataset, name)):,}" for name in ("train", "validation", "test")]
    if inputs.mirror:
        sizes[0] += " and mirrored"
    if (count := counts.get("train")) is not None and len(count) > 1:
        low, high, seen = count[:-1].min(), count[:-1].max(), int(count.sum())
        each = f"{low:,} to {high:,}" if low < high else f"{low:,}"
        sizes[0] += f" ({each} of each class" + (f" in {seen:,} of them)" if seen < inputs.size else ")")
    facts.append(("examples", ", ".join(sizes)))

    # Labels that are not classes, and classes that are missing in one or all splits.
    for name, (*_, strange) in counts.items():
        if strange:
            warnings.append(f"{strange:,} labels of the {name} split are not 0 to {(classes or 1) - 1}, the classes")
    counts = {name: count[:-1] for name, count in counts.items()}
    total = sum(counts.values(), np.zeros(classes or 0, np.int64))
    for name, count in counts.items():
        # Only some labels of a streamed split are read, so a rare class may be missing by chance.
        exact = count.sum() == len(getattr(dataset, name).examples)
        expected = (total - count) * (count.sum() / max(total.sum() - count.sum(), 1))
        missing = np.flatnonzero((count == 0) & (expected > (0 if exact else 10)))
        if len(missing) and count.sum():
            warnings.append(f"the {name} split has no example of {_classes(missing)}, and another split has some")
    if total.sum() == sum(map(len, _splits(dataset))) and len(nowhere := np.flatnonzero(total == 0)):
        warnings.append(
            f"there is no example of {_classes(nowhere)}: store numpy.unique(labels, return_inverse=True)[1]"
        )
    return [*facts, *(("note", note) for note in notes)], warnings


def _class_counts(dataset: Dataset) -> dict[str, np.ndarray]:
    """Examples by class, and without a class, in labelled splits; for streamed splits, among `COUNTED` examples."""
    found = {}
    for name, split in zip(("train", "validation", "test"), _splits(dataset), strict=True):
        labels = split.labels
        if not isinstance(split.examples, np.ndarray):
            labels = split.take_labels(np.sort(order.subset("examples", len(split), COUNTED)))
        if labels is not None:
            classes = dataset.num_classes or 0
            known = (labels >= 0) & (labels < classes)
            found[name] = np.bincount(np.where(known, labels, classes), minlength=classes + 1)
    return found


def _splits(dataset: Dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]


def _classes(numbers: np.ndarray) -> str:
    """Class numbers in words, with ranges for consecutive ones."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-2) > 1)
    parts = [(run[0], run[-1]) for run in np.split(numbers, starts[1:])]
    listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in parts[:LISTED])
    more = f" and {len(parts) - LISTED} more" if len(parts) > LISTED else ""
    return f"class{'es' if len(numbers) > 1 else ''} {listed}{more}"


def chunk_factory(experiment: Experiment, inputs: Inputs) -> Callable[[str | None], Callable[..., Any]]:
    """A factory, by axis name, of the function that runs a chunk of steps: `(state, batches, hyperparameters, *data)`.

    With resident data, `batches` is `{"index": int32 [steps, k, batch]}` and the data is the last argument. Otherwise
    `batches` is `{"real": [steps, k, batch, ...]}` as stored, with "condition" if there is one.
    """

    def factory(axis_name: str | None):
        def run_chunk(state, batches, hyperparameters, *data):
            train_step = experiment.train_step(axis_name, hyperparameters)
            if inputs.dequantization:
                train_step = feed.dequantized(train_step, inputs.range, axis_name)

            def step(state, batch):
                if data:
                    examples = feed.gather(data[0], batch["index"], inputs.range, mirror=inputs.mirror)
                    return train_step(state, examples)
                return train_step(state, {**batch, "real": inputs.range.scale(batch["real"])})

            return scan_steps(step)(state, batches)

        return run_chunk

    return factory


def chunk_length(config: Mapping[str, Any], inputs: Inputs, limit: int | None = None) -> int:
    """Number of steps per call: a divisor of all intervals, at most `limit`.

    Small enough that a stop request does not wait long, and that a chunk of streamed data fits in memory.
    """
    intervals = [config[f"{interval}_every"] for interval in ("log", "sample", "checkpoint")]
    common = math.gcd(*intervals, config["evaluation"]["every"])  # gcd(n, 0) is n
    most = CHUNK_STEPS if limit is None else limit
    if not inputs.resident:
        per_step = config["batch_size"] * minibatches_per_step(config) * math.prod(inputs.facts.example_shape)
        most = min(most, max(CHUNK_BYTES // per_step, 1))
    return max(length for length in range(1, min(common, most) + 1) if common % length == 0)


def batching(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `order.batch_indices` that the config determines."""
    first = functools.partial(minibatches_before, config)
    return {"batch_size": config["batch_size"], "minibatches": minibatches_per_step(config), "first": first}


def chunks(
    config: Mapping[str, Any], inputs: Inputs, stops: list[int], rows: slice = slice(None)
) -> Iterator[dict[str, np.ndarray]]:
    """The batches of each chunk of steps stops[i] to stops[i + 1] − 1: a pure function of the seed and these steps.

    Args:
      config: a checked config.
      inputs: the run's data.
      stops: steps at which chunks begin and end.
      rows: the rows of each batch that this process provides for its devices; only these are read.
    """
    batch = batching(config)
    if inputs.resident:
        for start, stop in itertools.pairwise(stops):
            index = order.batch_indices(config["seed"], start, stop, size=inputs.epoch_size, **batch)
            yield {"index": index[..., rows]}
    elif len(stops) > 1:
        chunk = max(stop - start for start, stop in itertools.pairwise(stops))
        # A resumed run may begin inside a chunk, and then reads only the rest of it.
        for start, stop in ((stops[0], stops[1]), (stops[1], stops[-1])):
            steps = {"seed": config["seed"], "start": start, "stop": stop, "chunk": chunk}
            yield from feed.stream(
                inputs.dataset.train, condition=inputs.condition, mirror=inputs.mirror, rows=rows, **steps, **batch
            )


def mixture_of(saved: Mapping[str, Any], config: Mapping[str, Any]) -> Mixture | None:
    """The true mixture of the data in a checkpoint's record; None for other data."""
    if "mixture" in saved:
        return Mixture(np.asarray(saved["mixture"]["centers"], np.float32), saved["mixture"]["sigma"])
    return MIXTURES.get(config["dataset"]["name"])  # checkpoints of earlier versions do not record it


def check_same_data(saved: Mapping[str, Any], inputs: Inputs, where: Any) -> None:
    """Raises DataError if the data differs from that of the run whose checkpoint recorded `saved`."""
    # The fingerprint covers a mixture. Only pictures use the range of floats.
    ignored = {"mixture"} if inputs.dataset.train.dtype == np.uint8 else {"mixture", "low", "high"}
    differing = [
        f"{name} {saved.get(name)} then, {value} now"
        for name, value in inputs.describe().items()
        if name not in ignored and saved.get(name) != value
    ]
    if differing:
        raise DataError(
            f"the run in {where} was trained on other data",
            ", ".join(differing),
            "give it the data it was started with, or use another --workdir",
        )


# --- The condition


def _condition(config: Mapping[str, Any], dataset: Dataset) -> tuple[int | None, np.ndarray | None]:
    """The number of classes, and vectors [m, dim] that samples cycle through; None for what is not the condition."""
    name = config["condition"]
    if name == "none":
        return None, None
    pictures = dataset.train.conditions is not None and dataset.train.conditions.ndim > 2
    lent = lend(dataset.train, _FIELDS[name], 1 if name == "labels" else PICTURES if pictures else VECTORS)
    if lent is None or (name == "labels" and dataset.num_classes is None):
        where = "an .npz file, or a labels file beside images," if name == "labels" else "an .npz file"
        remedy = f"set condition=none, or give {where} that has them"
        raise UsageError(
            f"condition={name} does not suit the dataset {dataset.name}", f"it has no {_FIELDS[name]}", remedy
        )
    if config["task"] == "translation" and pictures and name == "vectors" and np.abs(lent).max() > 1:
        why = f"its conditions run from {lent.min():g} to {lent.max():g}, and views from -1 to 1"
        raise DataError(f"translation.view=given does not suit the dataset {dataset.name}", why, "store them as bytes")
    return (dataset.num_classes, None) if name == "labels" else (None, lent)


def lend(split: Split, field: str, count: int) -> np.ndarray | None:
    """Conditions of at most `count` examples in a fixed random order, so labels have the data's proportions."""
    return split.take_condition(order.subset("conditions", len(split), count), field)


def conditions_of_data(experiment: Experiment, inputs: Inputs, count: int) -> np.ndarray | None:
    """The same of a run's data: labels, vectors, or what its task makes from examples; None without a condition."""
    split, given = inputs.dataset.train, experiment.task.condition_of
    if given is None:
        return None if inputs.condition is None else lend(split, inputs.condition, count)
    chosen = order.subset("conditions", len(split), count)
    make = jax.jit(lambda examples: given(inputs.range.scale(examples)))
    parts = (chosen[first : first + PICTURES] for first in range(0, len(chosen), PICTURES))
    return np.concatenate([np.asarray(make(split.take(part))) for part in parts])


def parse_condition(text: str, experiment: Experiment) -> np.ndarray:
    """Parses the conditions of `--condition`: classes "0,1,2", or vectors "0.5,-1;1,2". Raises UsageError."""
    try:
        if experiment.classes is not None:
            given: Any = [int(part) for part in text.split(",")]
        else:
            given = [[float(part) for part in vector.split(",")] for vector in text.split(";")]
    except ValueError:
        given = None
    shape = experiment.condition_shape
    if not shape:
        example = ",".join(map(str, range(min(experiment.classes or 0, 3))))
        remedy = f"give one, or several: --condition={example}"
    elif len(shape) == 1:
        example = ",".join(["0.5", "-1", "0"][: shape[0]]) + (",..." if shape[0] > 3 else "")
        remedy = f"give --condition={example}, more behind semicolons"
    else:
        given, remedy = None, "leave it out; in Python give pictures to jaxgan.load(RUN).sample(count, condition=...)"
    return as_conditions(given, experiment, f"--condition={text}", remedy)


def as_conditions(given: Any, experiment: Experiment, what: str, remedy: str) -> np.ndarray:
    """Converts to classes [m] as int32, or vectors [m, dim] or pictures [m, height, width, channels] as float32.

    Args:
      given: a class, a vector or a picture, or an array or a sequence of them; anything else is an error.
      experiment: the run whose conditions they are.
      what, remedy: parts of the error message.

    Raises:
      UsageError: the run has no condition, or `given` does not match it.
    """
    classes, shape = experiment.classes, experiment.condition_shape
    if shape is None:
        raise UsageError(what, "the run has no condition", "leave it out, or train with --config.condition=labels")
    try:
        values = np.array(given, ndmin=1 + len(shape))
    except ValueError:  # sequences of different lengths
        values = np.array([None])
    if classes is not None:
        why = f"the condition is a class, 0 to {classes - 1}"
        fits = values.ndim == 1 and len(values) > 0 and np.issubdtype(values.dtype, np.integer)
        if fits and values.min() >= 0 and values.max() < classes:
            return values.astype(np.int32)
    else:
        numbers = f"{shape[0]} number{'s' if shape[0] > 1 else ''}"
        why = f"the condition is a {f'vector of {numbers}' if len(shape) == 1 else f'picture {list(shape)}'}"
        fits = (
            values.shape[1:] == shape and len(values) > 0 and values.dtype.kind in ("iuf" if len(shape) == 1 else "f")
        )
        if fits and (np.abs(values) <= np.finfo(np.float32).max).all():
            return values.astype(np.float32)
        if len(shape) > 1 and given is not None:
            why += f" of floats, and this is {values.dtype} {list(np.shape(given))}"
    raise UsageError(what, why, remedy)


# --- The labelled examples of a task


def checksum(labelled: Labelled) -> int:
    """Identifies labelled examples and their labels."""
    return zlib.crc32(labelled.labels.tobytes(), zlib.crc32(np.ascontiguousarray(labelled.examples)))


def _labelled(config: Mapping[str, Any], dataset: Dataset, values: ValueRange) -> Labelled | None:
    """The labelled training examples, if the task's section has the field `labelled`; None for other tasks."""
    name = config["task"]
    section, split = config.get(name, {}), dataset.train
    if "labelled" not in section:
        return None
    labels = split.take_labels(np.arange(len(split)))
    if labels is None or dataset.num_classes is None:
        raise UsageError(
            f"task={name} does not suit the dataset {dataset.name}",
            "it has no labels",
            "choose one that has, or task=none",
        )
    outputs = config["discriminator"]["class_logits"]
    if outputs != dataset.num_classes:
        raise UsageError(
            f"discriminator.class_logits {outputs} does not suit the data",
            f"task={name} needs one for each of its {dataset.num_classes} classes",
            f"set --config.discriminator.class_logits={dataset.num_classes}",
        )
    try:
        chosen = choose(labels, section["labelled"], dataset.num_classes, section["seed"])
    except ValueError as error:
        raise UsageError(f"task={name} does not suit the data", str(error), f"change {name}.labelled") from error
    examples = values.scale(jnp.asarray(split.take(chosen)))
    return Labelled(np.asarray(examples, np.float32), np.asarray(labels[chosen], np.int32))


# --- Statistics of the training examples


def _fingerprint(split: Split, vectors: np.ndarray | None) -> int:
    indices = np.unique(np.linspace(0, len(split) - 1, 64).astype(np.int64))
    found = zlib.crc32(np.ascontiguousarray(split.take(indices)))
    return found if vectors is None else zlib.crc32(vectors, found)


def _range(split: Split, section: Mapping[str, Any], output: str) -> ValueRange:
    if split.dtype == np.uint8:
        return RANGES[section["range"]]
    examples = _some_of(split)
    low, high = float(examples.min()), float(examples.max())
    # Floats are not scaled, so a bounded output must be able to reach them.
    bounds = {"sigmoid": RANGES["unit"], "tanh": RANGES["symmetric"]}.get(output)
    if bounds is not None and (low < bounds.low or high > bounds.high):
        raise DataError(
            f"dataset {section['name']} does not suit generator.output={output}",
            f"the data lies in [{low:.4g}, {high:.4g}], the output in [{bounds.low:g}, {bounds.high:g}]",
            _remedy(low, high),
        )
    fitting = (r for r in RANGES.values() if r.low <= low and high <= r.high)
    return next(fitting, ValueRange(low, high if high > low else low + 1))


def _remedy(low: float, high: float) -> str:
    """The remedy for floats that an output cannot reach."""
    if low >= 0 and 2 < high <= 255:
        return "store images as images.astype(numpy.uint8), or scale other data to [0, 1]"
    if low >= -1 and high <= 1:
        return "use --config.generator.output=tanh --config.dataset.range=symmetric"
    return "use --config.generator.output=linear, or scale the data"


def _some_of(split: Split) -> np.ndarray:
    """All examples, or some of them if they are not in memory."""
    if isinstance(split.examples, np.ndarray):
        return split.examples
    return split.take(order.subset("examples", len(split), MEANS_FROM))


def _first(split: Split, values: ValueRange) -> np.ndarray:
    examples = _some_of(split)
    count = min(len(examples), FIRST)
    examples = examples[np.arange(count) * len(examples) // count]  # from all over the split
    return np.asarray(values.from_unit(examples / 255) if examples.dtype == np.uint8 else examples, np.float32)


def _means(split: Split, values: ValueRange, mirror: bool) -> np.ndarray:
    examples = _some_of(split)
    means = examples.mean(0, dtype=np.float64)
    if mirror:
        means = (means + np.flip(means, -2)) / 2
    return (values.from_unit(means / 255) if examples.dtype == np.uint8 else means).astype(np.float32)
