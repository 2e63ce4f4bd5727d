"""The initial state, and eager checks of networks and of the arguments of `make_train_step`.

The checks turn mistakes into one-line errors, instead of errors from inside a compiled step.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.fields import check_count, given
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.training.coordination import Coordination
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.objectives import GANSpec
from jaxgan.types import (
    Batch,
    DiscriminatorInputs,
    DiscriminatorOutput,
    Latent,
    Lazy,
    Loss,
    Network,
    PerExample,
    PlayerState,
    Term,
    TrainState,
    shapes_of,
)

_CONTRACT = (
    "a Network is init(key, inputs, condition=None) -> variables and apply(variables, inputs, *, condition=None, "
    "key=None, train=False) -> (outputs, model_state), see help(jaxgan.Network); jaxgan.from_linen, from_nnx, "
    "from_equinox and from_haiku make one of a library's module"
)

UPDATES = ("alternating", "simultaneous")
"""Orders in which a step updates the players; see `jaxgan.training.step.make_train_step`."""


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
    """The initial state, before the first step.

    Args:
      key: one typed key (`jax.random.key`). It initialises both networks, and all later draws derive from it.
      generator, discriminator: the two players.
      generator_tx, discriminator_tx: their optax gradient transformations.
      latent: the prior p_z(z).
      example: [batch, ...], a few examples of the data, as floats. Their shape and dtype matter. Their values matter
        only to networks with data-dependent initialisation, such as the normalization `weight_from_data`. A generator
        with virtual batch normalisation keeps this number of latents as its fixed batch, so pass a full minibatch.
      condition: [batch, ...], the conditions of these examples, or None.
      average: start the moving average of the generator's parameters here. Otherwise the first step that keeps an
        average starts it.

    Raises:
      TypeError: `key` is not a typed key.
      ValueError: a network does not follow the interface, or does not fit the data; the example has integers; an
        optimizer is invalid, or needs the value of the loss.
    """
    check_key(key)
    parts = generator, discriminator, generator_tx, discriminator_tx, latent
    _check_parts(*parts)
    example = example if hasattr(example, "dtype") else jnp.asarray(example)
    if example.shape[:1] in ((), (0,)):
        raise ValueError(f"example must be a few examples of the data, [batch, ...], got {given(example)}")
    check_condition(condition, example.shape[:1], "condition")
    check_floats(example, "example")
    keys = dict(zip(("run", "latent", "generator", "discriminator"), jax.random.split(key, 4), strict=True))
    latents = latent.sample(keys["latent"], example.shape[0])
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=keys["run"],
        generator=init_player("generator", generator, keys["generator"], latents, condition, generator_tx),
        discriminator=init_player(
            "discriminator", discriminator, keys["discriminator"], example, condition, discriminator_tx
        ),
    )
    _check_outputs(generator, discriminator, state, latents, example, condition)
    return start_average(state) if average else state


def start_average(state: TrainState) -> TrainState:
    """The state with a moving average, initialised to the generator's parameters and model state if it has none yet."""
    # Copies: two fields of a state that share a buffer cannot both be donated.
    if state.average_params is None:
        state = state.replace(average_params=jax.tree.map(jnp.copy, state.generator.params))
    if state.average_state is None and jax.tree.leaves(state.generator.model_state):
        state = state.replace(average_state=jax.tree.map(jnp.copy, state.generator.model_state))
    return state


def check_key(key: Any) -> None:
    """Raises TypeError unless `key` is one typed key."""
    if not jax.dtypes.issubdtype(getattr(key, "dtype", None), jax.dtypes.prng_key) or key.ndim:
        raise TypeError(f"key must be one typed key from jax.random.key(seed), {_not_a_key(key)}")


def init_player(player: str, network: Network, key, inputs, condition, tx) -> PlayerState:
    """A player's initial state; raises ValueError if its network does not follow the interface."""
    _check_signature("init", network.init, (key, inputs), {"condition": condition})
    try:
        variables = network.init(key, inputs, condition=condition)
    except TypeError:
        # A flax module's own init accepts any arguments, and passes all except the key to the module.
        if callable(module := getattr(network.init, "__self__", None)):
            _check_signature("init", module, (inputs,), {"condition": condition})
        raise
    if not isinstance(variables, Mapping) or "params" not in variables:
        got = type(variables).__name__
        raise ValueError(f'a network\'s init must return {{"params": ...}}, got {got}; {_CONTRACT}')
    variables = dict(variables)
    # jnp.array gives leaves a definite dtype and their own buffer, so that the second step is not traced again.
    params = jax.tree.map(lambda x: jnp.array(x, jnp.result_type(x)), variables.pop("params"))
    _check_needs_no_loss(f"{player}_tx", tx, params)
    return PlayerState(params, jax.tree.map(jnp.array, variables), tx.init(params))


