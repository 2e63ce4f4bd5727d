"""Flax linen modules as a `Network`."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from flax import linen

from jaxgan.fields import check_arguments
from jaxgan.tables import nearest
from jaxgan.types import Network


def from_linen(module: linen.Module, *, per_example: bool = False, independent: bool = False) -> Network:
    """Wraps a linen module whose call takes `(inputs, *, condition=None, train=False)`.

    Args:
      module: the module. Collections other than "params", such as batch statistics, become the player's model state.
      per_example: the module's call takes a further keyword `keys`, one key per example, and draws its noise from
        them, so the noise does not depend on the number of devices. Otherwise the module draws from flax's "dropout"
        stream, and every device has its own stream.
      independent: only with `per_example`: the output of an example depends on that example only, see `Network`.

    Returns:
      A `Network`.
    """

    def init(key, inputs, condition=None):
        return module.init(key, inputs, condition=condition)

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        options = {"condition": condition, "train": train}
        if per_example:
            options["keys"] = key
        elif key is not None:
            options["rngs"] = {"dropout": key}
        state = {name: value for name, value in variables.items() if name != "params"}
        if not train or not state:
            return module.apply(variables, inputs, **options), state
        return module.apply(variables, inputs, mutable=list(state), **options)

    return Network(init, apply, per_example, independent)


def factory(module: Callable[..., Any]) -> Callable[..., Network]:
    """A function from a module's attributes to a `Network`, with the module's signature and documentation.

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


def check_choice(network: str, field: str, name: str, known: Collection[str]) -> None:
    """Raises ValueError if `name` is not one of the `known` values of a network's field."""
    if name not in known:
        raise ValueError(f"no {field} {name!r} in a {network}{nearest(name, known) or '; one of ' + ', '.join(known)}")
