"""Turns a checked config into the parts of a run: pure functions and values."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from jaxgan.config.schema import (
    TASK_PROVIDED,
    complete,
    evaluator_parameters,
    flattened,
    further,
    is_on,
    parameters,
    schedules,
    traced,
)
from jaxgan.datasets import DATASETS, Dataset
from jaxgan.datasets.contrast import with_contrast_norm
from jaxgan.errors import UsageError
from jaxgan.evaluation import EVALUATORS, Evaluator
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, named_loss, smooth_real_labels
from jaxgan.losses.penalties import PENALTIES, lazy
from jaxgan.losses.terms import TERMS, weigh_generator
from jaxgan.networks import NETWORKS
from jaxgan.optimizers import (
    MOMENTUM_SCHEDULES,
    OPTIMIZERS,
    RATE_SCHEDULES,
    clip_weights,
    historical_averaging,
    limit_column_norms,
)
from jaxgan.tasks import TASKS, Labelled, Task
from jaxgan.tasks.base import prepared
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.schedules import SCHEDULES, Schedule, scheduled
from jaxgan.training.step import TrainStep, init_state, make_train_step
from jaxgan.types import Latent, Lazy, Loss, Network, Penalty, TrainState
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented
from jaxgan.wrappers.conditions import one_hot, unconditional
from jaxgan.wrappers.guidance import guided
from jaxgan.wrappers.packing import pack
from jaxgan.wrappers.precision import PRECISIONS

Hyperparameters = Mapping[str, chex.Numeric]
"""Numbers that the compiled step takes as arguments, by dotted field name."""


class DataFacts(NamedTuple):
    """The facts about the data that a run's parts depend on.

    Attributes:
      example_shape: shape of one example.
      train_examples: number of training examples.
      means: mean of each pixel over the training examples, in the networks' range; None where not needed.
      classes: number of classes, if the condition is the labels; else None.
      vectors: [m, ...] float32, the vectors or pictures that samples cycle through, if these are the condition.
      labelled: the examples whose labels a task may use; None if it uses none, or if nothing is trained.
      first: examples for data-dependent initialisation, in the networks' range; None if unused or without training.
      range: the values of black and white in the networks' range.
    """

    example_shape: tuple[int, ...]
    train_examples: int
    means: np.ndarray | None = None
    classes: int | None = None
    vectors: np.ndarray | None = None
    labelled: Labelled | None = None
    first: np.ndarray | None = None
    range: tuple[float, float] = (-1.0, 1.0)


class Sampling(NamedTuple):
    """How samples of a trained generator are drawn; see `jaxgan.sampling`.

    Attributes:
      method: one of `jaxgan.sampling.METHODS`.
      truncation: ψ of `Latent.truncated`; 1 for the prior itself.
      burn_in, percentile: settings of "rejection".
      steps, step_size, adjusted: settings of "driven".
      log_ratio: turns the discriminator's logits into log p_d/p_g; "rejection" and "driven" need it.
    """

    method: str
    truncation: float
    burn_in: int
    percentile: float
    steps: int
    step_size: float
    adjusted: bool
    log_ratio: Callable[[jax.Array], jax.Array] | None

    @property
    def by_discriminator(self) -> bool:
        """Whether the method uses the discriminator."""
        return self.method != "plain"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The parts of a GAN as pure functions and values, made from a config by `build`.

    Attributes:
      networks: `axis_name, probability=None -> (generator, discriminator)`; a probability replaces the augmentations'
        own, if that has a schedule.
      latent: the prior.
      task: the hooks by which the run differs from a plain GAN.
      step_options: `hyperparameters -> arguments of make_train_step`, without the networks, the prior and the axis.
      hyperparameters: the config's values of these hyperparameters.
      schedules: schedules of hyperparameters, by field.
      sampling: how samples are drawn.
      example_shape: shape of one example.
      packing: number of examples that the discriminator judges at once.
      first: [n, ...], examples that the networks are initialised with; None for zeros.
      first_examples: number of zero examples to initialise with, if `first` is None.
      classes: number of labels, or None.
      conditions: [m, ...], the conditions that samples cycle through; None without a condition.
    """

    networks: Callable[..., tuple[Network, Network]]
    latent: Latent
    task: Task
    step_options: Callable[[Hyperparameters], dict[str, Any]]
    hyperparameters: dict[str, float]
    schedules: dict[str, Schedule]
    sampling: Sampling
    example_shape: tuple[int, ...]
    packing: int = 1
    first: np.ndarray | None = None
    first_examples: int = 2
    classes: int | None = None
    conditions: np.ndarray | None = None

    @functools.cached_property
    def generator(self) -> Network:
        """The generator on one device."""
        return self.networks(None)[0]

    @functools.cached_property
    def discriminator(self) -> Network:
        """The discriminator on one device."""
        return self.networks(None)[1]

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """The arguments of `make_train_step` for the config's own hyperparameters."""
        return self.step_options(self.hyperparameters)

    def options_at(self, step: chex.Array) -> dict[str, Any]:
        """The arguments of `make_train_step` for the hyperparameters of a step, which may have schedules."""
        moved = {name: schedule.at(self.hyperparameters[name], step) for name, schedule in self.schedules.items()}
        return self.step_options({**self.hyperparameters, **moved})

    def replace(self, **changes: Any) -> "Experiment":
        """A copy with the named fields changed."""
        return dataclasses.replace(self, **changes)

    def truncated(self) -> "Experiment":
        """A copy whose prior is truncated by `sampling.truncation`, for drawing samples."""
        cut, psi = self.latent.truncated, self.sampling.truncation
        if psi == 1 or cut is None:
            return self
        return self.replace(latent=cut(psi), sampling=self.sampling._replace(truncation=1.0))

    def condition(self, count: int, first: int = 0) -> Any:
        """The condition of samples first, …, first + count − 1: `conditions` repeated cyclically, or the task's; None
        without a condition."""
        if self.conditions is not None:
            return jnp.asarray(self.conditions[np.arange(first, first + count) % len(self.conditions)])
        return None if self.task.condition is None else self.task.condition(count)

    @property
    def condition_shape(self) -> tuple[int, ...] | None:
        """Of a condition that may be requested: (), (dim,) or (height, width, channels); None without one."""
        if self.conditions is None and self.task.condition_of is None:
            return None
        return np.shape(self.condition(1))[1:]

    def train_step(self, axis_name: str | None = None, hyperparameters: Hyperparameters | None = None) -> TrainStep:
        """One iteration of Algorithm 1, see `make_train_step`.

        Args:
          axis_name: name of the mapped device axis, over which batch statistics are computed; None on one device.
          hyperparameters: values that replace the config's; they may be traced. None for the config's.
        """

        def step_of(values: Hyperparameters) -> TrainStep:
            generator, discriminator = self.networks(axis_name, values.get("augmentation.probability"))
            options = self.step_options(values)
            return make_train_step(
                generator=generator, discriminator=discriminator, latent=self.latent, axis_name=axis_name, **options
            )

        values = self.hyperparameters if hyperparameters is None else hyperparameters
        step = scheduled(step_of, values, self.schedules) if self.schedules else step_of(values)
        return prepared(step, self.task, axis_name)

    def initial_state(self, seed: int) -> TrainState:
        """The state before the first step, a pure function of the seed."""
        return jax.jit(self.state_from)(jax.random.key(seed))

    def abstract_state(self) -> TrainState:
        """Shapes and dtypes of the state, without computing it."""
        return jax.eval_shape(self.state_from, jax.random.key(0))

    def state_from(self, key: jax.Array) -> TrainState:
        """The state before the first step from the seed's key; not compiled."""
        if self.first is None:
            count = self.first_examples * self.packing
            example = jnp.zeros((count, *self.example_shape))
        else:
            count = len(self.first) // self.packing * self.packing
            example = jnp.asarray(self.first[:count])
        try:
            return init_state(
                key,
                generator=self.generator,
                discriminator=self.discriminator,
                generator_tx=self.options["generator_tx"],
                discriminator_tx=self.options["discriminator_tx"],
                latent=self.latent,
                example=example,
                condition=self.condition(count),
                average=self.options["average_decay"] is not None,
            )
        except ValueError as error:
            raise UsageError("a network does not suit the data", str(error), "choose another network") from error


