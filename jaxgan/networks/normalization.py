"""Normalisations by name: of a layer's outputs, or of its weights."""

from collections.abc import Callable
from typing import Any

import chex
from flax import linen

from jaxgan.networks.dense import Dense
from jaxgan.networks.virtual_batch_norm import VirtualBatchNorm
from jaxgan.networks.weights import FROM_DATA, WEIGHTS

OF_WEIGHTS = (*(name for name in WEIGHTS if name != "plain"), FROM_DATA)

NORMALIZATIONS = ("batch", "none", "layer", "instance", "virtual", *OF_WEIGHTS)
"""batch: over the batch, of all devices; layer: over an example; instance: over a channel of an example; virtual: over
a fixed batch and the example, in generators; none; and those of weights, `jaxgan.networks.weights.WEIGHTS`."""


def check_normalization(network: str, name: str, *, generator: bool, leave_out: tuple[str, ...] = ()) -> None:
    """Raises ValueError where a network does not have a normalisation.

    Args:
      network: its name, for the message.
      name: of the normalisation.
      generator: whether it is one; a discriminator is never "virtual", a fixed batch being real or fake, and not both.
      leave_out: those that it does not have.
    """
    known = [known for known in NORMALIZATIONS if known not in leave_out and (generator or known != "virtual")]
    if name not in known:
        player = "generator" if generator else "discriminator"
        raise ValueError(f"no normalization {name!r} in a {network} {player}; one of {', '.join(known)}")


def weights_for(normalization: str) -> str:
    """The name in `WEIGHTS` for the layers of a network of this normalisation."""
    return normalization if normalization in OF_WEIGHTS else "plain"


def has_bias(normalization: str) -> bool:
    """Whether layers need a bias of their own: behind a normalisation of outputs, that has one."""
    return normalization == "none" or normalization in OF_WEIGHTS


def normalizer(
    name: str, *, train: bool, axis_name: str | None = None, affine: bool = True, reference: int = 0
) -> Callable[[chex.Array], chex.Array]:
    """A function that normalises what it is given, called in a module's own call.

    Args:
      name: one of `NORMALIZATIONS`.
      train: batch: take the statistics from the batch, and move the running ones towards them (by a tenth).
      axis_name: batch: devices over whose examples they are taken.
      affine: multiply by a learnt scale and add a learnt bias, for every channel.
      reference: virtual: how many examples of the batch, the first, are the fixed ones.

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


def modulated(hidden: chex.Array, condition: chex.Array | None) -> chex.Array:
    """h·(1 + Γc) + Bc for every channel, Γ and B starting near 0, of normalised h: conditional batch normalisation,
    where these have no scales and biases of their own. Called in a module's own call.

    Args:
      hidden: h, [batch, ..., channels].
      condition: c, [batch, ...] features, or None, which leaves h as it is.

    Returns:
      [batch, ..., channels].

    Source: de Vries et al. 2017 (arXiv:1707.00683); in generators, Miyato and Koyama 2018 (arXiv:1802.05637).
    """
    if condition is None:
        return hidden
    channels, small = hidden.shape[-1], linen.initializers.normal(0.02)
    condition = condition.reshape(len(condition), -1)
    gamma, beta = (Dense(channels, use_bias=False, kernel_init=small)(condition) for _ in range(2))
    gamma, beta = (part.reshape(len(part), *(1,) * (hidden.ndim - 2), channels) for part in (gamma, beta))
    return hidden * (1 + gamma) + beta
