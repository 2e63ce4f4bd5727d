"""Modules of flax (linen and nnx), equinox and haiku as a `Network`, one function each.

The first argument of a module's call is its inputs. The call may also take a keyword `condition`, and a keyword that
says whether the module is in training: one of `TRAINING`. Keywords that the call does not take are not passed. All
variables except the trained parameters, such as batch statistics, become the player's model state. Each library is
imported when its function is called.
"""

import functools
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import extras
from jaxgan.fields import check_arguments, given
from jaxgan.types import Network

TRAINING = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "inference": False,
    "use_running_average": False,
}
"""Keywords of a module's call that say whether it is in training, with their value in training."""


def from_linen(module: Any, *, per_example: bool = False, independent: bool = False) -> Network:
    """Adapts a flax linen module, for example `from_linen(nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(2)]))`.

    Args:
      module: the module. Collections other than "params", such as batch statistics, become the player's model state;
        values that it sows are dropped.
      per_example: the module's call takes a further keyword `keys`, one key per example, and draws its noise from
        these keys, so the noise does not depend on the number of devices. Otherwise the module draws from flax's
        "dropout" stream, and every device has its own stream.
      independent: only with `per_example`: the output of an example depends on that example only; see `Network`.

    Raises:
      TypeError: the module is a class, or belongs to another library.
    """
    if isinstance(module, type) or not callable(getattr(module, "apply", None)):
        raise TypeError(f"from_linen takes a flax linen module, such as nn.Dense(2), got {given(module)}")
    options = _options(type(module).__call__)

    def init(key, inputs, condition=None):
        variables = dict(module.init(key, inputs, **options(condition, False)))
        variables.pop("intermediates", None)
        return {"params": {}, **variables}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        arguments = options(condition, train)
        if per_example:
            arguments["keys"] = key
        elif key is not None:
            arguments["rngs"] = {"dropout": key}
        state = {name: value for name, value in variables.items() if name != "params"}
        if not train or not state:
            return module.apply(variables, inputs, **arguments), state
        return module.apply(variables, inputs, mutable=list(state), **arguments)

    return Network(init, apply, per_example, independent)


def factory(module: Callable[..., Any]) -> Callable[..., Network]:
    """A function from a linen module's attributes to a `Network`, with the module's signature and documentation.

    Args:
      module: linen module class with a method `as_network`.

    Returns:
      A function `(**attributes) -> Network`, named like the module in lower case. Lists become tuples.
    """

    def build(**attributes: Any) -> Network:
        check_arguments(build, attributes)
        frozen = {field: tuple(value) if isinstance(value, list) else value for field, value in attributes.items()}
        return module(**frozen).as_network()

    fields = [field for field in inspect.signature(module).parameters.values() if field.name not in ("parent", "name")]
    keywords = [field.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field in fields]
    build.__signature__ = inspect.Signature(keywords, return_annotation=Network)  # type: ignore[attr-defined]
    build.__name__ = build.__qualname__ = module.__name__.lower()
    build.__doc__ = module.__doc__
    return build


