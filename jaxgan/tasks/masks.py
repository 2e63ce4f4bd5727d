"""Masks: which part of an example is known. To add a mask, write a function `(key, count, shape) -> mask` and add a
line to `MASKS`."""

import contextlib
from collections.abc import Callable, Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.tables import Table

Mask = Callable[[chex.PRNGKey, int, tuple[int, ...]], chex.Array]
"""`(key, count, example's shape) -> [count, ...]`, 1 where known, else 0. For images [height, width, channels] it may
also be [count, height, width, 1], the same for all channels. It can be traced."""


def random(key: chex.PRNGKey, count: int, shape: tuple[int, ...]) -> chex.Array:
    """Each value (for images, each pixel) is known with probability u, where u ~ U(0, 1) is drawn per example."""
    shares, values = jax.random.split(key)
    shape = _pixels(shape)
    known = jax.random.uniform(shares, (count, *[1] * len(shape)))
    return (jax.random.uniform(values, (count, *shape)) < known).astype(jnp.float32)


def half(key: chex.PRNGKey, count: int, shape: tuple[int, ...]) -> chex.Array:
    """The left, right, upper or lower half of an image is known, drawn per example.

    If a side is odd, the upper and the left half are the smaller ones.
    """
    height, width = _sides("half", shape)
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    upper, left = (jnp.broadcast_to(part, (height, width)) for part in (rows < height // 2, columns < width // 2))
    halves = jnp.stack([upper, ~upper, left, ~left])
    return _mask(halves[jax.random.randint(key, (count,), 0, 4)], shape)


def centre(key: chex.PRNGKey, count: int, shape: tuple[int, ...]) -> chex.Array:
    """The central rectangle, half as long as each side, is unknown; nothing is drawn.

    Source: the central region of Pathak et al. 2016 (arXiv:1604.07379), section 3.3.
    """
    height, width = _sides("centre", shape)
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    top, left = height // 4, width // 4
    inside = (rows >= top) & (rows < top + height // 2) & (columns >= left) & (columns < left + width // 2)
    return _mask(jnp.broadcast_to(~inside, (count, height, width)), shape)


def lines(key: chex.PRNGKey, count: int, shape: tuple[int, ...]) -> chex.Array:
    """Rows or columns of an image, with equal probability: each is known with the example's probability u ~ U(0, 1)."""
    height, width = _sides("lines", shape)
    keys = jax.random.split(key, 4)
    share = jax.random.uniform(keys[0], (count, 1, 1))
    rows = jax.random.uniform(keys[1], (count, height, 1)) < share
    columns = jax.random.uniform(keys[2], (count, 1, width)) < share
    across = jax.random.bernoulli(keys[3], 0.5, (count, 1, 1))
    return _mask(jnp.where(across, jnp.broadcast_to(rows, (count, height, width)), columns), shape)


def nothing(key: chex.PRNGKey, count: int, shape: tuple[int, ...]) -> chex.Array:
    """Nothing is known: the conditional distribution is p(x) itself."""
    return jnp.zeros((count, *_pixels(shape)))


MASKS: dict[str, Mask] = Table("mask") | {
    "random": random,
    "half": half,
    "centre": centre,
    "lines": lines,
    "nothing": nothing,
}


def suiting(shape: tuple[int, ...]) -> dict[str, Mask]:
    """The masks in the table that suit examples of this shape, by name. Image masks need images."""
    found: dict[str, Mask] = {}
    for name in MASKS:
        with contextlib.suppress(NotImages):
            found |= chosen([name], shape)
    return found


def chosen(names: Sequence[str], shape: tuple[int, ...]) -> dict[str, Mask]:
    """The named masks, or for "all" those that suit the examples; ValueError if a named one does not."""
    if "all" in names:
        return suiting(shape)
    for name in names:
        check(name, MASKS[name], shape)
    return {name: _whole(MASKS[name]) for name in names}


def check(name: str, mask: Mask, shape: tuple[int, ...]) -> None:
    """Raises ValueError if a mask fails, has the wrong shape, or has values other than 0 and 1."""
    try:
        with jax.ensure_compile_time_eval():  # the caller may be tracing a step
            made = np.asarray(jax.jit(mask, static_argnums=(1, 2))(jax.random.key(0), 2, tuple(shape)))
    except NotImages:
        raise
    except Exception as error:
        raise ValueError(
            f"mask {name!r} of 2 examples {list(shape)} failed: {type(error).__name__}: {error}"
        ) from error
    allowed = list(dict.fromkeys([(2, *shape), (2, *_pixels(shape))]))
    if made.shape not in allowed:
        wanted = " or ".join(str(list(each)) for each in allowed)
        found = "None" if made.dtype == object else list(made.shape)
        raise ValueError(f"mask {name!r} of 2 examples {list(shape)} must be {wanted}, and is {found}")
    if not np.isin(made, (0, 1)).all():
        values = np.unique(made)[:3]
        raise ValueError(f"mask {name!r} must be 1 where a value is known and 0 elsewhere, and has {values}")


def mixed(masks: Sequence[Mask]) -> Mask:
    """A mask that picks one of the masks for each example, with equal probability."""

    def mask(key, count, shape):
        chooser, *keys = jax.random.split(key, len(masks) + 1)
        which = jax.random.randint(chooser, (count,), 0, len(masks))
        drawn = jnp.stack([each(k, count, shape) for each, k in zip(masks, keys, strict=True)])
        return drawn[which, jnp.arange(count)]

    return masks[0] if len(masks) == 1 else mask


def _whole(mask: Mask) -> Mask:
    """Broadcasts a mask to [count, *shape], float32."""
    return lambda key, count, shape: jnp.broadcast_to(mask(key, count, shape), (count, *shape)).astype(jnp.float32)


class NotImages(ValueError):
    """A mask for images cannot be used for examples that are not images."""


def _sides(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) not in (2, 3):
        raise NotImages(f"mask {name!r} is of images, and examples are {list(shape)}")
    return shape[0], shape[1]


def _pixels(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:2], 1) if len(shape) == 3 else tuple(shape)


def _mask(known: chex.Array, shape: tuple[int, ...]) -> chex.Array:
    return known.reshape(-1, *_pixels(shape)).astype(jnp.float32)