Values = Mapping[str, Any]
"""The values of a config by dotted field name; hyperparameters among them may be traced."""


def build(config: Any, facts: DataFacts) -> Experiment:
    """Builds the parts of a run.

    Args:
      config: a config that passes `check`: a ConfigDict, or a nested mapping.
      facts: facts about the data.

    Returns:
      An `Experiment`.

    Raises:
      UsageError: a network or the task does not suit the data.
    """
    config = complete(config)
    values = flattened(config)
    _check_classes(values, facts)
    latent = build_latent(values)
    task = _task(values, facts, latent)
    make_networks = functools.partial(_networks, config, facts, task, latent)
    fixed = functools.cache(make_networks)
    fixed(None)  # builds them now, so a mismatch with the data is reported early
    return Experiment(
        networks=lambda axis, chance=None: fixed(axis) if chance is None else make_networks(axis, chance),
        latent=latent,
        task=task,
        step_options=functools.partial(_step_options, config, values, facts, latent, task),
        hyperparameters={name: values[name] for name in traced(config)},
        schedules=_schedules(config),
        sampling=Sampling(**config["sampling"], log_ratio=build_loss(values).log_ratio),
        example_shape=facts.example_shape,
        packing=config["packing"],
        first=facts.first,
        # A virtual batch norm keeps the latents that the generator is initialised with.
        first_examples=config["batch_size"] if config["generator"]["normalization"] == "virtual" else 2,
        classes=facts.classes,
        conditions=facts.vectors if facts.classes is None else np.arange(facts.classes, dtype=np.int32),
    )


