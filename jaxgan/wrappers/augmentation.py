"""Differentiable augmentation of everything that a discriminator sees: real and generated examples alike.

The augmentation is part of the discriminator. The generator's gradient passes through it. Samples are not augmented.

DiffAugment's functions are here; the maps of ADA's pipe are in `affine`.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.tables import Table
from jaxgan.types import BatchShard, DiscriminatorOutput, Network
from jaxgan.wrappers.affine import PIPES, AffineMap, Pipe, combine, move

Augmentation = Callable[[chex.PRNGKey, chex.Array], chex.Array]
"""`(key, image [height, width, channels]) -> image` for one example, differentiable in the image.

Images are in [−1, 1], as in the sources; 0 is mid-grey.
"""

STATE = "augmentation"
"""The collection of an adaptive augmentation's state: "probability", and "calls", the number of calls in training."""


def color(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Brightness + U(−½, ½), saturation × U(0, 2), contrast × U(½, 1½), each drawn once per image."""
    brightness, saturation, contrast = jax.random.uniform(key, (3,))
    image = image + brightness - 0.5
    mean = image.mean(-1, keepdims=True)
    image = (image - mean) * (2 * saturation) + mean
    mean = image.mean(keepdims=True)
    return (image - mean) * (contrast + 0.5) + mean


def translation(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """A shift by up to an eighth of each side, rounded to pixels; uncovered pixels are 0."""
    height, width = image.shape[:2]
    reach = (height + 4) // 8, (width + 4) // 8
    rows, columns = (jax.random.randint(k, (), -r, r + 1) for k, r in zip(jax.random.split(key), reach, strict=True))
    padded = jnp.pad(image, ((reach[0], reach[0]), (reach[1], reach[1]), (0, 0)))
    return jax.lax.dynamic_slice(padded, (reach[0] - rows, reach[1] - columns, 0), image.shape)


def cutout(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Sets a rectangle, half as long as each side, to 0 at a random position, possibly partly outside the image.

    Along a side of n pixels it has length c = ⌈n/2⌉ and starts at −⌊c/2⌋, …, n − ⌊c/2⌋, all equally likely; for odd c
    the last of these is excluded.
    """
    lengths = [(side + 1) // 2 for side in image.shape[:2]]
    ends = [side + 1 - length % 2 for side, length in zip(image.shape[:2], lengths, strict=True)]
    starts = [jax.random.randint(k, (), 0, end) for k, end in zip(jax.random.split(key), ends, strict=True)]
    spans = [(start - n // 2, start - n // 2 + n) for start, n in zip(starts, lengths, strict=True)]
    return _without(image, spans)


def ada_cutout(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Sets a rectangle, half as long as each side, to 0; its centre is uniform in the image.

    `cutout` draws whole pixels; this draws the centre, so the two outermost positions are half as likely.

    Source: the code of Karras et al. 2020 (arXiv:2006.06676).
    """
    centres = jax.random.uniform(key, (2,))
    spans = [
        ((c - 0.25) * side - 0.5, (c + 0.25) * side - 0.5) for c, side in zip(centres, image.shape[:2], strict=True)
    ]
    return _without(image, spans)


def _without(image: chex.Array, spans: Sequence[tuple[chex.Array, chex.Array]]) -> chex.Array:
    """The image with 0 from start to before end, in rows and columns."""
    (top, bottom), (left, right) = spans
    rows, columns = jnp.arange(image.shape[0])[:, None], jnp.arange(image.shape[1])[None]
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return jnp.where(inside[..., None], 0.0, image)


def noise(key: chex.PRNGKey, image: chex.Array) -> chex.Array:
    """Adds N(0, .1²) to every value: instance noise, for images and vectors.

    Source: Sønderby et al. 2017 (arXiv:1610.04490), section 2.
    """
    return image + 0.1 * jax.random.normal(key, image.shape, image.dtype)


AUGMENTATIONS: dict[str, Augmentation] = Table("augmentation") | {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "noise": noise,
    **PIPES,
    "ada_cutout": ada_cutout,
}
"""The first three are DiffAugment's: Zhao et al. 2020 (arXiv:2006.10738), section 3.2, with the authors' ranges.

Those of `affine.PIPES` and `ada_cutout` are ADA's: Karras et al. 2020 (arXiv:2006.06676). `ada` is the source's default
("bgc"), in its order: `ada_blit`, `ada_geometric`, `ada_color`. Its filters and its noise are not implemented.
"""

MOVING = {"translation", "cutout", "ada_cutout"} | {
    name for name, pipe in PIPES.items() if any(affine.moves_pixels for affine in pipe.maps)
}
"""Names of augmentations that move or remove pixels."""


def augmented(
    discriminator: Network,
    augmentations: Sequence[Augmentation],
    *,
    probability: chex.Numeric = 1.0,
    multipliers: Sequence[float] = (),
    value_range: tuple[float, float] = (-1.0, 1.0),
    adaptive_target: float | None = None,
    adaptive_speed: float = 0.0,
    axis_name: str | None = None,
) -> Network:
    """A discriminator of augmented examples: in training, each augmentation is applied to each example at random.

    Args:
      discriminator: any network of images, or of vectors if the augmentations accept them.
      augmentations: from `AUGMENTATIONS`, in the order in which they are applied. Each map of a pipe is drawn
        separately; adjacent maps are resampled together.
      probability: p in [0, 1] of each augmentation; the initial p if it adapts. With p near 1 the generator cannot
        know, for example, which way is up, and its samples have all orientations; the source considers p below .8 safe.
      multipliers: factors of p in [0, 1], one per augmentation; () for 1.
      value_range: black and white; augmentations see the examples scaled from it to [−1, 1]. For vectors, (−1, 1).
      adaptive_target: r in (0, 1). p rises while E sign(l_real) is above r, which indicates that D memorises the data,
        and falls while it is below; .6 in the source. None keeps p fixed.
      adaptive_speed: change of p per discriminator update. The source uses batch size/500,000; it changes p at every
        fourth update, by four times as much, by the sign of the mean over the four.
      axis_name: device axis over whose examples the mean is computed; None for the device's own.

    Returns:
      A `Network` with `per_example`. If it adapts, it keeps p in its model state. Where an example is a tree of images,
      such as those of several levels, all are augmented alike: by the same maps, with the same draws.

    Raises:
      ValueError: p, r or a factor is out of range, there is no augmentation, or not one factor per augmentation.

    Time: with `ada` a step of configs/dcgan.py on 32 × 32 images in colour, batch 64, takes 1.50 times as long on a CPU
    (`python -m benchmarks.augmentation`).

    Source: Zhao et al. 2020 (arXiv:2006.10738), section 3.2; adaptive: Karras et al. 2020 (arXiv:2006.06676),
    section 3, with its r_t.
    """
    if not augmentations:
        raise ValueError("there is no augmentation to apply")
    if isinstance(probability, int | float) and not 0 <= probability <= 1:  # a traced number cannot be checked
        raise ValueError(f"probability must lie in [0, 1], got {probability}")
    if adaptive_target is not None and not 0 < adaptive_target < 1:
        raise ValueError(f"adaptive_target must lie in (0, 1), got {adaptive_target}")
    multipliers = tuple(multipliers) or (1.0,) * len(augmentations)
    if len(multipliers) != len(augmentations) or not all(0 <= factor <= 1 for factor in multipliers):
        raise ValueError(f"multipliers must be {len(augmentations)} numbers in [0, 1], got {multipliers}")
    parts = _parts(augmentations, multipliers)
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
            augment = jax.vmap(lambda key, example: _apply(parts, key, example, chance, value_range))
            inputs = jax.tree.map(functools.partial(augment, own), inputs)
        inner_key = key if discriminator.per_example or key is None else key[0]
        outputs, model_state = discriminator.apply(rest, inputs, condition=condition, key=inner_key, train=train)
        if state is None:
            return outputs, model_state
        if train:
            signs = jnp.sign(DiscriminatorOutput.of(outputs).example_logits)
            state = _adapted(state, BatchShard(axis_name).mean(signs), target, adaptive_speed)
        return outputs, {**model_state, STATE: state}

    independent = discriminator.independent and not adapts
    return Network(init, apply, per_example=True, independent=independent)


_Part = tuple[Augmentation | AffineMap, float]
"""An augmentation, or one map of a pipe, with its factor of the probability."""


def _parts(augmentations: Sequence[Augmentation], multipliers: Sequence[float]) -> list[_Part]:
    found: list[_Part] = []
    for augment, factor in zip(augmentations, multipliers, strict=True):
        found += [(part, factor) for part in (augment.maps if isinstance(augment, Pipe) else (augment,))]
    return found


def _apply(
    parts: Sequence[_Part],
    key: chex.PRNGKey,
    example: chex.Array,
    chance: chex.Numeric,
    value_range: tuple[float, float],
) -> chex.Array:
    """Applies the augmentations drawn for an example; if none is drawn, the example is unchanged bit for bit."""
    low, half = value_range[0], (value_range[1] - value_range[0]) / 2

    def moved(augment: Callable[[chex.Array], chex.Array], used: chex.Array, example: chex.Array) -> chex.Array:
        if (low, half) == (-1, 1):
            return jnp.where(used, augment(example), example)
        return jnp.where(used, low + half * (augment((example - low) / half - 1) + 1), example)

    numbered = [(jax.random.fold_in(key, i), part, factor * chance) for i, (part, factor) in enumerate(parts)]
    for _, group in itertools.groupby(numbered, lambda each: getattr(each[1], "moves_pixels", None)):
        neighbours = list(group)
        if maps := [(part, p) for _, part, p in neighbours if isinstance(part, AffineMap)]:
            matrix, used = combine(neighbours[0][0], maps, example.shape)
            example = moved(functools.partial(move, matrix=matrix), used, example)
        for own, part, p in neighbours:
            if not isinstance(part, AffineMap):
                draw, use = jax.random.split(own)
                example = moved(functools.partial(part, use), jax.random.uniform(draw) < p, example)
    return example


def _adapted(state: Mapping[str, Any], mean_sign: chex.Array, target: float, speed: float) -> dict[str, Any]:
    """The state after a call. A discriminator update sees real examples first, so even calls are on real examples."""
    real = state["calls"] % 2 == 0
    change = speed * jnp.sign(mean_sign - target)
    moved = jnp.clip(state["probability"] + change, 0.0, 1.0)
    return {"probability": jnp.where(real, moved, state["probability"]), "calls": state["calls"] + 1}
