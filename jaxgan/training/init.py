"""The state before the first step, and eager checks of networks and of the arguments of `make_train_step`.

The checks make a mistake a one-line error instead of an error from within a compiled step.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.training.objectives import GANSpec
from jaxgan.types import (
    Batch,
    DiscriminatorInputs,
    DiscriminatorOutput,
    Latent,
    Network,
    PerExample,
    PlayerState,
    Term,
    TrainState,
)

_CONTRACT = (
    "a Network is init(key, inputs, condition=None) -> variables and apply(variables, inputs, *, condition=None, "
    "key=None, train=False) -> (outputs, model_state), see help(jaxgan.Network)"
)

UPDATES = ("alternating", "simultaneous")
"""Orders in which a step updates the players, see `jaxgan.training.step.make_train_step`."""


def init_state(
    key: chex.PRNGKey,
    *,
    generator: Network,
    discriminator: Network,
    generator_tx: optax.GradientTransformation,
    discriminator_tx: optax.GradientTransformation,
    latent: Latent,
    example: chex.Array,
    condition: chex.ArrayTree | None = None,
    average: bool = False,
) -> TrainState:
    """The state before the first step.

    Args:
      key: one typed key (`jax.random.key`). It initialises both networks, and all later draws derive from it.
      generator, discriminator: the two players.
      generator_tx, discriminator_tx: their optax gradient transformations.
      latent: the prior p_z(z).
      example: [batch, ...], a few examples of the data, as floats. Their shape and dtype matter. Their values matter
        only to networks with data-dependent initialisation, such as the normalization `weight_from_data`. A generator
        with virtual batch normalisation keeps as many latents as its fixed batch: pass as many as a minibatch has.
      condition: [batch, ...], the conditions of these examples, or None.
      average: start the moving average of the generator's parameters here. Otherwise the first step that keeps an
        average starts it.

    Raises:
      TypeError: `key` is not a typed key.
      ValueError: a network does not follow the interface, or does not fit the data; the example is of whole numbers.
    """
    if not jnp.issubdtype(jnp.asarray(key).dtype, jax.dtypes.prng_key):
        raise TypeError("key must be a typed key from jax.random.key(seed), not an array from jax.random.PRNGKey(seed)")
    check_condition(condition, example.shape[:1], "condition")
    check_floats(example, "example")
    keys = dict(zip(("run", "latent", "generator", "discriminator"), jax.random.split(key, 4), strict=True))
    latents = latent.sample(keys["latent"], example.shape[0])
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=keys["run"],
        generator=_init_player(generator, keys["generator"], latents, condition, generator_tx),
        discriminator=_init_player(discriminator, keys["discriminator"], example, condition, discriminator_tx),
    )
    _check_outputs(generator, discriminator, state, latents, example, condition)
    return start_average(state) if average else state


def start_average(state: TrainState) -> TrainState:
    """The state with a moving average that starts at the generator's parameters and model state, if it has none yet."""
    # Copies: two fields of one state that share a buffer cannot both be donated.
    if state.average_params is None:
        state = state.replace(average_params=jax.tree.map(jnp.copy, state.generator.params))
    if state.average_state is None and jax.tree.leaves(state.generator.model_state):
        state = state.replace(average_state=jax.tree.map(jnp.copy, state.generator.model_state))
    return state


def _init_player(network: Network, key, inputs, condition, tx) -> PlayerState:
    _check_signature("init", network.init, (key, inputs), {"condition": condition})
    try:
        variables = network.init(key, inputs, condition=condition)
    except TypeError:
        # A flax module's own init accepts any arguments, and passes all but the key to the module.
        if callable(module := getattr(network.init, "__self__", None)):
            _check_signature("init", module, (inputs,), {"condition": condition})
        raise
    if not isinstance(variables, Mapping) or "params" not in variables:
        got = type(variables).__name__
        raise ValueError(f'a network\'s init must return {{"params": ...}}, got {got}; {_CONTRACT}')
    variables = dict(variables)
    # jnp.array: leaves of a definite type and a buffer of their own, so that a second step does not trace again.
    params = jax.tree.map(lambda x: jnp.array(x, jnp.result_type(x)), variables.pop("params"))
    return PlayerState(params, jax.tree.map(jnp.array, variables), tx.init(params))


