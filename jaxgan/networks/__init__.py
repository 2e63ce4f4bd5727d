"""Networks by name. To add one, write its function in a file of its own and one line of `NETWORKS`."""

from collections.abc import Callable

from jaxgan.networks.linen import from_linen
from jaxgan.networks.maxout import maxout
from jaxgan.networks.mlp import mlp
from jaxgan.state import Network

NETWORKS: dict[str, Callable[..., Network]] = {"mlp": mlp, "maxout": maxout}

__all__ = ["NETWORKS", "from_linen", "maxout", "mlp"]
