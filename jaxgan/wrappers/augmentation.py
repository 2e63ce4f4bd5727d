"""Differentiable augmentation of everything that a discriminator sees, real and generated examples alike.

The augmentation is part of the discriminator. The generator's gradient passes through it. Samples are not augmented.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Network

Augmentation = Callable[[chex.PRNGKey, chex.Array], chex.Array]
"""`(key, image [height, width, channels]) -> image`, of one example, differentiable in the image."""

STATE = "augmentation"
"""The collection of an adaptive augmentation's state: "probability", and "calls", the number of calls in training."""


def color(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Brightness + U(−½, ½), saturation × U(0, 2), contrast × U(½, 1½), each drawn once for an image."""
    brightness, saturation, contrast = jax.random.uniform(key, (3,))
    image = image + brightness - 0.5
    mean = image.mean(-1, keepdims=True)
    image = (image - mean) * (2 * saturation) + mean
    mean = image.mean(keepdims=True)
    return (image - mean) * (contrast + 0.5) + mean


def translation(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """A shift by up to an eighth of each side; uncovered pixels are 0."""
    height, width = image.shape[:2]
    reach = (height + 4) // 8, (width + 4) // 8
    rows, columns = (jax.random.randint(k, (), -r, r + 1) for k, r in zip(jax.random.split(key), reach, strict=True))
    padded = jnp.pad(image, ((reach[0], reach[0]), (reach[1], reach[1]), (0, 0)))
    return jax.lax.dynamic_slice(padded, (reach[0] - rows, reach[1] - columns, 0), image.shape)


def cutout(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Sets a rectangle of half of each side to 0, at a random place, possibly partly outside the image."""
    height, width = image.shape[:2]
    keys = jax.random.split(key)
    top, left = (jax.random.randint(k, (), 0, side) - side // 4 for k, side in zip(keys, (height, width), strict=True))
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    inside = (rows >= top) & (rows < top + height // 2) & (columns >= left) & (columns < left + width // 2)
    return jnp.where(inside[..., None], 0.0, image)


def noise(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Adds N(0, .1²) to every value: instance noise, for images and vectors.

    Source: Sønderby et al. 2017 (arXiv:1610.04490), section 2.
    """
    return image + 0.1 * jax.random.normal(key, image.shape, image.dtype)


AUGMENTATIONS: dict[str, Augmentation] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "noise": noise,
}
"""Source of the first three and their ranges: Zhao et al. 2020 (arXiv:2006.10738), section 4, and the authors' code."""


def augmented(
    discriminator: Network,
    augmentations: Sequence[Augmentation],
    *,
    probability: chex.Numeric = 1.0,
    adaptive_target: float | None = None,
    adaptive_speed: float = 0.0,
) -> Network:
    """A discriminator of augmented examples: in training, each augmentation is applied to each example at random.

    Args:
      discriminator: any network of images, or of vectors if the augmentations accept them.
      augmentations: from `AUGMENTATIONS`, in the order in which they are applied.
      probability: p in [0, 1] of each augmentation; the first p if it adapts.
      adaptive_target: r in (0, 1). p rises while E sign(l_real) is above r, which indicates that D memorises the data,
        and falls while it is below. .6 in the source. None keeps p fixed.
      adaptive_speed: change of p at each discriminator update.

    Returns:
      A `Network` with `per_example`. If it adapts, it keeps p in its model state; on several devices that is the mean
      of the values that each device computes from its own examples.

    Raises:
      ValueError: p or r is out of range, or there is no augmentation.

    Source: Zhao et al. 2020 (arXiv:2006.10738), equations 4 to 6; adaptive: Karras et al. 2020 (arXiv:2006.06676),
    section 3, with its r_t.
    """
    if not augmentations:
        raise ValueError("there is no augmentation to apply")
    if isinstance(probability, int | float) and not 0 <= probability <= 1:  # a traced number has no value to check
        raise ValueError(f"probability must lie in [0, 1], got {probability}")
    if adaptive_target is not None and not 0 < adaptive_target < 1:
        raise ValueError(f"adaptive_target must lie in (0, 1), got {adaptive_target}")
    adapts, target = adaptive_target is not None, adaptive_target or 0.0

    def init(key, inputs, condition=None):
        variables = discriminator.init(key, inputs, condition=condition)
        state = {"probability": jnp.float32(probability), "calls": jnp.int32(0)}
        return {**variables, STATE: state} if adapts else variables

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        state = variables.get(STATE)
        rest = {name: value for name, value in variables.items() if name != STATE}
        if train:
            chance = probability if state is None else state["probability"]
            own = jax.vmap(lambda k: jax.random.fold_in(k, 0))(key)
            inputs = _apply(augmentations, own, inputs, chance)
        inner_key = key if discriminator.per_example or key is None else key[0]
        outputs, model_state = discriminator.apply(rest, inputs, condition=condition, key=inner_key, train=train)
        if state is None:
            return outputs, model_state
        if train:
            state = _adapted(state, getattr(outputs, "logits", outputs), target, adaptive_speed)
        return outputs, {**model_state, STATE: state}

    independent = discriminator.independent and not adapts
    return Network(init, apply, per_example=True, independent=independent)


def _apply(augmentations, keys: chex.PRNGKey, inputs: chex.Array, chance: chex.Numeric) -> chex.Array:
    def one(key, example):
        for number, augment in enumerate(augmentations):
            draw, use = jax.random.split(jax.random.fold_in(key, number))
            example = jnp.where(jax.random.uniform(draw) < chance, augment(use, example), example)
        return example

    return jax.vmap(one)(keys, inputs)


def _adapted(state: Mapping[str, Any], logits: chex.Array, target: float, speed: float) -> dict[str, Any]:
    """The state after a call. A discriminator update sees real examples first, so even calls are of real examples."""
    real = state["calls"] % 2 == 0
    change = speed * jnp.sign(jnp.sign(logits).mean() - target)
    moved = jnp.clip(state["probability"] + change, 0.0, 1.0)
    return {"probability": jnp.where(real, moved, state["probability"]), "calls": state["calls"] + 1}
