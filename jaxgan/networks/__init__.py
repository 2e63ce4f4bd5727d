"""Networks by name. To add one, write a linen module like these in a file of its own and one line of `NETWORKS`.

A network's module declares and documents every parameter once, as an attribute, and its `as_network` checks them and
wraps the module with `from_linen`. The functions here, such as `mlp(output_shape=(), widths=(256,))`, take the
attributes as keyword arguments and return a `Network`. `output_shape=()` makes a discriminator.
"""

import inspect
from collections.abc import Callable
from typing import Any

from jaxgan.networks.cifar10 import CIFAR10
from jaxgan.networks.dcgan import DCGAN
from jaxgan.networks.linen import from_linen
from jaxgan.networks.maxout import Maxout
from jaxgan.networks.mlp import MLP
from jaxgan.networks.r3gan import R3GAN
from jaxgan.networks.resnet import ResNet
from jaxgan.types import Network


def factory(module: Callable[..., Any]) -> Callable[..., Network]:
    """A function from a module's attributes to a `Network`, with the module's signature and documentation.

    Args:
      module: linen module class with a method `as_network`.

    Returns:
      A function `(**attributes) -> Network`, named like the module in lower case. Lists become tuples.
    """

    def build(**attributes: Any) -> Network:
        frozen = {field: tuple(value) if isinstance(value, list) else value for field, value in attributes.items()}
        return module(**frozen).as_network()

    fields = [field for field in inspect.signature(module).parameters.values() if field.name not in ("parent", "name")]
    keywords = [field.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field in fields]
    build.__signature__ = inspect.Signature(keywords, return_annotation=Network)  # type: ignore[attr-defined]
    build.__name__ = build.__qualname__ = module.__name__.lower()
    build.__doc__ = module.__doc__
    return build


mlp = factory(MLP)
maxout = factory(Maxout)
dcgan = factory(DCGAN)
cifar10 = factory(CIFAR10)
resnet = factory(ResNet)
r3gan = factory(R3GAN)

NETWORKS: dict[str, Callable[..., Network]] = {
    "mlp": mlp,
    "maxout": maxout,
    "dcgan": dcgan,
    "cifar10": cifar10,
    "resnet": resnet,
    "r3gan": r3gan,
}

__all__ = ["NETWORKS", "cifar10", "dcgan", "factory", "from_linen", "maxout", "mlp", "r3gan", "resnet"]
