"""Networks by name. To add one, write its function in a file of its own and one line of `NETWORKS`."""

from collections.abc import Callable

from jaxgan.networks.cifar10 import cifar10
from jaxgan.networks.dcgan import dcgan
from jaxgan.networks.linen import from_linen
from jaxgan.networks.maxout import maxout
from jaxgan.networks.mlp import mlp
from jaxgan.networks.r3gan import r3gan
from jaxgan.networks.resnet import resnet
from jaxgan.types import Network

NETWORKS: dict[str, Callable[..., Network]] = {
    "mlp": mlp,
    "maxout": maxout,
    "dcgan": dcgan,
    "cifar10": cifar10,
    "resnet": resnet,
    "r3gan": r3gan,
}

__all__ = ["NETWORKS", "cifar10", "dcgan", "from_linen", "maxout", "mlp", "r3gan", "resnet"]
