"""The fields of a config: each is a row below, or a parameter of a function that takes it.

`Config` and the section classes above it have a row for every field of the program itself: its type, range and other
properties (`jaxgan.fields.Field`), and its default. A row whose choices are the entries of a table adds the parameters
of these entries to its section: `generator_optimizer.b1` is a field because `adam` takes `b1`. So a user's own entry
is checked, completed, swept and resumed like the package's entries. `configs/default.py` shows the same fields as
readable text; a test keeps the two in sync.
"""

import dataclasses
import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from jaxgan.config import values
from jaxgan.config.values import Plan, Problem, read_schedules
from jaxgan.datasets import DATASETS, RANGES
from jaxgan.evaluation import EVALUATORS
from jaxgan.evaluation.alarms import ALARMS
from jaxgan.fields import (
    REQUIRED,
    Count,
    Decay,
    Either,
    Field,
    Limit,
    Positive,
    Size,
    Spec,
    Weight,
    Widths,
    is_code,
    parameters,
    spec_of,
    wrong,
)
from jaxgan.io.metric_writers import WRITERS
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.networks import NETWORKS
from jaxgan.networks.conditioning import CONDITIONINGS
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS
from jaxgan.networks.normalization import NORMALIZATIONS
from jaxgan.optimizers import MOMENTUM_SCHEDULES, OPTIMIZERS, RATE_SCHEDULES
from jaxgan.parallel import MAPPINGS
from jaxgan.sampling import METHODS
from jaxgan.tables import did_you_mean, elsewhere, near, nearest
from jaxgan.tasks import TASKS
from jaxgan.training.init import UPDATES
from jaxgan.types import Loss
from jaxgan.wrappers.augmentation import AUGMENTATIONS
from jaxgan.wrappers.precision import PRECISIONS

SEED = Annotated[int, Field(low=0, high=2**32 - 1)]
WHENEVER = Annotated[int, Field(low=1, resume=True, sweep=False)]
"""How often, or how much, a run writes; it does not affect training."""


NETWORK_PROVIDED = ("output_shape", "means", "axis_name", "classes", "levels")
"""Parameters of a network that the program passes, or that do not belong in a config."""


class Section:
    """Base class of the sections. Annotated attributes are the rows.

    Attributes:
      each: a table in which every entry gets a row: its weight, which is 0 unless the entry is in use, and a row
        `ENTRY_PARAMETER` for each further parameter.
      provided: parameters of these entries that the program passes.
      weighted: whether the entries of `each` have weights.
      chosen_by: if they have no weights, the field that lists the entries in use; "" if all may be in use.
      common: properties shared by all fields of the section.
      parts: its subsections, by name.
      specs: the specs of its rows, by name.
    """

    each: ClassVar[Mapping[str, Any]] = {}
    provided: ClassVar[tuple[str, ...]] = ()
    weighted: ClassVar[bool] = True
    chosen_by: ClassVar[str] = ""
    common: ClassVar[dict[str, Any]] = {}
    parts: ClassVar[dict[str, "type[Section]"]]
    specs: ClassVar[dict[str, Spec]]

    def __init_subclass__(cls) -> None:
        annotations: dict[str, Any] = {}
        for part in reversed(cls.__mro__[: cls.__mro__.index(Section)]):  # includes the rows of base sections
            annotations |= inspect.get_annotations(part)
        cls.parts = {n: a for n, a in annotations.items() if isinstance(a, type) and issubclass(a, Section)}
        rows = {n: a for n, a in annotations.items() if a is not ClassVar and n not in cls.parts}
        cls.specs = {name: spec_of(annotation, getattr(cls, name)) for name, annotation in rows.items()}


class Coordination(Section):
    """How many discriminator updates a step makes: `jaxgan.training.coordination`."""

    initial_steps: Size = 0
    final_steps: Size = 0
    over: Annotated[int, Field(low=1, high=10**7)] = 10_000
    accuracy_limit: Annotated[float, Field(low=0.5, high=1)] = 1.0