def from_nnx(make: Callable[..., Any]) -> Network:
    """A flax nnx module as a network, for example `from_nnx(lambda rngs: nnx.Linear(2, 64, rngs=rngs))`.

    The parameters are a nested dict. The module is in `train()` mode during training and in `eval()` mode otherwise.
    It draws noise from the streams that it was made with. In training, the streams start from the key of each call;
    outside training there is no such key, and they start from a fixed one. Every device has its own noise and, in
    training, its own batch statistics, which are then averaged.

    Args:
      make: `rngs -> module`, called with `nnx.Rngs`; or a module's class that takes `rngs` alone.

    Raises:
      TypeError: `make` is a module, or does not return one, or takes other arguments.
      ModuleNotFoundError: flax is not installed.
    """
    nnx = _library("flax.nnx")
    example = "lambda rngs: Module(..., rngs=rngs)"
    _check_maker("from_nnx", make, nnx.Module, example)
    bound = make if isinstance(make, functools.partial) else functools.partial(make)
    # The signature of an nnx class is that of its metaclass.
    made_by = functools.partial(getattr(bound.func, "__init__"), None, *bound.args, **bound.keywords)  # noqa: B009
    signature = inspect.signature(made_by if isinstance(bound.func, type) else make)
    rngs = signature.parameters.get("rngs")
    by_name = rngs is not None and rngs.kind is not rngs.POSITIONAL_ONLY
    made = (lambda rngs: make(rngs=rngs)) if by_name else make
    try:
        signature.bind(**{"rngs": None}) if by_name else signature.bind(None)
    except TypeError as error:
        raise TypeError(f"from_nnx calls its argument with nnx.Rngs alone: {error}; give {example}") from None
    abstract = nnx.eval_shape(lambda: made(nnx.Rngs(0)))
    if not isinstance(abstract, nnx.Module):
        raise TypeError(
            f"from_nnx takes a function of nnx.Rngs that makes a module, and this one makes {given(abstract)}"
        )
    options = _options(type(abstract).__call__)
    graph, *parts = nnx.split(abstract, nnx.Param, nnx.RngState, ...)

    def variables_of(module):
        _, params, _, state = nnx.split(module, nnx.Param, nnx.RngState, ...)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def filled(part, values):
        part = jax.tree.map(lambda leaf: leaf, part)  # a copy
        nnx.replace_by_pure_dict(part, values)
        return part

    def init(key, inputs, condition=None):
        params, state = variables_of(made(nnx.Rngs(key)))
        return {"params": params, **({"state": state} if jax.tree.leaves(state) else {})}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        count = iter(range(len(jax.tree.leaves(parts[1]))))
        key = jax.random.key(0) if key is None else key

        def stream(leaf):
            """Returns the key of a stream, or the reset counter of its draws."""
            of_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            return jax.random.fold_in(key, next(count)) if of_key else jnp.zeros(leaf.shape, leaf.dtype)

        params = filled(parts[0], variables["params"])
        state = filled(parts[2], variables.get("state", {}))
        module = nnx.merge(graph, params, jax.tree.map(stream, parts[1]), state)
        module.train() if train else module.eval()
        outputs = module(inputs, **options(condition, train))
        if not train or "state" not in variables:
            return outputs, {name: value for name, value in variables.items() if name != "params"}
        return outputs, {"state": _those_of(variables["state"], variables_of(module)[1])}

    return Network(init, apply)


def from_equinox(make: Callable[[Any], Any], *, axis_name: str | None = None) -> Network:
    """An equinox module as a network, for example `from_equinox(lambda key: eqx.nn.MLP(2, 1, 64, 2, key=key))`.

    The module processes one example, as is usual in equinox, and is mapped over the batch. Its call may take a keyword
    `key`. In training this is the example's own key, so noise does not depend on the number of devices. If the module
    has state, its call takes the state as second argument and returns `(outputs, state)`. A discriminator's output is a
    scalar (`out_size="scalar"`). The parameters are the floating arrays: a dict by path, such as "layers.0.weight".

    Args:
      make: `key -> module`. Attributes that are not arrays must not depend on the key.
      axis_name: name of the axis over a device's examples, for `eqx.nn.BatchNorm(..., axis_name=...)` and the like. It
        must not be "batch", the name of the device axis. None: examples do not depend on each other. With an axis name
        and several devices, the step runs under "pmap" (which "auto" chooses on one host), since JAX does not support
        this under "shard_map".

    Raises:
      TypeError: `make` is a module, or does not return one.
      ModuleNotFoundError: equinox is not installed.
    """
    eqx = _library("equinox")
    _check_maker("from_equinox", make, eqx.Module, "lambda key: Module(..., key=key)")
    make_both = eqx.nn.make_with_state(make)
    abstract, abstract_state = eqx.filter_eval_shape(make_both, jax.random.key(0))
    if not isinstance(abstract, eqx.Module):
        raise TypeError(
            f"from_equinox takes a function of a key that makes a module, and this one makes {given(abstract)}"
        )
    options, has_state = _options(type(abstract).__call__), bool(jax.tree.leaves(abstract_state))
    takes_key = "key" in inspect.signature(type(abstract).__call__).parameters
    static = eqx.filter(abstract, lambda leaf: not _is_array(leaf))

    def init(key, inputs, condition=None):
        module, state = make_both(key)
        params, others = (_by_place(eqx.filter(module, part)) for part in (_is_floating, _is_other_array))
        more = {"constants": others, "state": _by_place(state)}
        return {"params": params, **{name: part for name, part in more.items() if part}}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        if axis_name is not None and _varies_over_devices(jax.tree.leaves(inputs)[0]):
            raise ValueError(
                f'JAX has no mean over the axis "{axis_name}" of examples under shard_map; use mapping="pmap"'
            )
        params = _from_places(eqx.filter(abstract, _is_floating), variables["params"])
        others = _from_places(eqx.filter(abstract, _is_other_array), variables.get("constants", {}))
        state = _from_places(abstract_state, variables.get("state", {}))
        module = eqx.nn.inference_mode(eqx.combine(params, others, static), not train)

        def call(example, condition, key):
            arguments = options(condition, train) | ({"key": key} if takes_key else {})
            return module(example, state, **arguments) if has_state else (module(example, **arguments), state)

        outputs, after = jax.vmap(call, out_axes=(0, None), axis_name=axis_name)(inputs, condition, key)
        kept = {name: value for name, value in variables.items() if name != "params"}
        return outputs, (kept | {"state": _by_place(after)} if train and has_state else kept)

    return Network(init, apply, per_example=True, independent=axis_name is None)


