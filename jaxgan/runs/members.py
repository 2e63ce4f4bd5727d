"""The members of a sweep: each a run of its own, in groups whose steps are one compiled program."""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.configuration import LATER
from jaxgan.datasets import feed
from jaxgan.datasets.mixtures import MIXTURES
from jaxgan.errors import UsageError
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.inputs import Inputs, read_inputs
from jaxgan.runs.settings import Setting

OPTIMIZER_NUMBERS: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum",),
    "adam": ("b1", "b2", "eps"),
    "adamw": ("b1", "b2", "eps", "weight_decay"),
    "rmsprop": ("b2", "eps", "momentum"),
}
"""What members of one group may have of their own, by the optimizer's name, while the momentum is constant."""

SCHEDULE_NUMBERS = {"constant": ("learning_rate",), "exponential": ("learning_rate", "rate_decay", "rate_floor")}
"""The same, by the rate's schedule."""


class Member:
    """One run of a sweep.

    Attributes:
      number: from 0; its directory's name.
      setting: which one, from 0.
      config: as it would be of this run alone.
      directory: complete in itself: every mode of `launch.py` works on it.
      inputs: its data.
      diverged: the step at which a number was no longer finite, or None.
    """

    def __init__(self, number: int, setting: int, config: dict[str, Any], path: pathlib.Path):
        self.number, self.setting, self.config = number, setting, config
        self.directory = RunDirectory(str(path), create=False)
        self.diverged: int | None = None
        self._inputs: Inputs | None = None

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.path.name

    @property
    def inputs(self) -> Inputs:
        """The run's data, once `read_data` has read it."""
        assert self._inputs is not None
        return self._inputs

    @inputs.setter
    def inputs(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def latest_step(self) -> int:
        """Of its newest whole checkpoint; 0 without one."""
        directory = self.directory.checkpoints
        names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
        return max((int(name) for name in names if name.isdigit()), default=0)


class Group(NamedTuple):
    """Members that differ in their seed and in numbers alone.

    Attributes:
      members: at least one.
      varying: the fields in which they differ, with dots.
    """

    members: list[Member]
    varying: tuple[str, ...]


def make_members(settings: Sequence[Setting], seeds: int, directory: pathlib.Path) -> list[Member]:
    """Every setting with every seed, in this order."""
    digits = max(3, len(str(len(settings) * seeds - 1)))
    members: list[Member] = []
    for place, setting in enumerate(settings):
        for i in range(seeds):
            number = len(members)
            # Without the sweep's own section, so that the run is the same as one that was trained alone.
            config = {**setting.config, "seed": setting.config["seed"] + i, "population": dict(LATER["population"])}
            members.append(Member(number, place, config, directory / f"{number:0{digits}d}"))
    return members


def read_data(members: Sequence[Member]) -> None:
    """Gives every member its data, read once for all that see the same.

    Raises:
      UsageError: it does not fit the device.
      DataError: it cannot be read, or does not suit a member.
    """
    known: dict[str, Inputs] = {}
    for member in members:
        config = member.config
        seed = config["seed"] if config["dataset"]["name"] in MIXTURES else None
        generator = [config["generator"][name] for name in ("output", "output_bias")]
        key = json.dumps([config["dataset"], seed, config["batch_size"], generator])
        if key not in known:
            known[key] = read_inputs(config)
        member.inputs = known[key]
    arrays = [inputs.dataset.train.examples for inputs in known.values() if inputs.resident]
    total = sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
    if len(arrays) < len(known) or total > feed.memory_limit():
        raise UsageError(
            "a sweep cannot stream its data",
            "its members' training data does not fit the device, or dataset.placement is stream",
            "use less data or fewer seeds, or train the members one by one with --mode=train",
        )


def make_groups(members: Sequence[Member]) -> list[Group]:
    """Parts members, which have their data, into groups of one structure, in the order of their first members."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(_structure(member), []).append(member)
    return [Group(group, _varying(group)) for group in found.values()]


def number_fields(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields, with dots, whose numbers may be arguments of the compiled step."""
    names = ["average_decay"]
    for player in ("generator_optimizer", "discriminator_optimizer"):
        section = config[player]
        constant = section["momentum_schedule"] == "constant"
        taken = ("clip_norm", *SCHEDULE_NUMBERS.get(section["rate_schedule"], ()))
        taken += OPTIMIZER_NUMBERS[section["name"]] if constant else ()
        names += [f"{player}.{name}" for name in taken]
    # XLA treats products with 0 and with powers of two apart, as constants: as arguments they would round otherwise.
    return tuple(name for name in names if math.frexp(value_of(config, name))[0] not in (0.0, 0.5))


def value_of(config: Mapping[str, Any], name: str) -> Any:
    """A field's value, by its name with dots."""
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config with some fields, named with dots, replaced."""
    copy = dict(config)
    for name, value in values.items():
        section, _, field = name.rpartition(".")
        if section:
            copy[section] = {**copy[section], field: value}
        else:
            copy[field] = value
    return copy


def _structure(member: Member) -> str:
    inputs, config = member.inputs, member.config
    fixed = with_values(config, {"seed": None} | dict.fromkeys(number_fields(config)))
    scaled = (inputs.low, inputs.high) if inputs.dataset.train.examples.dtype == np.uint8 else None
    means = None if inputs.facts.means is None else inputs.facts.means.tolist()
    return json.dumps([fixed, inputs.facts.example_shape, inputs.size, scaled, means], sort_keys=True)


def _varying(group: Sequence[Member]) -> tuple[str, ...]:
    # A number that they share stays a constant, as it is of one trained alone.
    names = number_fields(group[0].config)
    return tuple(name for name in names if len({value_of(member.config, name) for member in group}) > 1)