def _check_signature(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict) -> None:
    """Raises ValueError if a network's init or apply does not accept these arguments."""
    try:
        signature = inspect.signature(function.function if isinstance(function, PerExample) else function)
    except ValueError:  # some builtin functions have no signature
        return
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise ValueError(f"a network's {name} could not be called: {error}; {_CONTRACT}") from error


def _check_outputs(
    generator: Network, discriminator: Network, state: TrainState, latents, example, condition: chex.ArrayTree | None
) -> None:
    """Raises ValueError if a network does not follow the interface, or networks and data do not fit together."""

    def outputs_of(network, player, inputs):
        options, variables = {"condition": condition, "key": None, "train": False}, player.variables
        _check_signature("apply", network.apply, (variables, inputs), options)
        try:
            result = jax.eval_shape(lambda v, x, c: network.apply(v, x, condition=c), variables, inputs, condition)
        except Exception:  # it may need a key or a device axis; the step raises any other error
            return None
        if not isinstance(result, tuple) or len(result) != 2 or isinstance(result, DiscriminatorOutput):
            raise ValueError(f"a network's apply must return (outputs, model_state), got {result}; {_CONTRACT}")
        return result[0]

    samples = outputs_of(generator, state.generator, latents)
    if isinstance(samples, DiscriminatorInputs):  # their shapes only concern the two players
        return
    if samples is not None and samples.shape != example.shape:
        raise ValueError(
            f"the generator makes examples {samples.shape[1:]}, and the data's are {example.shape[1:]}; example is "
            f"[batch, ...], and has the shape {example.shape}"
        )
    output = outputs_of(discriminator, state.discriminator, example)
    if output is not None:
        shapes = [leaf.shape for leaf in jax.tree.leaves(DiscriminatorOutput.of(output).logits)]
        if not shapes or () in shapes:
            raise ValueError(f"the discriminator must return logits [batch] or [batch, ...], got {shapes or 'nothing'}")


def check_state(state: Any, generator_tx: Any = None, discriminator_tx: Any = None) -> None:
    """Raises ValueError unless `state` is a `TrainState` with states of these optimizers."""
    if not isinstance(state, TrainState):
        raise ValueError(f"state must be a TrainState, from init_state or a training step, got {given(state)}")
    for name, tx in (("generator", generator_tx), ("discriminator", discriminator_tx)):
        player = getattr(state, name)
        wanted: Any = jax.tree.structure(jax.eval_shape(tx.init, player.params))
        if wanted != jax.tree.structure(player.opt_state):
            raise ValueError(
                f"state.{name}.opt_state is not of {name}_tx; give init_state and the step the same optimizer"
            )


def misfit(name: str, network: Network, player: PlayerState, inputs: chex.Array, condition: Any) -> str:
    """Why a network cannot be applied to inputs with a player's variables, in one sentence; "" if it can.

    Compares the variables with those that the network's init would create.
    """
    try:
        begin = jax.eval_shape(
            lambda key, x, c: network.init(key, x, condition=c), jax.random.key(0), inputs, condition
        )
        wanted, there = (_shapes(variables) for variables in (dict(begin), player.variables))
    except Exception:  # the network does not accept such inputs, or needs a device axis
        return ""
    if (differing := [path for path in wanted | there if wanted.get(path) != there.get(path)]) == []:
        return ""
    path = differing[0]
    has, wants = (f"{shape}" if shape is not None else "not there" for shape in (there.get(path), wanted.get(path)))
    conditions = "no condition" if condition is None else f"a condition {shapes_of(condition)}"
    return (
        f"the {name} and the state do not belong together: {path} is {has} in the state, and {wants} in the network "
        f"for inputs {shapes_of(inputs)} with {conditions}; use the network, latent and condition that init_state had"
    )


def _shapes(variables: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): jnp.shape(leaf) for path, leaf in leaves}


def check_floats(examples: chex.Array, name: str) -> None:
    """Raises ValueError, with advice on scaling, unless examples are floats: bytes are outside a generator's range."""
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
    """Raises ValueError unless a batch has float examples [k + own, batch, ...], optional conditions, and nothing else.

    `own` is the number of the generator's own minibatches.
    """
    if not isinstance(batch, Mapping):
        raise ValueError(f'batch must be a dict {{"real": [k, batch, ...]}}, got {given(batch)}')
    names = [name for name, leaf in batch.items() if leaf is not None]
    known = ("real", "condition")
    for name in names:
        if name not in known:
            # Any other name is most likely meant for the missing entry.
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
    if not shape[1]:
        raise ValueError(f'batch["real"] [k, batch, ...] has no examples, got shape {shape}')
    check_condition(batch.get("condition"), shape[:2], 'batch["condition"]')
    check_floats(batch["real"], 'batch["real"]')


