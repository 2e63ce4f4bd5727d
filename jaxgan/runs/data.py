"""The data of a training run: read, checked against the networks, and handed over a chunk of steps at a time."""

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.config import RANGES, DataFacts, Experiment, load_dataset
from jaxgan.datasets import feed, order
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError, UsageError
from jaxgan.networks.weights import FROM_DATA
from jaxgan.runs.conditions import read_facts
from jaxgan.runs.labelled import checksum, read_labelled
from jaxgan.training.step import scan_steps

CHUNK_STEPS = 500
"""Most steps in one call."""

CHUNK_BYTES = 2**27
"""Most values of streamed data in one call."""

MEANS_FROM = 10_000
"""Examples from which the means are taken where the data is too large to be read for them."""


FIRST = 500
"""Examples that networks start from, as in the code of Salimans et al. 2016 (arXiv:1606.03498)."""


class Inputs(NamedTuple):
    """The data of a training run.

    Attributes:
      dataset: all splits.
      facts: what the networks need to know of it.
      resident: whether it lives on the device.
      size: training examples.
      fingerprint: checksum of examples from all over the training split, to know the data again.
      low, high: the values of black and white, as the networks see them: the range that bytes are scaled to; of floats,
        which are used as they are, [0, 1] or [-1, 1] if they lie in it, else what they span.
    """

    dataset: Dataset
    facts: DataFacts
    resident: bool
    size: int
    fingerprint: int
    low: float
    high: float

    @property
    def condition(self) -> str | None:
        """Which field of a `Split` is the condition, or None."""
        return "labels" if self.facts.classes is not None else None if self.facts.vectors is None else "conditions"

    def describe(self) -> dict[str, Any]:
        """What a checkpoint says of the data it was made with."""
        return {
            "example_shape": list(self.facts.example_shape),
            "train_examples": self.size,
            "fingerprint": self.fingerprint,
            "low": self.low,
            "high": self.high,
            **({} if self.facts.classes is None else {"classes": self.facts.classes}),
            **({} if self.facts.vectors is None else {"condition_dim": self.facts.vectors.shape[1]}),
            **({} if self.facts.labelled is None else {"labelled": checksum(self.facts.labelled)}),
        }

    def resident_data(self) -> dict[str, np.ndarray]:
        """What `jaxgan.datasets.feed.gather` takes batches from: the training examples, and their condition."""
        split = self.dataset.train
        assert isinstance(split.examples, np.ndarray)
        beside = {} if self.condition is None else {self.condition: getattr(split, self.condition)}
        return {"examples": split.examples, **beside}


def read_inputs(config: Mapping[str, Any]) -> Inputs:
    """Reads the dataset of a checked config.

    Raises:
      DataError: if it is missing, damaged or empty, does not suit the generator's output, or is smaller than a batch.
      UsageError: it has not got what is to be the condition, or not enough labels for the task.
    """
    section = config["dataset"]
    limit = {"auto": feed.memory_limit(), "device": 2**62, "stream": 0}[section["placement"]]
    dataset = load_dataset(config, limit)
    low, high = _range(dataset.train, section["range"])
    size = len(dataset.train)
    order.batches_per_epoch(size=size, batch_size=config["batch_size"])
    _check_range(dataset.train, config["generator"]["output"], section["name"])
    means = _means(dataset.train, low, high) if config["generator"]["output_bias"] == "data" else None
    conditions, labelled = read_facts(config, dataset), read_labelled(config, dataset, low, high)
    first = _first(dataset.train, low, high) if starts_from_data(config) else None
    facts = DataFacts(tuple(dataset.example_shape), size, means, *conditions, labelled, first)
    fingerprint = _fingerprint(dataset.train, facts.vectors)
    return Inputs(dataset, facts, feed.fits(dataset.train, limit), size, fingerprint, low, high)


def starts_from_data(config: Mapping[str, Any]) -> bool:
    """Whether a network's first parameters depend on examples."""
    return FROM_DATA in (config["generator"]["normalization"], config["discriminator"]["normalization"])


def chunk_factory(experiment: Experiment, inputs: Inputs) -> Callable[[str | None], Callable[..., Any]]:
    """A factory, by axis name, of the function that runs a chunk of steps: `(state, batches, hyperparameters, *data)`.

    With resident data `batches` is `{"index": int32 [steps, k, batch]}` and the data follows as the last argument;
    otherwise it is `{"real": [steps, k, batch, ...]}` as stored, and "condition" if there is one.
    """

    def factory(axis_name: str | None):
        def run_chunk(state, batches, hyperparameters, *data):
            train_step = experiment.train_step(axis_name, hyperparameters)

            def step(state, batch):
                if data:
                    return train_step(state, feed.gather(data[0], batch["index"], low=inputs.low, high=inputs.high))
                return train_step(state, {**batch, "real": feed.scale(batch["real"], inputs.low, inputs.high)})

            return scan_steps(step)(state, batches)

        return run_chunk

    return factory