def from_haiku(function: Callable[..., Any]) -> Network:
    """A function that makes and calls haiku modules as a network, for example `from_haiku(lambda x: hk.Linear(2)(x))`.

    Args:
      function: any argument of `hk.transform_with_state`: `inputs -> outputs`, with the keywords that the docstring of
        this file describes. In training it draws noise by `hk.next_rng_key()`. Every device has its own noise and, in
        training, its own batch statistics, which are then averaged.

    Raises:
      TypeError: `function` is a haiku module, or is already transformed.
      ModuleNotFoundError: haiku is not installed.
    """
    hk = _library("haiku")
    if isinstance(function, hk.Transformed | hk.TransformedWithState | hk.Module) or not callable(function):
        raise TypeError(
            "from_haiku takes the function that hk.transform takes, which makes its modules in each call, such as "
            f"lambda x: hk.Linear(2)(x), got {given(function)}"
        )
    transformed, options = hk.transform_with_state(function), _options(function)

    def init(key, inputs, condition=None):
        params, state = transformed.init(key, inputs, **options(condition, True))
        return {"params": params, **({"state": state} if state else {})}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        state = variables.get("state", {})
        outputs, after = transformed.apply(variables["params"], state, key, inputs, **options(condition, train))
        return outputs, ({"state": after if train else state} if state else {})

    return Network(init, apply)


def _library(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(str(extras.missing(error) or error), name=error.name) from error


def _check_maker(name: str, make: Any, kind: type, example: str) -> None:
    """Raises TypeError unless `make` is a function that is not itself a module."""
    if isinstance(make, kind) or not callable(make):
        raise TypeError(f"{name} takes a function that makes the module, such as {example}, got {given(make)}")


def _options(call: Callable[..., Any]) -> Callable[[Any, bool], dict[str, Any]]:
    """Returns `(condition, train) -> keywords`, restricted to the keywords that a module's call takes."""
    takes = inspect.signature(call).parameters

    def options(condition: Any, train: bool) -> dict[str, Any]:
        if condition is not None and "condition" not in takes:
            raise ValueError(
                "this module takes no condition; give its call a keyword condition, or wrap its network in "
                "jaxgan.conditions.unconditional, or leave the condition out"
            )
        flags = {name: train == training for name, training in TRAINING.items() if name in takes}
        return flags | ({"condition": condition} if "condition" in takes else {})

    return options


def _varies_over_devices(array: jax.Array) -> bool:
    """Whether an array varies over the devices under shard_map."""
    kind: Any = jax.typeof(array)
    kind = getattr(kind, "manual_axis_type", kind)  # the attribute's place differs between versions of JAX
    return bool(getattr(kind, "varying", getattr(kind, "vma", None)))


def _those_of(template: Any, tree: Any) -> Any:
    """Drops the entries of a nested dict that the template does not have, such as sown values."""
    if not isinstance(template, dict):
        return tree
    return {name: _those_of(part, tree[name]) for name, part in template.items()}


def _is_array(leaf: Any) -> bool:
    """Whether a leaf is an array or a `ShapeDtypeStruct`."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)


def _is_floating(leaf: Any) -> bool:
    return _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_other_array(leaf: Any) -> bool:
    return _is_array(leaf) and not jnp.issubdtype(leaf.dtype, jnp.inexact)


def _by_place(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by their paths."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _from_places(template: Any, leaves: dict[str, Any]) -> Any:
    """The inverse of `_by_place`: a pytree with the template's structure and these leaves."""
    return jax.tree.unflatten(jax.tree.structure(template), [leaves[place] for place in _by_place(template)])