def check_pair(fake: chex.ArrayTree, real: chex.ArrayTree) -> None:
    """Raises ValueError unless what a model makes and its data are floats of the same shapes."""
    shapes = [jax.tree.map(jnp.shape, side) for side in (fake, real)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"fake and real must have the same shapes [batch, ...], got {shapes[0]} and {shapes[1]}")
    for name, side in (("fake", fake), ("real", real)):
        for leaf in jax.tree.leaves(side):
            check_floats(leaf, name)


def check_condition(condition: chex.ArrayTree | None, lead: tuple[int, ...], where: str) -> None:
    """Raises ValueError, which names `where`, unless a condition's leaves are [*lead, ...], like its examples."""
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
    """Raises ValueError for arguments of `make_train_step` that are invalid, or that exclude each other."""
    # Counts.
    counts = {"discriminator_steps": (discriminator_steps, 1), "generator_steps": (generator_steps, 1)}
    counts |= {"accumulation_steps": (spec.accumulation_steps, 1), "unrolled_steps": (spec.unrolled_steps, 0)}
    for name, (count, least) in (counts | {"generator_batches": (generator_batches, 0)}).items():
        check_count(name, count, least)

    if updates not in UPDATES:
        raise ValueError(f"updates must be one of {', '.join(UPDATES)}, got {updates!r}")

    # Each argument on its own. A traced number cannot be checked.
    _check_parts(spec.generator, spec.discriminator, spec.generator_tx, spec.discriminator_tx, spec.latent)
    _check_loss(spec.loss)
    for name, number in {"average_decay": average_decay, "consensus": spec.consensus}.items():
        if not (number is None or isinstance(number, int | float) or hasattr(number, "dtype")):
            raise ValueError(f"{name} must be a number, got {given(number)}")
    if isinstance(average_decay, int | float) and not 0 <= average_decay < 1:
        raise ValueError(f"average_decay must lie in [0, 1), got {average_decay}")
    if isinstance(spec.consensus, int | float) and not 0 <= spec.consensus < float("inf"):
        raise ValueError(f"consensus must be a finite number of at least 0, got {spec.consensus}")
    check_list("penalties", spec.penalties, PENALTIES, _check_penalty)
    check_list("terms", spec.terms, TERMS, _check_term)
    for name, part, kind in (
        ("coordination", coordination, Coordination),
        ("latent_optimization", spec.latent_optimization, LatentOptimization),
    ):
        if part is not None and not isinstance(part, kind):
            where = f"jaxgan.{name}.{kind.__name__}"
            raise ValueError(f"{name} must be a {where}(...), see help({where}), or None, got {given(part)}")

    # Arguments that exclude each other.
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
    if spec.condition_prior is not None and any(term.pairs for term in spec.terms):
        raise ValueError(
            "a term compares examples with those generated under their conditions; leave condition_prior or it out"
        )


def _check_parts(generator: Any, discriminator: Any, generator_tx: Any, discriminator_tx: Any, latent: Any) -> None:
    """Raises ValueError for invalid networks, optimizers or latents."""
    check_network("generator", generator)
    check_network("discriminator", discriminator)
    check_optimizer("generator_tx", generator_tx)
    check_optimizer("discriminator_tx", discriminator_tx)
    check_latent(latent)


def check_network(name: str, network: Any) -> None:
    """Raises ValueError unless `network` is a `Network`."""
    if not isinstance(network, Network):
        raise ValueError(f"{name} must be a jaxgan.Network(init, apply), got {given(network)}; {_CONTRACT}")


def check_latent(latent: Any) -> None:
    """Raises ValueError unless `latent` is a `Latent`."""
    if not hasattr(latent, "sample"):
        raise ValueError(
            'latent must be a Latent, such as LATENTS["normal"](dim), which is made with its dimension, got '
            f"{given(latent)}"
        )


def check_optimizer(name: str, tx: Any) -> None:
    """Raises ValueError unless `tx` is an optimizer whose updates need only gradients."""
    if not callable(getattr(tx, "init", None)) or not callable(getattr(tx, "update", None)):
        call = "; call it with its learning rate" if callable(tx) else ""
        raise ValueError(
            f"{name} must be an optax gradient transformation, such as optax.adam(2e-4, b1=0.5), got {given(tx)}{call}"
        )
    _check_needs_no_loss(name, tx)