class Augmentation(Section):
    """Augmentations of the examples before the discriminator sees them: `jaxgan.wrappers.augmentation`."""

    names: Annotated[tuple[str, ...], AUGMENTATIONS] = ()
    probability: Annotated[float, Field(low=0, high=1, needs={"names": None}, varies=True)] = 1.0
    multipliers: Annotated[tuple[float, ...], Field(low=0, high=1, needs={"names": None})] = ()
    scaled: Annotated[bool, Field(needs={"names": None})] = True
    adaptive_target: Annotated[float, Field(low=0, high=1, open_high=True, needs={"names": None})] = 0.0
    adaptive_speed: Annotated[float, Field(low=0, needs={"adaptive_target": None})] = 1e-3


class Guidance(Section):
    """Pictures that the generator draws on its way, and the noise that hides them: `jaxgan.wrappers.guidance`."""

    levels: Size = 0
    signal: Annotated[float, Field(low=0, open_low=True, high=1, open_high=True, needs={"levels": None})] = 0.125
    floor: Annotated[float, Field(low=0, open_low=True, high=1, open_high=True, needs={"levels": None})] = 0.01


class Penalties(Section):
    """Weights of the penalties in the discriminator's loss, 0 for off: `jaxgan.losses.penalties`."""

    each = PENALTIES
    interval: Annotated[int, Field(low=1, needs={tuple(PENALTIES): None})] = 1


class Terms(Section):
    """Weights of the further terms of both losses, 0 for off: `jaxgan.losses.terms`."""

    each = TERMS
    adversarial: Annotated[Weight, Field(low=0, off=1.0)] = 1.0


class LossOptions(Section):
    """Parameters of losses that take some; no loss of the package does."""


class LatentSection(Section):
    """The prior p_z: `jaxgan.latents`."""

    name: Annotated[str, Field(choices=LATENTS, entries=True)] = "uniform"
    dim: Count = 100


class LatentOptimizationSection(Section):
    """Latents optimized before use: `jaxgan.training.latent_optimization`."""

    step: Weight = 0.0
    damping: Annotated[Weight, Field(low=0, off=0.0, limit=True, needs={"step": None})] = 5.0
    cost: Annotated[Weight, Field(low=0, off=0.0, needs={"step": None})] = 0.0


class DatasetSection(Section):
    """The data: `jaxgan.datasets`."""

    name: Annotated[
        str,
        Field(
            choices=DATASETS,
            entries=True,
            provided=("seed", "memory_limit"),
            hint="a folder or zip file of pictures is images, arrays of your own are npz",
        ),
    ] = "digits"
    path: Annotated[str, Field(resume=True, sweep=False, modes=("sample", "evaluate"))] = ""
    range: Annotated[str, RANGES] = "unit"
    contrast_norm: Annotated[float, Field(low=0, off=0.0)] = 0.0
    dequantization: bool = False
    mirror: bool = False
    placement: Annotated[
        str, Field(choices=("auto", "device", "stream"), resume=True, sweep=False, modes=("sample", "evaluate"))
    ] = "auto"


class Player(Section):
    """A player's network: `jaxgan.networks`."""

    network: Annotated[str, Field(choices=NETWORKS, entries=True, provided=NETWORK_PROVIDED)] = "mlp"
    activation: Annotated[tuple[str, ...], ACTIVATIONS] = ("relu",)
    initializer: Annotated[tuple[str, ...], INITIALIZERS] = ("lecun_normal",)
    normalization: Annotated[str, Either(("auto",), NORMALIZATIONS)] = "auto"
    conditioning: Annotated[str, Either(("auto",), CONDITIONINGS)] = "auto"
    output_bias: Annotated[str, ("zero", "data")] = "zero"
    conditional: bool = True


class Generator(Player):
    """The generator's network."""

    widths: Widths = (256, 512)
    output: Annotated[str, Field(choices=OUTPUTS, off="linear")] = "sigmoid"
    output_bias: Annotated[str, ("zero", "data")] = "data"


class Discriminator(Player):
    """The discriminator's network."""

    widths: Widths = (512, 256)
    activation: Annotated[tuple[str, ...], ACTIVATIONS] = ("leaky_relu",)


class Optimizer(Section):
    """A player's optimizer and the transformations around it: `jaxgan.optimizers`."""

    name: Annotated[str, Field(choices=OPTIMIZERS, entries=True, provided=("learning_rate",))] = "adam"
    learning_rate: Positive = 2e-4
    clip_norm: Limit = 0.0
    rate_schedule: Annotated[str, Field(choices=RATE_SCHEDULES, entries=True, provided=("updates",))] = "constant"
    momentum_schedule: Annotated[
        str, Field(choices=MOMENTUM_SCHEDULES, entries=True, provided=("momentum", "updates_per_epoch"))
    ] = "constant"
    historical_averaging: Weight = 0.0
    clip_weights: Limit = 0.0
    max_column_norm: Limit = 0.0