def stacked_hyperparameters(configs: Sequence[Mapping[str, Any]]) -> dict[str, jax.Array]:
    """The hyperparameters of runs that share one program structure: float32 [members] by field.

    Since they are arguments of the compiled step, one program can train with different values. A single run takes them
    in the same way as a member of a sweep: XLA folds constants into products, so constants would round differently.
    """
    names = traced(configs[0])
    flat = [flattened(config) for config in configs]
    return {name: jnp.asarray([values[name] for values in flat], jnp.float32) for name in names}


def _step_options(
    config: Mapping[str, Any],
    values: Values,
    facts: DataFacts,
    latent: Latent,
    task: Task,
    hyperparameters: Hyperparameters,
) -> dict[str, Any]:
    """The arguments of `make_train_step`. The config alone determines which parts of the step exist.

    Args:
      config: a complete config.
      values: its values by dotted field name.
      facts: facts about the data.
      latent, task: built from these values.
      hyperparameters: replace some of the values. If the prior or the task has hyperparameters, these are rebuilt.
    """
    values = {**values, **hyperparameters}
    if {name.partition(".")[0] for name in hyperparameters} & {"latent", config["task"]}:
        latent = build_latent(values)
        task = _task(values, facts, latent)
    loss = task.loss(build_loss(values))
    if config["real_label"] != 1:
        loss = smooth_real_labels(loss, config["real_label"])
    if config["terms"]["adversarial"] != 1 or "terms.adversarial" in hyperparameters:
        loss = weigh_generator(loss, values["terms.adversarial"])

    # How often each optimizer counts: its own updates in the run, and in an epoch of the data.
    k, m, steps = config["discriminator_steps"], config["generator_steps"], config["steps"]
    examples = facts.train_examples * (1 + config["dataset"]["mirror"])
    batches, used = max(examples // config["batch_size"], 1), int(minibatches_before(config, steps))
    updates = used - steps * m * config["generator_batches"]  # the discriminator's: one per minibatch that it uses
    seen = 1 + config["extragradient"]  # gradients that an optimizer sees and counts per update
    optimizer = functools.partial(_optimizer, config, hyperparameters, values)
    generator_tx = optimizer("generator_optimizer", steps * m * seen, batches * m * seen * steps / used)
    discriminator_tx = optimizer("discriminator_optimizer", updates * seen, batches * seen * updates / used)
    return {
        "loss": loss,
        "generator_tx": latent.generator_tx(generator_tx) if latent.generator_tx else generator_tx,
        "discriminator_tx": task.discriminator_tx(discriminator_tx),
        "discriminator_steps": k,
        "generator_steps": m,
        "average_decay": _average_decay(config, hyperparameters),
        "average_debias": config["average_debias"],
        "accumulation_steps": config["accumulation_steps"],
        "penalties": _penalties(config, values),
        "unrolled_steps": config["unrolled_steps"],
        "coordination": _coordination(config["coordination"], k),
        "consensus": hyperparameters.get("consensus"),
        "updates": config["updates"],
        "extragradient": config["extragradient"],
        "terms": (*_weighted(TERMS, "terms", values), *task.terms),
        "latent_optimization": _latent_optimization(values),
        "generator_batches": config["generator_batches"],
        "condition_prior": _condition_prior(config, facts),
    }


class MissingFieldError(KeyError):
    """Raised on reading a field that has no default and is missing from the config, or whose value is invalid."""


def _taken(function: Callable[..., Any], values: Values) -> dict[str, Any]:
    """The values that a function takes as parameters; MissingFieldError if a required one is missing."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in values:
            found[name] = values[name]
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            raise MissingFieldError(name)
    return found


def _section(values: Values, name: str) -> dict[str, Any]:
    """The values of one section."""
    return {field.removeprefix(f"{name}."): value for field, value in values.items() if field.startswith(f"{name}.")}


def build_loss(values: Values) -> Loss:
    """The loss that a config names, built with its options if it takes any."""
    entry, options = LOSSES[values["loss"]], _section(values, "loss_options")
    return named_loss(values["loss"], **({} if isinstance(entry, Loss) else _taken(entry, options)))


def build_latent(values: Values) -> Latent:
    """The prior that a config names; ValueError if it has too few dimensions."""
    entry = LATENTS[values["latent.name"]]
    return entry(**_taken(entry, _section(values, "latent")))


def _task(values: Values, facts: DataFacts, latent: Latent) -> Task:
    """Builds the task from the section of its name and from the arguments that the program provides."""
    name = values["task"]
    entry = TASKS[name]
    shape = None if facts.vectors is None else facts.vectors.shape[1:]
    provided = dict(zip(TASK_PROVIDED, (facts.example_shape, latent, facts.labelled, shape), strict=True))
    try:
        return entry(**_taken(entry, _section(values, name) | provided))
    except ValueError as error:
        raise UsageError(
            f"task={name} does not suit the data", str(error), f"change the config's section {name}"
        ) from error


def _optimizer(
    config: Mapping[str, Any],
    hyperparameters: Hyperparameters,
    values: Values,
    name: str,
    updates: int,
    updates_per_epoch: float,
) -> optax.GradientTransformation:
    """A player's optimizer with its schedules and the enabled transformations before and after it."""
    section = config[name]
    values = _section(values, name)
    rate = RATE_SCHEDULES[section["rate_schedule"]]
    values["learning_rate"] = rate(**_taken(rate, {**values, "updates": updates}))
    optimizer, momentum = OPTIMIZERS[section["name"]], MOMENTUM_SCHEDULES[section["momentum_schedule"]]
    for field, spec in parameters(optimizer).items():
        if spec.field.scheduled:
            given = {**values, "momentum": values[field], "updates_per_epoch": updates_per_epoch}
            values[field] = momentum(**_taken(momentum, given))
    parts = [optimizer(**_taken(optimizer, values))]
    if f"{name}.clip_norm" in hyperparameters:
        parts.insert(0, optax.clip_by_global_norm(values["clip_norm"]))
    if f"{name}.historical_averaging" in hyperparameters:
        parts.insert(0, historical_averaging(values["historical_averaging"]))
    if f"{name}.clip_weights" in hyperparameters:
        parts.append(clip_weights(values["clip_weights"]))
    if f"{name}.max_column_norm" in hyperparameters:
        parts.append(limit_column_norms(values["max_column_norm"]))
    return parts[0] if len(parts) == 1 else optax.chain(*parts)


def _weighted(table: Mapping[str, Callable[..., Any]], section: str, values: Values) -> list:
    """The entries of a table whose weight in the section is not 0, in the table's order, with their parameters."""
    found = []
    for name, entry in table.items():
        weight = values.get(f"{section}.{name}", 0)
        if not isinstance(weight, int | float) or weight != 0:  # a traced weight is never off
            given = {other: values[f"{section}.{name}_{other}"] for other in further(table, name)}
            found.append(entry(weight, **given))
    return found


def _penalties(config: Mapping[str, Any], values: Values) -> tuple[Penalty | Lazy, ...]:
    interval = config["penalties"]["interval"]
    found = _weighted(PENALTIES, "penalties", values)
    return tuple(found if interval == 1 else (lazy(penalty, interval) for penalty in found))


def minibatches_per_step(config: Mapping[str, Any]) -> int:
    """Minibatches per training step: one per discriminator update, plus the generator's own."""
    return config["discriminator_steps"] + config["generator_steps"] * config["generator_batches"]


def minibatches_before(config: Mapping[str, Any], step: ArrayLike) -> np.ndarray:
    """The number of minibatches that a run has used before each of the given steps, int64.

    With `coordination.accuracy_limit` this is an upper bound, since skipped discriminator updates are not known ahead.
    """
    k, section = config["discriminator_steps"], config["coordination"]
    updates = updates_before(step, section["initial_steps"] or k, section["final_steps"] or k, section["over"])
    return updates + np.asarray(step, np.int64) * (minibatches_per_step(config) - k)


def updates_before(step: ArrayLike, first: int, last: int, over: int) -> np.ndarray:
    """The number of discriminator updates before each given step, int64, for k = `linear_steps(first, last, over)`.

    This equals the number of minibatches that the discriminator has used by then.
    """
    step = np.asarray(step, np.int64)
    if first == last:
        return first * step
    return _updates(first, last, over)[np.minimum(step, over)] + last * np.maximum(step - over, 0)


@functools.lru_cache(maxsize=16)
def _updates(first: int, last: int, over: int) -> np.ndarray:
    with jax.ensure_compile_time_eval():  # the caller may be inside a traced step
        counts = np.asarray(linear_steps(first, last, over)(jnp.arange(over)), np.int64)
    return np.concatenate([[0], np.cumsum(counts)])


def _condition_prior(config: Mapping[str, Any], facts: DataFacts) -> Callable[[chex.PRNGKey, int], jax.Array] | None:
    classes = facts.classes
    if config["generated_labels"] == "data" or classes is None:
        return None
    return lambda key, count: jax.random.randint(key, (count,), 0, classes)


def examples_per_step(config: Mapping[str, Any]) -> int:
    """Examples that the discriminator sees per step: the unit of time for schedules and half-lives."""
    return config["discriminator_steps"] * config["batch_size"]


def _schedules(config: Mapping[str, Any]) -> dict[str, Schedule]:
    plans, each = schedules(config), examples_per_step(config)
    return {name: Schedule(SCHEDULES[plan.shape], plan.last, plan.examples / each) for name, plan in plans.items()}


def _average_decay(config: Mapping[str, Any], hyperparameters: Hyperparameters) -> chex.Numeric | None:
    """The decay per step, given directly or by the half-life in examples."""
    half_life = hyperparameters.get("average_half_life")
    if half_life is None:
        return hyperparameters.get("average_decay")
    return 0.5 ** (examples_per_step(config) / (half_life + 1e-8))  # a half-life of 0 gives a decay of 0


def _coordination(section: Mapping[str, Any], k: int) -> Coordination | None:
    first, last = section["initial_steps"] or k, section["final_steps"] or k
    if (first, last) == (k, k) and section["accuracy_limit"] == 1:
        return None
    steps = None if (first, last) == (k, k) else linear_steps(first, last, section["over"])
    return Coordination(steps, section["accuracy_limit"])


def _latent_optimization(values: Values) -> LatentOptimization | None:
    step, damping, cost = (values[f"latent_optimization.{name}"] for name in ("step", "damping", "cost"))
    off = (isinstance(value, int | float) and value == 0 for value in (step, damping))
    return None if next(off) else LatentOptimization(step, None if next(off) else damping, cost)


def load_dataset(config: Mapping[str, Any], memory_limit: int) -> Dataset:
    """Reads the dataset that a config names; DataError if it is missing or damaged, UsageError if it does not fit."""
    section = config["dataset"]
    loader = DATASETS[section["name"]]
    dataset = loader(**_taken(loader, {**section, "seed": config["seed"], "memory_limit": memory_limit}))
    return with_contrast_norm(dataset, section["contrast_norm"]) if section["contrast_norm"] else dataset


def build_evaluators(config: Mapping[str, Any]) -> dict[str, Evaluator]:
    """All evaluators, built with their fields of the section `evaluation`."""
    found = {}
    for name, evaluator in EVALUATORS.items():
        given = {other: config["evaluation"][f"{name}_{other}"] for other in evaluator_parameters(name)}
        found[name] = evaluator.with_fields(**given)
    return found


def _check_classes(values: Values, facts: DataFacts) -> None:
    outputs = values["discriminator.class_logits"]
    if is_on(values, "terms.auxiliary_classifier") and facts.classes not in (None, outputs):
        raise UsageError(
            f"discriminator.class_logits {outputs} does not suit the data",
            f"it has {facts.classes} classes, and terms.auxiliary_classifier has one output for each",
            f"set --config.discriminator.class_logits={facts.classes}",
        )


def _networks(
    config: Mapping[str, Any],
    facts: DataFacts,
    task: Task,
    latent: Latent,
    axis_name: str | None,
    probability: chex.Numeric | None = None,
) -> tuple[Network, Network]:
    """Builds both players' networks with all of their wrappers."""
    found = []
    for player, shape in (("generator", facts.example_shape), ("discriminator", ())):
        section = config[player]
        entry = NETWORKS[section["network"]]
        means = facts.means if section["output_bias"] == "data" else None
        levels = config["guidance"]["levels"]
        values = {**section, "output_shape": shape, "means": means, "axis_name": axis_name, "levels": levels or 1}
        single = [name for name, spec in parameters(entry).items() if spec.kind == "str" and name in values]
        values |= {name: values[name][0] for name in single if isinstance(values[name], tuple)}
        automatic = [name for name in ("normalization", "conditioning") if section[name] == "auto"]
        try:
            network = entry(**{name: value for name, value in _taken(entry, values).items() if name not in automatic})
        except ValueError as error:
            raise UsageError(
                f"{player}.network={section['network']} does not suit the data",
                str(error),
                f"change what it names of {player}, the size of the data, or {player}.network; mlp takes any data",
            ) from error
        if config["precision"] != "float32":
            network = PRECISIONS[config["precision"]](network)
        network = (task.generator if player == "generator" else task.discriminator)(network, axis_name)
        if player == "discriminator":
            network = pack(network, config["packing"]) if config["packing"] > 1 else network
            network = guided(network, **config["guidance"]) if levels else network
            network = _augmented(config, network, facts, axis_name, probability)
        elif latent.generator is not None:
            network = latent.generator(network)
        if config["condition"] != "none" and not section["conditional"]:
            network = unconditional(network)
        elif facts.classes is not None:
            network = one_hot(network, facts.classes)
        found.append(network)
    return found[0], found[1]


def _augmented(
    config: Mapping[str, Any],
    discriminator: Network,
    facts: DataFacts,
    axis_name: str | None,
    probability: chex.Numeric | None,
) -> Network:
    """Wraps the discriminator with the config's augmentations."""
    section = config["augmentation"]
    if not section["names"]:
        return discriminator
    example, is_image = jax.ShapeDtypeStruct(facts.example_shape, jnp.float32), len(facts.example_shape) == 3
    for name in section["names"]:
        try:
            if not is_image and name != "noise":
                raise ValueError("they are not images [height, width, channels]")
            jax.eval_shape(AUGMENTATIONS[name], jax.random.key(0), example)
        except ValueError as error:
            raise UsageError(
                f"augmentation.names {name} does not suit the data",
                f"its examples are {list(facts.example_shape)}: {error}",
                "use noise, or no augmentation",
            ) from error
    return augmented(
        discriminator,
        [AUGMENTATIONS[name] for name in section["names"]],
        probability=section["probability"] if probability is None else probability,
        multipliers=section["multipliers"],
        value_range=facts.range if is_image and section["scaled"] else (-1.0, 1.0),
        adaptive_target=section["adaptive_target"] or None,
        adaptive_speed=section["adaptive_speed"],
        axis_name=axis_name,
    )