def _check_needs_no_loss(name: str, tx: Any, params: chex.ArrayTree | None = None) -> None:
    """Raises ValueError unless an optimizer's updates need only gradients and parameters.

    Args:
      params: the parameters to try it on; None for a single array, which some optimizers (such as masked ones) reject.
    """
    if not isinstance(tx, optax.GradientTransformationExtraArgs):
        return
    array = jax.ShapeDtypeStruct((2,), jnp.float32)
    tried = _update_works(tx, array)
    if tried is None and params is not None:
        tried = _update_works(tx, params)
    if tried is False:
        raise ValueError(
            f"{name} needs the loss itself in each update (value, value_fn or grad_fn), as optax.lbfgs and "
            "optax.contrib.reduce_on_plateau do; the losses of two players rise and fall with each other and are not "
            "passed to it; use a transformation of gradients, such as optax.adam"
        )


def _update_works(tx: optax.GradientTransformationExtraArgs, params: chex.ArrayTree) -> bool | None:
    """Whether an update works without the loss, tried on shapes; None if it works neither with nor without it."""

    def value_fn(params, **_):
        return optax.tree.norm(params)

    def update(names, params):
        of_the_loss = {"value": value_fn(params), "grad": params, "value_fn": value_fn, "grad_fn": lambda p, *_: p}
        return tx.update(params, tx.init(params), params, **{name: of_the_loss[name] for name in names})

    for names in ((), ("value", "grad", "value_fn"), ("grad_fn",)):
        try:
            jax.eval_shape(functools.partial(update, names), params)
        except Exception:  # from optax's or a user's transformation
            continue
        return not names
    return None


def _check_loss(loss: Any) -> None:
    """Raises ValueError unless `loss` is a `Loss`."""
    if isinstance(loss, str):
        known = LOSSES[loss]  # raises an error for an unknown name
        how = "" if isinstance(known, Loss) else "(...)"
        raise ValueError(f'loss must be a pair of functions, got the name {loss!r}; pass LOSSES["{loss}"]{how}')
    if not isinstance(loss, Loss):
        call = "; one of LOSSES that is a function makes a loss when it is called" if callable(loss) else ""
        raise ValueError(
            f'loss must be one of LOSSES, such as LOSSES["non_saturating"], or a jaxgan.Loss(discriminator, generator) '
            f"of two functions of (real_logits, fake_logits), got {given(loss)}{call}"
        )


def check_list(name: str, parts: Any, table: Mapping[str, Any], check: Callable[[Any], None]) -> None:
    """Raises ValueError unless an argument is a list of entries made by the functions of a table, or similar ones."""
    kind, first = name.removesuffix("ies") + "y" if name.endswith("ies") else name.removesuffix("s"), next(iter(table))
    if isinstance(parts, str | Mapping | Term) or not isinstance(parts, Iterable):
        one = "one function; put it in a list" if callable(parts) else "one; put it in a list"
        wrong = one if callable(parts) or isinstance(parts, Term) else given(parts)
        example = f'[{name.upper()}["{first}"](weight)]'
        raise ValueError(f"{name} must be a list or tuple of {name}, such as {example}, got {wrong}")
    for part in parts:
        known = next((entry for entry, value in table.items() if value is part), None)
        if isinstance(part, str):
            known = known or part
            table[part]  # raises an error for an unknown name
        if known:
            raise ValueError(f'a {kind} is made with its weight: pass {name.upper()}["{known}"](weight)')
        check(part)


def _check_penalty(penalty: Any) -> None:
    function = penalty.penalty if isinstance(penalty, Lazy) else penalty
    if not callable(function):
        raise ValueError(f"a penalty must be a function (critic, real, fake, key) -> scalar, got {given(penalty)}")
    try:
        signature = inspect.signature(function)
        options = {"shard": None} if "shard" in signature.parameters else {}
        signature.bind(*[None] * 4, **options)
    except TypeError as error:
        raise ValueError(f"a penalty must take (critic, real, fake, key), and {given(function)} has {error}") from error
    except ValueError:  # some builtin functions have no signature
        return


def _check_term(term: Any) -> None:
    if not isinstance(term, Term):
        raise ValueError(f"a term must be a jaxgan.Term(discriminator, generator), got {term!r}")


def _not_a_key(key: Any) -> str:
    """Describes an invalid key."""
    if jax.dtypes.issubdtype(getattr(key, "dtype", None), jax.dtypes.prng_key):
        return f"got an array of them, {key.shape}"
    if getattr(key, "dtype", None) == jnp.uint32:
        return "not an array from jax.random.PRNGKey(seed)"
    return f"got {given(key)}"