STARTS = ("all", "last", "none")


class Start(Section):
    """Another run, from whose layers this run starts: `jaxgan.runs.train.start`."""

    run: Annotated[str, Field(sweep=False)] = ""
    generator: Annotated[str, Field(choices=STARTS, needs={"run": None})] = "all"
    discriminator: Annotated[str, Field(choices=STARTS, needs={"run": None})] = "all"


class Evaluation(Section):
    """How, and how often, samples are evaluated: `jaxgan.evaluation`."""

    each = EVALUATORS
    weighted = False
    common: ClassVar = {"resume": True, "sweep": False, "modes": ("evaluate",)}
    metrics: Annotated[tuple[str, ...], Either(("auto", "task"), EVALUATORS)] = ("auto",)
    samples: Count = 10_000
    features: Annotated[str, Field(choices=("auto", "classifier", "inception", "raw"), files=True)] = "auto"
    reference_split: Annotated[str, ("test", "train")] = "test"
    inception_weights: Annotated[str, Field(needs={"features": ("inception",)})] = ""
    inception_style: Annotated[
        str, Field(choices=("auto", "torch", "tensorflow", "clean"), needs={"features": ("inception",)})
    ] = "auto"
    other_run: str = ""
    every: Size = 0


class Sampling(Section):
    """How samples are drawn for pictures and scores: `jaxgan.sampling`."""

    common: ClassVar = {"resume": True, "sweep": False, "modes": ("sample", "evaluate")}
    method: Annotated[str, METHODS] = "plain"
    truncation: Annotated[float, Field(low=0, open_low=True, high=1)] = 1.0
    burn_in: Annotated[int, Field(low=1, needs={"method": ("rejection",)})] = 10_000
    percentile: Annotated[float, Field(low=0, high=100, open_high=True, needs={"method": ("rejection",)})] = 0.0
    steps: Annotated[int, Field(low=0, needs={"method": ("driven",)})] = 200
    step_size: Annotated[float, Field(low=0, open_low=True, needs={"method": ("driven",)})] = 0.05
    adjusted: Annotated[bool, Field(needs={"method": ("driven",)})] = True


class Logging(Section):
    """Additional writers of metrics and pictures, besides `metrics.jsonl`: `jaxgan.io.metric_writers`."""

    each = WRITERS
    provided = ("run",)
    weighted = False
    chosen_by = "writers"
    common: ClassVar = {"resume": True, "sweep": False}
    writers: Annotated[tuple[str, ...], WRITERS] = ("tensorboard",)


class Alarms(Section):
    """When a run warns of collapse, and whether this stops it: `jaxgan.evaluation.alarms`."""

    common: ClassVar = {"resume": True, "sweep": False}
    patience: Size = 10
    stop: Annotated[tuple[str, ...], ALARMS] = ()
    d_accuracy: Annotated[float, Field(low=0.5, high=1)] = 0.99
    gradient: Annotated[float, Field(low=0, high=1)] = 1e-2
    diversity: Annotated[float, Field(low=0)] = 0.2
    modes: Annotated[float, Field(low=0, high=1)] = 0.8
    samples: Annotated[int, Field(low=2)] = 256


class Divergence(Section):
    """How a run handles numbers that are not finite; see `jaxgan.runs.train.loop`."""

    common: ClassVar = {"resume": True, "sweep": False}
    attempts: Size = 0
    factor: Annotated[float, Field(low=0, open_low=True, high=1, needs={"attempts": None})] = 0.5


class Population(Section):
    """The settings that `--mode=sweep` varies, and how it ranks them: `jaxgan.runs.sweep`."""

    common: ClassVar = {"resume": True, "sweep": False}
    seeds: Count = 4
    grid: str = ""
    random: str = ""
    draws: Count = 8
    score: str = "auto"
    halvings: Annotated[int, Field(low=0, high=14)] = 0  # 2^14 exceeds the maximum number of members


