"""Normalisations by name: of a layer's outputs, or of its weights.

With a normalisation of weights, a layer uses a function of its parameter "kernel" as its kernel.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.fields import check_choice

SPECTRAL = "spectral"
"""Collection of the model state that holds the vectors u of spectral normalisation."""

REFERENCE = "reference"
"""Collection of the model state that holds the fixed batch of virtual batch normalisation."""

FROM_DATA = "weight_from_data"
"""Name of `weight_from_data`, which is not in `WEIGHTS` because it also reads the layer's inputs."""

FEWEST = 16
"""Minimum size of a fixed batch, since an example's own weight in the statistics is 1 / (n + 1)."""

EPSILON = 1e-5

TINY = 1e-30
"""A weight whose entries are all smaller than this counts as zero, because its inverse would overflow float32."""


def check_normalization(network: str, player: str, name: str, leave_out: tuple[str, ...]) -> None:
    """Raises ValueError for a normalisation in `leave_out`, an unknown one, or "virtual" in a discriminator.

    A discriminator sees real and fake batches, so a single fixed batch cannot serve for both.
    """
    left_out = leave_out if player == "generator" else (*leave_out, "virtual")
    known = [known for known in NORMALIZATIONS if known not in left_out]
    check_choice(f"{network} {player}", "normalization", name, known)


def weights_for(normalization: str) -> str:
    """The name in `WEIGHTS` for the layers of a network with this normalisation, or "plain"."""
    return normalization if normalization in OF_WEIGHTS else "plain"


def has_bias(normalization: str) -> bool:
    """Whether layers need their own bias. A normalisation of outputs already has one."""
    return normalization == "none" or normalization in OF_WEIGHTS


def normalizer(
    name: str, *, train: bool, axis_name: str | None = None, condition: chex.Array | None = None, reference: int = 0
) -> Callable[[chex.Array], chex.Array]:
    """A function that normalises hidden units; call it inside a module's compact method.

    Args:
      name: one of `NORMALIZATIONS`.
      train: for "batch": use the batch's statistics, and move the running statistics a tenth of the way towards them.
      axis_name: for "batch": device axis over whose examples the statistics are computed.
      condition: features [batch, ...] that determine the scales and biases (`modulated`); None for learned ones.
      reference: for "virtual": the number of leading rows that form the fixed batch.

    Returns:
      `[batch, ..., channels] -> [batch, ..., channels]`.
    """
    if condition is not None:
        plain = _normalizer(name, train, axis_name, False, reference)
        return lambda hidden: modulated(plain(hidden), condition)
    return _normalizer(name, train, axis_name, True, reference)


def _normalizer(name, train, axis_name, affine, reference) -> Callable[[chex.Array], chex.Array]:
    if has_bias(name):
        return lambda hidden: hidden
    options: dict[str, Any] = {"use_scale": affine, "use_bias": affine}
    if name == "batch":
        options |= {"use_running_average": not train, "momentum": 0.9, "axis_name": axis_name}
        return lambda hidden: linen.BatchNorm(**options)(hidden)
    if name == "virtual":
        return lambda hidden: VirtualBatchNorm(reference, affine)(hidden)
    options |= {"num_groups": 1} if name == "layer" else {"num_groups": None, "group_size": 1}
    return lambda hidden: linen.GroupNorm(**options)(hidden)


def modulated(hidden: chex.Array, condition: chex.Array) -> chex.Array:
    """h·(1 + Γc) + Bc for each channel of normalised h: conditional batch norm. Γ and B are initialised near 0.

    Call it inside a module's compact method.

    Args:
      hidden: h, [batch, ..., channels], normalised without a scale and bias.
      condition: c, [batch, ...] features.

    Source: de Vries et al. 2017 (arXiv:1707.00683); in generators, Miyato and Koyama 2018 (arXiv:1802.05637).
    """
    channels, small = hidden.shape[-1], linen.initializers.normal(0.02)
    condition = condition.reshape(condition.shape[0], -1)
    gamma, beta = (linen.Dense(channels, use_bias=False, kernel_init=small)(condition) for _ in range(2))
    gamma, beta = (part.reshape(part.shape[0], *(1,) * (hidden.ndim - 2), channels) for part in (gamma, beta))
    return hidden * (1 + gamma) + beta


