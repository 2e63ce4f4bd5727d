"""What the networks of flax linen modules share: a factory of each, and checks of their attributes."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from jaxgan.adapters import from_linen as from_linen
from jaxgan.fields import check_arguments
from jaxgan.tables import nearest
from jaxgan.types import Network


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