class Config(Section):
    """All fields: the run's own, and the sections."""

    platform: Annotated[str, Field(choices=("", "cpu", "gpu", "tpu"), resume=True, sweep=False)] = ""
    mapping: Annotated[str, Field(choices=MAPPINGS, resume=True, sweep=False)] = "auto"
    precision: Annotated[str, Field(choices=PRECISIONS, modes=("export",))] = "float32"
    seed: SEED = 0
    loss: Annotated[str, LOSSES] = "non_saturating"
    loss_options: LossOptions
    discriminator_steps: Count = 1
    generator_steps: Count = 1
    steps: Annotated[int, Field(low=1, high=2**31 - 1, resume=True)] = 10_000
    batch_size: Count = 64
    accumulation_steps: Count = 1
    average_decay: Decay = 0.0
    average_half_life: Weight = 0.0
    average_debias: Annotated[bool, Field(needs={("average_decay", "average_half_life"): None})] = False
    generator_batches: Size = 0
    unrolled_steps: Size = 0
    consensus: Weight = 0.0
    updates: Annotated[str, UPDATES] = "alternating"
    extragradient: bool = False
    coordination: Coordination
    schedules: str = ""
    task: Annotated[str, TASKS] = "none"
    condition: Annotated[str, ("none", "labels", "vectors")] = "none"
    generated_labels: Annotated[str, Field(choices=("data", "uniform"), needs={"condition": ("labels",)})] = "data"
    packing: Count = 1
    real_label: Annotated[float, Field(low=0, high=1, open_low=True)] = 1.0
    augmentation: Augmentation
    guidance: Guidance
    penalties: Penalties
    terms: Terms
    latent: LatentSection
    latent_optimization: LatentOptimizationSection
    dataset: DatasetSection
    generator: Generator
    discriminator: Discriminator
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    start: Start
    evaluation: Evaluation
    sampling: Sampling
    logging: Logging
    alarms: Alarms
    divergence: Divergence
    population: Population
    log_every: Annotated[int, Field(low=1, sweep=False)] = 100
    sample_every: WHENEVER = 1_000
    sample_count: WHENEVER = 100
    checkpoint_every: WHENEVER = 1_000
    keep_checkpoints: WHENEVER = 3
    peer_timeout: Annotated[int, Field(low=5, high=86_400, resume=True, sweep=False)] = 30
    save_patience: Annotated[float, Field(low=0, resume=True, sweep=False)] = 600.0


TASK_PROVIDED = ("example_shape", "latent", "given", "condition_shape")
"""Parameters of a task that the program passes."""


class Row(NamedTuple):
    """A field of a config.

    Attributes:
      spec: its kind, range and default.
      takers: `{chooser: entries}`: the field is read if the chosen entry is one of these; empty if the program itself
        reads it.
      needs: `{fields: values}`: the field is read if one of these fields has one of the values, or for None is on.
    """

    spec: Spec
    takers: Mapping[str, frozenset[str]] = {}
    needs: Mapping[tuple[str, ...], Collection[Any] | None] = {}


def rows(config: Mapping[str, Any]) -> dict[str, Row]:
    """All fields that a config may have, by dotted name.

    Args:
      config: nested or flat. It determines the chosen entries: if several entries take a field, the chosen one
        describes it.
    """
    flat = flattened(config)
    found = _rows(Config, flat, "")
    found |= {f"loss_options.{name}": row for name, row in _of_entries("loss", LOSSES, (), flat.get("loss")).items()}
    for task, entry in TASKS.items():
        for name, spec in parameters(entry, TASK_PROVIDED).items():
            found[f"{task}.{name}"] = Row(spec, {"task": frozenset({task})})
    return found


def sections(known: Iterable[str]) -> list[str]:
    """The names of all sections, given the names of all fields."""
    return list(dict.fromkeys([name.rpartition(".")[0] for name in known if "." in name] + ["loss_options"]))