def _check_signature(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict) -> None:
    """Raises ValueError if a network's init or apply does not accept these arguments."""
    try:
        signature = inspect.signature(function.function if isinstance(function, PerExample) else function)
    except ValueError:  # some builtin functions have none
        return
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise ValueError(f"a network's {name} could not be called: {error}; {_CONTRACT}") from error


def _check_outputs(
    generator: Network, discriminator: Network, state: TrainState, latents, example, condition: chex.ArrayTree | None
) -> None:
    """Raises ValueError if a network does not follow the interface, or the two do not fit each other or the data."""

    def outputs_of(network, player, inputs):
        options = {"condition": condition, "key": None, "train": False}
        _check_signature("apply", network.apply, (player.variables, inputs), options)
        try:
            result = jax.eval_shape(
                lambda v, x, c: network.apply(v, x, condition=c), player.variables, inputs, condition
            )
        except Exception:  # it may need a key or a device axis; if there is another reason, the step raises it
            return None
        if not isinstance(result, tuple) or len(result) != 2 or isinstance(result, DiscriminatorOutput):
            raise ValueError(f"a network's apply must return (outputs, model_state), got {result}; {_CONTRACT}")
        return result[0]

    samples = outputs_of(generator, state.generator, latents)
    if isinstance(samples, DiscriminatorInputs):  # their shapes are a matter between the two players
        return
    if samples is not None and samples.shape != example.shape:
        raise ValueError(f"the generator makes examples {samples.shape[1:]}, and the data's are {example.shape[1:]}")
    output = outputs_of(discriminator, state.discriminator, example)
    logits = output.logits if isinstance(output, DiscriminatorOutput) else output
    if output is not None and getattr(logits, "ndim", None) != 1:
        raise ValueError(f"the discriminator must return logits [batch], got {getattr(logits, 'shape', logits)}")


def check_floats(examples: chex.Array, name: str) -> None:
    """Raises ValueError, which says how to scale, unless examples are floats: bytes are not in a generator's range."""
    dtype = getattr(examples, "dtype", None) or jnp.asarray(examples).dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        first = (
            ""
            if dtype == jnp.uint8
            else "; first make bytes: images.astype(numpy.uint8), times 255 if they are 0 and 1"
        )
        raise ValueError(
            f"{name} must be floats in the range of the generator's output, got {dtype}: "
            'jaxgan.RANGES["unit"].scale(images) makes bytes 0 to 255 floats in [0, 1] (for a sigmoid), "symmetric" in '
            f"[-1, 1] (for tanh){first}"
        )


def check_batch(batch: Batch, discriminator_steps: int, own: int = 0) -> None:
    """Raises ValueError unless a batch has examples [k + own, batch, ...] as floats, perhaps conditions, nothing else.

    `own` is the number of the generator's own minibatches.
    """
    names = [name for name, leaf in batch.items() if leaf is not None]
    known = ("real", "condition")
    for name in names:
        if name not in known:
            # Any other name is most likely of the entry that is not there.
            near = difflib.get_close_matches(name, known, n=1) or [other for other in known if other not in names]
            hint = f'did you mean "{near[0]}"? ' if near else ""
            raise ValueError(
                f'batch has an entry "{name}", which no step reads; {hint}a batch has "real", and "condition" (labels, '
                "or vectors) for conditional networks"
            )
    if "real" not in names:
        raise ValueError(f'batch must have an entry "real" [k, batch, ...], got {sorted(names)}')
    shape = jnp.shape(batch["real"])
    if len(shape) < 2 or shape[0] != discriminator_steps + own:
        more = f", and {own} for the generator, generator_steps times generator_batches" if own else ""
        raise ValueError(
            f'batch["real"] must be [k, batch, ...] with k = discriminator_steps = {discriminator_steps}{more}, got '
            f"shape {shape}; stack one minibatch per discriminator update along a leading axis"
        )
    check_condition(batch.get("condition"), shape[:2], 'batch["condition"]')
    check_floats(batch["real"], 'batch["real"]')


def check_condition(condition: chex.ArrayTree | None, lead: tuple[int, ...], where: str) -> None:
    """Raises ValueError, which names `where`, unless a condition's leaves are [*lead, ...], as its examples are."""
    for leaf in jax.tree.leaves(condition):
        if jnp.shape(leaf)[: len(lead)] != lead:
            raise ValueError(
                f"{where} must be [{', '.join(map(str, lead))}, ...], one for each example, got {jnp.shape(leaf)}"
            )