def chunk_length(config: Mapping[str, Any], inputs: Inputs, limit: int | None = None) -> int:
    """How many steps run in one call: what divides all intervals, but not so many that a stop request waits for long,
    or that a chunk of streamed data fills the memory; at most `limit`."""
    intervals = [config[f"{interval}_every"] for interval in ("log", "sample", "checkpoint")]
    common = math.gcd(*intervals, config["evaluation"]["every"])  # gcd(n, 0) is n
    most = CHUNK_STEPS if limit is None else limit
    if not inputs.resident:
        per_step = config["batch_size"] * config["discriminator_steps"] * math.prod(inputs.facts.example_shape)
        most = min(most, max(CHUNK_BYTES // per_step, 1))
    return max(length for length in range(1, min(common, most) + 1) if common % length == 0)


def chunks(
    config: Mapping[str, Any], inputs: Inputs, stops: list[int], rows: slice = slice(None)
) -> Iterator[dict[str, np.ndarray]]:
    """The batches of each chunk of steps stops[i] to stops[i + 1] − 1, a pure function of the seed and these steps.

    Args:
      config: a checked config.
      inputs: the run's data.
      stops: steps at which chunks begin and end.
      rows: of every batch, those that this process feeds to its devices; nothing else is read.
    """
    batch = {"batch_size": config["batch_size"], "minibatches": config["discriminator_steps"]}
    if inputs.resident:
        for start, stop in itertools.pairwise(stops):
            index = order.batch_indices(config["seed"], start, stop, size=inputs.size, **batch)
            yield {"index": index[..., rows]}
    elif len(stops) > 1:
        chunk = max(stop - start for start, stop in itertools.pairwise(stops))
        # A resumed run may begin inside a chunk: what is left of that one is read by itself.
        for start, stop in ((stops[0], stops[1]), (stops[1], stops[-1])):
            steps = {"seed": config["seed"], "start": start, "stop": stop, "chunk": chunk}
            yield from feed.stream(inputs.dataset.train, rows=rows, condition=inputs.condition, **steps, **batch)


def check_devices(config: Mapping[str, Any]) -> None:
    """Selects the platform and checks that the batch divides by its devices; before any data is read.

    Raises:
      UsageError: if the platform is not there, or the mapping does not suit its devices.
    """
    if config["platform"]:
        jax.config.update("jax_platforms", "cuda" if config["platform"] == "gpu" else config["platform"])
    try:
        jax.local_device_count()
    except (RuntimeError, AssertionError) as error:  # the second where JAX knows no plugin for it at all
        reason = (str(error).splitlines() or ["no plugin for it is installed"])[0]
        raise UsageError(
            f"--config=...:{config['platform']}",
            f"JAX finds no such device ({reason})",
            "install JAX for it (BUILD.md), or use :cpu",
        ) from error
    several = jax.process_count() > 1
    if config["mapping"] == "jit" and several:
        raise UsageError(
            "a problem in the config",
            f"mapping=jit is for one device, and there are {jax.process_count()} processes",
            "choose auto or shard_map",
        )
    count = 1 if config["mapping"] == "jit" else jax.device_count()
    factors = {name: config[name] for name in ("accumulation_steps", "packing") if config[name] > 1}
    parts = math.prod(factors.values())
    if config["batch_size"] % (count * parts):
        times = "".join(f" times {name} {value}" for name, value in factors.items())
        raise UsageError(
            "a problem in the config",
            f"batch_size {config['batch_size']} does not divide by {count} device{'s' if count > 1 else ''}{times}",
            f"choose a multiple of {count * parts}"
            + ("" if several or count == 1 else ", or mapping=jit for one device"),
        )


def check_same_data(saved: Mapping[str, Any], inputs: Inputs, where: Any) -> None:
    """Raises DataError if the data is not that of the run whose checkpoint says `saved`."""
    now = inputs.describe()
    if inputs.dataset.train.examples.dtype != np.uint8:
        now = {name: value for name, value in now.items() if name not in ("low", "high")}  # they are only for pictures
    differing = [
        f"{name} {saved.get(name)} then, {value} now" for name, value in now.items() if saved.get(name) != value
    ]
    if differing:
        raise DataError(
            f"the run in {where} was trained on other data",
            ", ".join(differing),
            "give it the data it was started with, or use another --workdir",
        )


def _fingerprint(split: Split, vectors: np.ndarray | None) -> int:
    indices = np.unique(np.linspace(0, len(split) - 1, 64).astype(np.int64))
    source = split.examples
    examples = source[indices] if isinstance(source, np.ndarray) else source.read(indices)
    checksum = zlib.crc32(np.ascontiguousarray(examples))
    return checksum if vectors is None else zlib.crc32(vectors, checksum)


def _range(split: Split, name: str) -> tuple[float, float]:
    if split.examples.dtype == np.uint8:
        return RANGES[name]
    examples = _sample_of(split)
    low, high = float(examples.min()), float(examples.max())
    return next((r for r in RANGES.values() if r[0] <= low and high <= r[1]), (low, high if high > low else low + 1))


def _sample_of(split: Split) -> np.ndarray:
    if isinstance(split.examples, np.ndarray):
        return split.examples
    return split.examples.read(order.permutation(0, 0, len(split))[:MEANS_FROM])


def _first(split: Split, low: float, high: float) -> np.ndarray:
    examples = _sample_of(split)
    examples = examples[:: max(len(examples) // FIRST, 1)][:FIRST]
    return np.asarray(low + (high - low) * (examples / 255) if examples.dtype == np.uint8 else examples, np.float32)


def _means(split: Split, low: float, high: float) -> np.ndarray:
    examples = _sample_of(split)
    means = examples.mean(0, dtype=np.float64)
    return (low + (high - low) * means / 255 if examples.dtype == np.uint8 else means).astype(np.float32)


def _check_range(split: Split, output: str, name: str) -> None:
    """Floats are used as they are, so a bounded output must be able to reach them."""
    examples = _sample_of(split)
    bounds = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(output)
    if bounds is None or examples.dtype == np.uint8:
        return
    low, high = float(examples.min()), float(examples.max())
    if low < bounds[0] or high > bounds[1]:
        raise DataError(
            f"dataset {name} does not suit generator.output={output}",
            f"the data lies in [{low:.4g}, {high:.4g}], the output in [{bounds[0]:g}, {bounds[1]:g}]",
            "use --config.generator.output=linear, or scale the data",
        )
