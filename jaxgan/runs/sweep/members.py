"""The members of a sweep. Each is a complete run; groups of them share one compiled step."""

import dataclasses
import json
import pathlib
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxgan.config import schema
from jaxgan.datasets import feed
from jaxgan.errors import UsageError
from jaxgan.runs.data import Inputs, checksum, read_inputs, same_data
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.sweep.trials import Setting


@dataclasses.dataclass(eq=False)
class Member:
    """One run of a sweep.

    Attributes:
      number: index from 0; the name of its directory.
      setting: index of its setting, from 0.
      config: the config of the same run trained on its own.
      directory: a complete run, which every mode of `launch.py` accepts.
      inputs: its data, once `read_data` has read it.
      diverged: the step at which a number was no longer finite; None otherwise.
    """

    number: int
    setting: int
    config: dict[str, Any]
    directory: RunDirectory
    diverged: int | None = None
    inputs: Inputs = dataclasses.field(init=False)

    @property
    def name(self) -> str:
        """The name of the directory."""
        return self.directory.path.name

    def latest_step(self) -> int:
        """The step of its newest complete checkpoint; 0 without checkpoints."""
        directory = self.directory.checkpoints
        names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
        return max((int(name) for name in names if name.isdigit()), default=0)


Group = list[Member]
"""One or more members that differ only in seed and numbers, so that one compiled step serves all of them."""


def make_members(settings: Sequence[Setting], seeds: int, directory: pathlib.Path) -> list[Member]:
    """Creates a member for every setting with every seed, in this order."""
    digits = max(3, len(str(len(settings) * seeds - 1)))
    members: list[Member] = []
    defaults = schema.complete({})["population"]
    for place, setting in enumerate(settings):
        for i in range(seeds):
            number = len(members)
            # Without the section `population`, so that the run equals one trained on its own.
            config = {**setting.config, "seed": setting.config["seed"] + i, "population": defaults}
            own = RunDirectory(str(directory / f"{number:0{digits}d}"), create=False)
            members.append(Member(number, place, config, own))
    return members


def read_data(members: Sequence[Member]) -> None:
    """Gives each member its data. Data that several members share is read once.

    Raises:
      UsageError: the data does not fit on the device.
      DataError: the data cannot be read, or does not suit a member.
    """
    known: dict[str, Inputs] = {}
    for member in members:
        key = json.dumps(same_data(member.config))
        if key not in known:
            known[key] = read_inputs(member.config)
        member.inputs = known[key]
    arrays = [inputs.dataset.train.examples for inputs in known.values() if inputs.resident]
    total = sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
    if len(arrays) < len(known) or (len(known) > 1 and total > feed.memory_limit()):
        raise UsageError(
            "a sweep cannot stream its data",
            "its members' training data does not fit the device, or dataset.placement is stream",
            "use less data or fewer seeds, or train the members one by one with --mode=train",
        )


def make_groups(members: Sequence[Member]) -> list[Group]:
    """Divides members, whose data has been read, into groups of one structure, in the order of their first members."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(_structure(member), []).append(member)
    return list(found.values())


def _structure(member: Member) -> str:
    inputs, config = member.inputs, member.config
    fixed = schema.replaced(config, {"seed": None} | dict.fromkeys(schema.traced(config)))
    scaled = inputs.range if inputs.dataset.train.dtype == np.uint8 or config["augmentation"]["names"] else None
    means = None if inputs.facts.means is None else inputs.facts.means.tolist()
    facts = [inputs.facts.example_shape, inputs.facts.classes, inputs.size, scaled, means]
    labelled = None if inputs.facts.labelled is None else checksum(inputs.facts.labelled)  # constants of the program
    first = None if inputs.facts.first is None else zlib.crc32(inputs.facts.first.tobytes())
    return json.dumps([fixed, *facts, labelled, first], sort_keys=True)