class VirtualBatchNorm(linen.Module):
    """Normalises each example by a fixed batch of n examples and itself; its own weight is 1 / (n + 1).

    The first `reference` rows of the input are the fixed batch, which is normalised only by its own statistics.

    Attributes:
      reference: n.
      affine: whether to multiply by a learned scale and add a learned bias per channel.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.5.
    """

    reference: int
    affine: bool = True

    @linen.compact
    def __call__(self, hidden):
        n, channels = self.reference, hidden.shape[-1]
        examples = hidden.astype(jnp.float32).reshape(hidden.shape[0], -1, channels)
        moments = jnp.stack([examples.mean(1), jnp.square(examples).mean(1)])  # for each example: [2, batch, channels]
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
    """Prepends the fixed batch to the inputs: the inputs and conditions with which the network was initialised.

    Args:
      module: the network, whose model state holds the fixed batch.
      inputs: [batch, ...].
      condition: [batch, ...], or None.

    Returns:
      Inputs [n + batch, ...], the conditions likewise, and n. The caller must drop the network's first n outputs.

    Warns:
      UserWarning: at initialisation, if n is below `FEWEST`.
    """
    if module.is_initializing() and len(inputs) < FEWEST:
        warnings.warn(
            f"virtual batch normalisation keeps the {len(inputs)} examples of init as its fixed batch, by which every "
            "sample is normalised; initialise with as many examples as a minibatch has: init_state(example=...)",
            stacklevel=2,
        )
    fixed = module.variable(REFERENCE, "inputs", lambda: inputs).value
    both = jnp.concatenate([fixed.astype(inputs.dtype), inputs])
    if condition is None:
        return both, None, len(fixed)
    conditions = module.variable(REFERENCE, "condition", lambda: condition).value
    return both, jnp.concatenate([conditions.astype(condition.dtype), condition]), len(fixed)