def _rows(section: Any, flat: Mapping[str, Any], prefix: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for name, part in section.parts.items():
        found |= _rows(part, flat, f"{prefix}{name}.")
    own = {name: _row(spec, section, prefix) for name, spec in section.specs.items()}
    for name, row in list(own.items()):
        field = row.spec.field
        if field.entries:
            chooser = f"{prefix}{name}"
            entries = _of_entries(chooser, field.choices, field.provided, flat.get(chooser))
            own |= {other: _joined(own[other], taken) if other in own else taken for other, taken in entries.items()}
    own |= _of_weighted(section, prefix) if section.weighted else _of_listed(section, prefix)
    return found | {f"{prefix}{name}": row for name, row in own.items()}


def _row(spec: Spec, section: type[Section], prefix: str) -> Row:
    field = dataclasses.replace(spec.field, **section.common)
    return Row(spec._replace(field=field), {}, _with_prefix(field.needs, prefix))


def _with_prefix(needs: Mapping[str | tuple[str, ...], Any], prefix: str) -> dict[tuple[str, ...], Any]:
    """The needs of a field, with the dotted names of the fields that it depends on."""
    each = {(names,) if isinstance(names, str) else names: values for names, values in needs.items()}
    return {tuple(f"{prefix}{name}" for name in names): values for names, values in each.items()}


def _joined(own: Row, taken: Row) -> Row:
    """Joins the program's row of a field with that of the entries taking it, which decide if it is read and traced."""
    spec = own.spec._replace(traced=own.spec.traced and taken.spec.traced)
    return own._replace(spec=spec, takers=taken.takers)


def _of_entries(chooser: str, table: Collection[str] | None, provided: tuple[str, ...], chosen: Any) -> dict[str, Row]:
    """The parameters of all entries of a table. The chosen entry, or else the first, describes a shared parameter."""
    assert isinstance(table, Mapping)
    taken = {name: parameters(entry, provided) for name, entry in table.items() if not isinstance(entry, Loss)}
    found = {}
    for name in dict.fromkeys(name for specs in taken.values() for name in specs):
        takers = [entry for entry, specs in taken.items() if name in specs]
        spec = taken[chosen if chosen in takers else takers[0]][name]
        needs = _with_prefix(spec.field.needs, f"{chooser.rpartition('.')[0]}.")
        found[name] = Row(spec, {chooser: frozenset(takers)}, needs)
    return found


def _of_weighted(section: type[Section], prefix: str) -> dict[str, Row]:
    """The rows of a section with weighted entries: for each entry its weight, and its further parameters."""
    found: dict[str, Row] = {}
    for entry, names in {entry: parameters(function) for entry, function in section.each.items()}.items():
        spec = next(iter(names.values()))._replace(kind="float", default=0.0, traced=True)
        needs: dict[tuple[str, ...], Any] = {(f"{prefix}{entry}",): None}
        found[entry] = Row(spec._replace(field=dataclasses.replace(spec.field, low=0, off=0.0)))
        found |= {f"{entry}_{name}": Row(names[name], {}, needs) for name in further(section.each, entry, names)}
    return found


def _of_listed(section: type[Section], prefix: str) -> dict[str, Row]:
    """The rows of a section whose entries have parameters but no weights: evaluators, or writers."""
    chooser = section.chosen_by
    if chooser:
        each = {entry: parameters(function, section.provided) for entry, function in section.each.items()}
    else:
        runs = {entry: parameters(evaluator.run) for entry, evaluator in section.each.items()}
        each = {entry: dict(list(names.items())[GIVEN:]) for entry, names in runs.items()}
    found: dict[str, Row] = {}
    for entry, specs in each.items():
        used: dict[tuple[str, ...], Any] = {(f"{prefix}{chooser}",): (entry,)} if chooser else {}
        for name, spec in specs.items():
            row = _row(spec, section, prefix)
            found[f"{entry}_{name}"] = row._replace(needs={**row.needs, **used})
    return found


GIVEN = 3
"""Parameters of an evaluator that the program passes: the samples, the data and the key."""


def evaluator_parameters(entry: str) -> tuple[str, ...]:
    """The names of an evaluator's parameters that are fields."""
    return tuple(parameters(EVALUATORS[entry].run))[GIVEN:]


def further(table: Mapping[str, Any], entry: str, names: Iterable[str] | None = None) -> list[str]:
    """Lists the parameters of an entry after its weight, without those that have an entry of their own (one_sided).

    Args:
      table: penalties, or terms.
      entry: name in the table.
      names: the names of its parameters, if known.
    """
    names = parameters(table[entry]) if names is None else names
    return [name for name in list(names)[1:] if f"{entry}_{name}" not in table]


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a nested config by dotted field name."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def value_of(config: Mapping[str, Any], name: str) -> Any:
    """A field's value by dotted name; KeyError if the config does not have it."""
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


def replaced(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config with some fields changed, given by dotted name. Missing sections are created."""
    copy = {name: dict(value) if isinstance(value, Mapping) else value for name, value in config.items()}
    for name, value in changes.items():
        section, _, field = name.rpartition(".")
        target = copy.setdefault(section, {}) if section else copy
        if isinstance(target, dict):
            target[field] = value
    return copy


def complete(config: Any) -> dict[str, Any]:
    """A config as a nested dict with all of its fields: missing ones get their defaults, and lists become tuples.

    Args:
      config: a ConfigDict, or a nested mapping such as a run's `config.json`. Unknown fields and invalid values are
        kept, for `problems`.
    """
    found = replaced(_plain(config), {})
    known = rows(found)
    for name, row in known.items():
        section, _, field = name.rpartition(".")
        target = found.setdefault(section, {}) if section else found
        if isinstance(target, dict) and (field in target or row.spec.default is not REQUIRED):
            value = target.get(field, row.spec.default)
            several = row.spec.kind in ("ints", "floats", "names") and not isinstance(value, tuple)
            target[field] = values.normalised(row.spec, value) if several else value
    found.setdefault("loss_options", {})
    return found


class EmptyPlaceholder(NamedTuple):
    """Marks a placeholder of ml_collections without a value, which the command line may set."""

    kind: str


def _plain(config: Any) -> Mapping[str, Any]:
    """A ConfigDict, frozen or not, as nested mappings; any other mapping unchanged."""
    if not hasattr(config, "to_dict"):
        return config
    found = {}
    for name, value in config.items(preserve_field_references=True):
        if hasattr(type(value), "to_dict"):
            value = _plain(value)
        elif hasattr(type(value), "get_type"):  # a FieldReference
            value = EmptyPlaceholder(value.get_type().__name__) if _is_empty(value) else value.get()
        found[name] = value
    return found


def _is_empty(reference: Any) -> bool:
    from ml_collections.config_dict import RequiredValueError

    try:
        return reference.get() is None
    except RequiredValueError:
        return True


def problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems of single fields of a config: unknown, missing, or with an invalid value."""
    known, flat = rows(config), flattened(config)
    names = sections(known)
    for name, value in flat.items():
        section, _, field = name.rpartition(".")
        if name in names:
            yield Problem(name, f"{name} is a section, not {value!r}; set its fields")
        elif section and section not in names:
            yield Problem(section, f"{section} is not a section{nearest(section, names)}")
        elif name not in known:
            yield Problem(name, f"{name} is not a field{nearest_fields(section, field, [*known, *names])}")
    for name, row in known.items():
        if isinstance(value := flat.get(name), EmptyPlaceholder):
            yield Problem(name, f"{name} is an empty placeholder ({value.kind}); give it: --config.{name}=VALUE")
        elif name in flat:
            if text := wrong(row.spec, value):
                also = _also(value, known)
                yield Problem(name, f"{name}: {text.removesuffix('?')}, with {also}?" if also else f"{name}: {text}")
        elif name.rpartition(".")[0] not in flat and not unread_because(flat, name, known):
            takers = [f"; {other}={flat[other]} needs it" for other in row.takers if other in flat]
            yield Problem(name, f"{name} is missing{''.join(takers)}")


def nearest_fields(section: str, field: str, known: Iterable[str]) -> str:
    """`; did you mean SECTION.x?` with the most similar fields of a section, or an empty string."""
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == section}
    return f"; {did_you_mean(beside[name] for name in near(field, beside))}".removesuffix("; ")


def _also(value: Any, known: Iterable[str]) -> str:
    """The equivalent here of a choice from another library, as wgan_gp means a loss and a penalty."""
    names = elsewhere(value) if isinstance(value, str) else ()
    fields = [name for name in known if name.rpartition(".")[2] in names[1:]]
    return f"--config.{fields[0]}=WEIGHT" if fields else ""


def unread_because(flat: Mapping[str, Any], name: str, known: Mapping[str, Row]) -> tuple[str, Any] | None:
    """The choice that keeps a field from being read, as (field, value); None if the field is read."""
    row = known[name]
    for chooser, takers in row.takers.items():
        value = flat.get(chooser)
        # Another check reports unknown choices.
        if value not in takers and value in (known[chooser].spec.field.choices or ()):
            return chooser, value
    for names, wanted in row.needs.items():
        reasons = [_unmet(flat, other, wanted, known) for other in names if other in flat]
        if reasons and None not in reasons:
            return reasons[0] if len(reasons) == 1 else (" and ".join(dict(filter(None, reasons))), 0)
    return None


def _unmet(
    flat: Mapping[str, Any], name: str, wanted: Collection[Any] | None, known: Mapping[str, Row]
) -> tuple[str, Any] | None:
    """Why a field does not meet another's need, as (field, value); None if it does."""
    value = flat[name]
    off = (not value or value == known[name].spec.field.off) and name not in schedules(flat)
    listed = value if isinstance(value, tuple) else (value,)
    if off if wanted is None else not any(each in wanted for each in listed):
        return name, value
    return unread_because(flat, name, known)


def unread(names: Iterable[str], *configs: Mapping[str, Any]) -> list[Problem]:
    """Fields that were set but have no effect.

    Args:
      names: dotted names of fields set by a command. (A config's file may set more than the run reads.)
      configs: complete configs in which they are set. A sweep passes all of its configs, one of which must read a
        field.

    Returns:
      One problem per field that none of the configs reads. Fields at their default, or at the value that turns their
      part off, are never reported.
    """
    described = [(flattened(config), rows(config)) for config in configs]
    found = []
    for name in names:
        set_in = [(f, k) for f, k in described if name in k and name in f and f[name] not in k[name].spec.off]
        reasons = dict.fromkeys(unread_because(flat, name, known) for flat, known in set_in)
        if reasons and None not in reasons:
            choices = (f"{field}={values.shown(value)}" for field, value in filter(None, reasons))
            found.append(Problem(name, f"{name} has no effect with {' or '.join(choices)}"))
    return found


def read_by(config: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that a run reads, each with its value and its default, which may be `REQUIRED`.

    Args:
      config: a complete config. Its values may have any type; a field whose choice cannot be read is left out.
    """
    flat, known, found = flattened(config), rows(config), {}
    for name, row in known.items():
        try:
            if name in flat and unread_because(flat, name, known) is None:
                found[name] = flat[name], row.spec.default
        except TypeError:  # a value of the wrong type
            continue
    return found


def code(config: Mapping[str, Any]) -> dict[str, str]:
    """The fields, by dotted name, whose value names code to run: FILE.py:FUNCTION."""
    flat = flattened(config)
    return {name: flat[name] for name, row in rows(config).items() if row.spec.field.files and is_code(flat.get(name))}


def traced(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted names of fields whose values are arguments of the compiled step.

    A value that turns a part of the step off is a constant of the program, unless it has a schedule. The momentum of a
    `momentum_schedule` is a constant too, since it is computed in double precision.
    """
    known, flat = rows(config), flattened(config)
    moving = schedules(flat)

    def is_traced(name: str) -> bool:
        is_off = flat[name] in (known[name].spec.field.off, 0)
        argument = name in moving or (known[name].spec.traced and not is_off)
        return argument and may_vary(flat, name, known) and not unread_because(flat, name, known)

    return tuple(name for name in known if name in flat and is_traced(name))


def schedules(flat: Mapping[str, Any]) -> Mapping[str, Plan]:
    """The schedules of a flat config, by field."""
    text = flat.get("schedules", "")
    return read_schedules(text).by_field if text and isinstance(text, str) else {}


def is_on(flat: Mapping[str, Any], name: str) -> bool:
    """Whether a field's value is not 0, or it has a schedule."""
    return bool(flat[name]) or name in schedules(flat)


def may_vary(flat: Mapping[str, Any], name: str, known: Mapping[str, Row]) -> bool:
    """Whether a field's value may be an argument of the compiled step, and may thus have a schedule."""
    spec = known[name].spec
    by_epoch = flat.get(f"{name.rpartition('.')[0]}.momentum_schedule", "constant") != "constant"
    return (spec.traced or spec.field.varies) and not (spec.field.scheduled and by_epoch)


def allowed(config: Mapping[str, Any], mode: str) -> list[str]:
    """The fields that a mode may set for a trained run: "sample", "evaluate", "export", or "resume" for a run that
    continues."""
    fields = {name: row.spec.field for name, row in rows(config).items()}
    return [name for name, field in fields.items() if (field.resume if mode == "resume" else mode in field.modes)]