def check_step(
    spec: GANSpec,
    discriminator_steps: int,
    generator_steps: int,
    average_decay: chex.Numeric | None,
    coordination: Any,
    updates: str,
    extragradient: bool,
    generator_batches: int = 0,
) -> None:
    """Raises ValueError for arguments of `make_train_step` that are impossible, or impossible together."""
    # Counts.
    counts = {"discriminator_steps": discriminator_steps, "generator_steps": generator_steps}
    for name, count in (counts | {"accumulation_steps": spec.accumulation_steps}).items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    for name, count in {"unrolled_steps": spec.unrolled_steps, "generator_batches": generator_batches}.items():
        if count < 0:
            raise ValueError(f"{name} must be at least 0, got {count}")

    if updates not in UPDATES:
        raise ValueError(f"updates must be one of {', '.join(UPDATES)}, got {updates!r}")

    # Each part by itself. A traced number has no value to check.
    for name in ("generator", "discriminator"):
        if not isinstance(getattr(spec, name), Network):
            kind = type(getattr(spec, name)).__name__
            raise ValueError(f"{name} must be a jaxgan.Network(init, apply), got {kind}; {_CONTRACT}")
    if isinstance(spec.loss, str):
        raise ValueError(f'loss must be a pair of functions, got the name {spec.loss!r}; pass LOSSES["{spec.loss}"]')
    if not hasattr(spec.latent, "sample"):
        raise ValueError('latent must be a Latent, such as LATENTS["normal"](dim), which is made with its dimension')
    if isinstance(average_decay, int | float) and not 0 <= average_decay < 1:
        raise ValueError(f"average_decay must lie in [0, 1), got {average_decay}")
    if isinstance(spec.consensus, int | float) and not 0 <= spec.consensus < float("inf"):
        raise ValueError(f"consensus must be a finite number of at least 0, got {spec.consensus}")
    if callable(spec.penalties):
        raise ValueError("penalties must be a list or tuple of penalties, got one function; put it in a list")
    if isinstance(spec.terms, Term):
        raise ValueError("terms must be a list or tuple of terms, got one; put it in a list")
    for penalty in spec.penalties:
        if known := _name_in(PENALTIES, penalty):
            raise ValueError(f'a penalty is made with its weight: pass PENALTIES["{known}"](weight)')
    for term in spec.terms:
        if known := _name_in(TERMS, term):
            raise ValueError(f'a term is made with its weight: pass TERMS["{known}"](weight)')
        if not isinstance(term, Term):
            raise ValueError(f"a term must be a jaxgan.Term(discriminator, generator), got {term!r}")

    # Parts that exclude each other.
    if coordination is not None and spec.loss.threshold is None:
        limit = coordination.accuracy_limit
        if not isinstance(limit, int | float) or limit < 1:
            raise ValueError(
                f"the loss has no accuracy for coordination's accuracy_limit {limit}; leave the limit at 1"
            )
    for name, used in (("consensus", spec.consensus is not None), ("extragradient", extragradient)):
        if used and spec.unrolled_steps:
            raise ValueError(f"{name} and unrolled_steps cannot be together, got {spec.unrolled_steps}; leave one out")
    if extragradient and (k_and_m := (discriminator_steps, generator_steps)) != (1, 1):
        said = "extragradient moves both players once: discriminator_steps and generator_steps are"
        raise ValueError(f"{said} {k_and_m}")
    if extragradient and coordination is not None:
        raise ValueError("extragradient moves both players in every step; leave coordination out")
    if extragradient and updates == "simultaneous":
        raise ValueError("extragradient moves both players at once by itself; leave updates out")
    if updates == "simultaneous" and generator_steps != 1:
        raise ValueError(f"simultaneous updates move the generator once: generator_steps is {generator_steps}")
    if updates == "simultaneous" and generator_batches:
        raise ValueError("simultaneous updates are of one minibatch; leave generator_batches out")
    if extragradient and generator_batches:
        raise ValueError("extragradient moves both players on one minibatch; leave generator_batches out")
    if spec.condition_prior is not None and spec.penalties:
        raise ValueError("penalties judge all points under the data's conditions; leave condition_prior or them out")


def _name_in(table: Mapping[str, Any], entry: Any) -> str | None:
    return next((name for name, value in table.items() if value is entry), None)
