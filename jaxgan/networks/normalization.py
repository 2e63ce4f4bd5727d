"""Normalisations by name: of a layer's outputs, or of its weights."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.weights import FROM_DATA, WEIGHTS

OF_WEIGHTS = (*(name for name in WEIGHTS if name != "plain"), FROM_DATA)

NORMALIZATIONS = ("batch", "none", "layer", "instance", "virtual", *OF_WEIGHTS)
"""Statistics are taken over: the batch of all devices (batch), an example (layer), a channel of an example (instance),
a fixed batch and the example (virtual, generators only). The others normalise weights: `jaxgan.networks.weights`."""

REFERENCE = "reference"
"""Collection of the model state that holds the fixed batch of virtual batch normalisation."""

EPSILON = 1e-5


def check_normalization(network: str, name: str, *, generator: bool, leave_out: tuple[str, ...] = ()) -> None:
    """Raises ValueError for a normalisation that the network does not offer.

    Args:
      network: its name, for the message.
      name: of the normalisation.
      generator: whether the network is a generator. "virtual" is for generators only: a discriminator sees real and
        fake batches, and one fixed batch cannot be both.
      leave_out: names that the network does not offer.
    """
    known = [known for known in NORMALIZATIONS if known not in leave_out and (generator or known != "virtual")]
    if name not in known:
        player = "generator" if generator else "discriminator"
        raise ValueError(f"no normalization {name!r} in a {network} {player}; one of {', '.join(known)}")


def weights_for(normalization: str) -> str:
    """The name in `WEIGHTS` for the layers of a network with this normalisation."""
    return normalization if normalization in OF_WEIGHTS else "plain"


def has_bias(normalization: str) -> bool:
    """Whether layers need a bias of their own. A normalisation of outputs brings one."""
    return normalization == "none" or normalization in OF_WEIGHTS


def normalizer(
    name: str, *, train: bool, axis_name: str | None = None, affine: bool = True, reference: int = 0
) -> Callable[[chex.Array], chex.Array]:
    """A function that normalises hidden units, to be called inside a module's compact call.

    Args:
      name: one of `NORMALIZATIONS`.
      train: batch: use the batch's statistics, and move the running ones a tenth of the way to them.
      axis_name: batch: devices over whose examples the statistics are taken.
      affine: multiply by a learnt scale and add a learnt bias per channel.
      reference: virtual: the number of leading rows that are the fixed batch.

    Returns:
      `[batch, ..., channels] -> [batch, ..., channels]`.
    """
    options: dict[str, Any] = {"use_scale": affine, "use_bias": affine}
    if has_bias(name):
        return lambda hidden: hidden
    if name == "batch":
        return lambda hidden: linen.BatchNorm(
            use_running_average=not train, momentum=0.9, axis_name=axis_name, **options
        )(hidden)
    if name == "virtual":
        return lambda hidden: VirtualBatchNorm(reference, affine)(hidden)
    groups: dict[str, Any] = {"num_groups": 1} if name == "layer" else {"num_groups": None, "group_size": 1}
    return lambda hidden: linen.GroupNorm(**groups, **options)(hidden)


class VirtualBatchNorm(linen.Module):
    """Normalises every example by a fixed batch of n examples and itself, which has weight 1 / (n + 1).

    The first `reference` rows of the input are the fixed batch. It is normalised by its own statistics only.

    Attributes:
      reference: n.
      affine: multiply by a learnt scale and add a learnt bias per channel.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.5.
    """

    reference: int
    affine: bool = True

    @linen.compact
    def __call__(self, hidden):
        n, channels = self.reference, hidden.shape[-1]
        examples = hidden.astype(jnp.float32).reshape(len(hidden), -1, channels)
        moments = jnp.stack([examples.mean(1), jnp.square(examples).mean(1)])  # of each example: [2, batch, channels]
        fixed = moments[:, :n].mean(1, keepdims=True)
        combined = (n * fixed + moments[:, n:]) / (n + 1)
        mean, square = jnp.concatenate([jnp.broadcast_to(fixed, (2, n, channels)), combined], axis=1)[:, :, None]
        outputs = (examples - mean) * jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0) + EPSILON)
        if self.affine:
            scale = self.param("scale", linen.initializers.ones, (channels,))
            bias = self.param("bias", linen.initializers.zeros, (channels,))
            outputs = outputs * scale[None, None] + bias[None, None]
        return outputs.reshape(hidden.shape).astype(hidden.dtype)


def with_reference(
    module: linen.Module, inputs: chex.Array, condition: chex.Array | None
) -> tuple[chex.Array, chex.Array | None, int]:
    """Puts the fixed batch in front of the inputs: the inputs and conditions with which the network was initialised.

    Args:
      module: the network, whose model state holds the fixed batch.
      inputs: [batch, ...].
      condition: [batch, ...], or None.

    Returns:
      Inputs [n + batch, ...], conditions likewise, and n. The caller drops the network's first n outputs.
    """
    fixed = module.variable(REFERENCE, "inputs", lambda: inputs).value
    both = jnp.concatenate([fixed.astype(inputs.dtype), inputs])
    if condition is None:
        return both, None, len(fixed)
    conditions = module.variable(REFERENCE, "condition", lambda: condition).value
    return both, jnp.concatenate([conditions.astype(condition.dtype), condition]), len(fixed)