def weight_norm(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """w = g v / ‖v‖ per feature, with parameters "kernel" (v) and "scale" (g).

    g is initialised to ‖v‖, so w starts as the plain weight.

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), equation 2; without its initialisation from data.
    """
    kernel = module.param("kernel", init, shape)
    vectors, lengths = _lengths(kernel)
    scale = module.param("scale", lambda key: lengths.reshape(-1))
    return (vectors / lengths * scale.reshape(lengths.shape)).astype(kernel.dtype)


def weight_from_data(
    module: linen.Module, init: Callable, inputs: chex.Array, features: int, *, fixed: bool
) -> tuple[chex.Array, chex.Array]:
    """w = g v / ‖v‖ and a bias b, initialised so that wᵀx + b has mean 0 and variance 1 over the first inputs.

    Args:
      module: owner of the parameters "kernel" (v), "scale" (g) and "bias" (b).
      init: initialiser of v.
      inputs: x, [batch, n]; at initialisation, the inputs that determine g and b. For a feature that does not vary over
        them (for example with zeros, or a single example), g starts at 1 and b at 0.
      features: number of features of the layer.
      fixed: whether the gradient of g is zero. g is still a parameter, so weight decay would move it.

    Returns:
      w [n, features] and b [features].

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), section 3. The code of Salimans et al. 2016
    (arXiv:1606.03498) fixes the scales of hidden layers, so that they cannot outgrow noise of deviation 1.
    """
    kernel = module.param("kernel", init, (inputs.shape[-1], features))
    vectors, lengths = _lengths(kernel)
    directions = vectors / lengths
    first = inputs @ directions if module.is_initializing() else jnp.zeros((1, features))
    mean, deviation = first.mean(0), first.std(0)
    varies = deviation > 1e-6
    inverse = jnp.where(varies, 1 / jnp.where(varies, deviation, 1.0), 1.0)
    scale = module.param("scale", lambda key: inverse)
    bias = module.param("bias", lambda key: jnp.where(varies, -mean * inverse, 0.0))
    weights = directions * (jax.lax.stop_gradient(scale) if fixed else scale)[None]
    return weights.astype(kernel.dtype), bias


def equalized(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """√(2 / n) w with w ~ N(0, 1) and n inputs per feature, so that all weights learn at the same rate under Adam.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 4.1.
    """
    kernel = module.param("kernel", linen.initializers.normal(1.0), shape)
    return kernel * math.sqrt(2 / math.prod(shape[:-1]))


def spectral(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """A spectrally normalised kernel. Its variable u advances at every call in training, and is constant otherwise."""
    kernel = module.param("kernel", init, shape)

    def first():
        return _unit(jax.random.normal(module.make_rng("params"), shape[-1:]), jnp.ones(shape[-1]))

    state = module.variable(SPECTRAL, "u", first)
    normalized, u = spectrally_normalized(kernel, state.value)
    if module.is_mutable_collection(SPECTRAL) and not module.is_initializing():
        state.value = u
    return normalized


def spectrally_normalized(kernel: chex.Array, u: chex.Array) -> tuple[chex.Array, chex.Array]:
    """W / σ(W) after one power iteration: v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, σ = uᵀWv, where u and v count as constants.

    The true σ is at least the largest entry of W. If the estimate is below half of that entry, the entry replaces it.
    So even tiny weights give finite outputs and gradients, and a zero weight stays finite and can learn.

    Args:
      kernel: [..., features], W with features as its rows.
      u: [features], of length 1, from the previous call.

    Returns:
      The kernel divided by σ, in its own dtype, and the new u.

    Source: Miyato et al. 2018 (arXiv:1802.05957), Algorithm 1.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.abs(matrix).max())
    scaled = matrix / jnp.where(largest > TINY, largest, 1.0)  # squares of small entries would underflow
    fixed = jax.lax.stop_gradient(scaled)
    # Sums of products instead of matrix products, which a GPU or TPU may compute with fewer bits.
    v = _unit((fixed * u[None]).sum(1), jnp.zeros(len(fixed)))
    u = _unit((fixed * v[:, None]).sum(0), u)
    sigma = ((scaled * v[:, None]).sum(0) * u).sum()
    normalized = scaled / jnp.where(sigma >= 0.5, sigma, 1.0)
    return normalized.reshape(kernel.shape).astype(kernel.dtype), u


def _lengths(kernel):
    """The kernel in float32, and the length of each feature's vector (1 for zeros): [1, ..., features]."""
    vectors = kernel.astype(jnp.float32)
    squares = jnp.square(vectors).sum(tuple(range(kernel.ndim - 1)), keepdims=True)
    return vectors, jnp.sqrt(jnp.where(squares > 0, squares, 1.0))


def _unit(vector, otherwise):
    length = jnp.sqrt(jnp.square(vector).sum())
    return jnp.where(length > 0, vector / jnp.where(length > 0, length, 1.0), otherwise)


WEIGHTS: dict[str, Callable[..., chex.Array]] = {
    "spectral": spectral,
    "weight": weight_norm,
    "equalized": equalized,
}
"""`(module, init, shape) -> kernel`: computes the kernel to use; call it inside the module's compact method. `module`
owns the parameter "kernel" of that shape, with features last, and `init` initialises it."""

OF_WEIGHTS = (*WEIGHTS, FROM_DATA)

NORMALIZATIONS = ("batch", "none", "layer", "instance", "virtual", *OF_WEIGHTS)
"""Statistics are computed over the batch of all devices (batch), an example (layer), a channel of an example
(instance), or a fixed batch and the example (virtual, only in generators). The others normalise weights."""
