"""ViT: transformers that draw an image on a grid of positions, and that judge one by a class token."""

from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Count
from jaxgan.networks.conditioning import as_features
from jaxgan.networks.layers import OUTPUTS, Dense, Remat, judged
from jaxgan.products import alike
from jaxgan.types import DiscriminatorInputs, Network

VIT_SIZES: dict[str, dict[str, int]] = {
    "S": {"width": 384, "depth": 12, "heads": 6},
    "B": {"width": 768, "depth": 12, "heads": 12},
    "L": {"width": 1024, "depth": 24, "heads": 16},
    "XL": {"width": 1152, "depth": 28, "heads": 16},
}
"""The sizes of the source, which are those of DiT (arXiv:2212.09748, table 1): `vit(**VIT_SIZES["S"])`."""

EPSILON = 1e-6
"""Added to the mean square in every RMS norm."""

BASE = 10_000
"""Ratio of the longest wave to the shortest, of positions and of rotations."""

RATE = 0.01
"""Factor of the learning rate in the layers between a condition or a latent and the transformer."""


class Block(linen.Module):
    """x ← x + g₁·attention(norm(x)·m₁), then x ← x + g₂·swiglu(norm(x)·m₂).

    With a style w, a generator's block, m = 1 + s, and (s₁, g₁, s₂, g₂) are a linear function of silu(w). Without one,
    a discriminator's, m are the norms' learnt scales, from 1, and g those of the branches, from .1. The stream x keeps
    float32 where the layers compute in bfloat16.

    Attributes:
      heads: of the attention.
      dtype: in which the layers compute.
    """

    heads: int
    dtype: Any

    @linen.compact
    def __call__(self, hidden, angles, style):
        width = hidden.shape[-1]
        if style is None:
            scales = [_scale(self, f"norm_scale_{i}", width)[None, None] for i in (1, 2)]
            gates = [_scale(self, f"branch_scale_{i}", width, 0.1)[None, None] for i in (1, 2)]
        else:
            first, gate, second, last_gate = jnp.split(_modulation(4 * width)(style)[:, None], 4, axis=-1)
            scales, gates = [1 + first, 1 + second], [gate, last_gate]
        hidden = hidden + gates[0] * self._attention((normalized(hidden) * scales[0]).astype(self.dtype), angles)
        return hidden + gates[1] * self._swiglu((normalized(hidden) * scales[1]).astype(self.dtype)), None

    def _attention(self, inputs, angles):
        """Softmax attention; q and k are normalised, with a scale for each of a head's dimensions, then rotated."""
        batch, tokens, width = inputs.shape
        parts = jnp.split(_dense(3 * width)(inputs).reshape(batch, tokens, self.heads, -1), 3, axis=-1)
        q, k = (
            rotated(normalized(part) * _scale(self, name, width // self.heads)[None, None, None], angles)
            for name, part in zip(("query_scale", "key_scale"), parts[:2], strict=True)
        )
        mixed = jax.nn.dot_product_attention(q.astype(self.dtype), k.astype(self.dtype), parts[2])
        return _dense(width)(mixed.reshape(batch, tokens, width))

    def _swiglu(self, inputs):
        """W₃(silu(W₁x)·W₂x) with ⅔·4·width hidden units."""
        width = inputs.shape[-1]
        gates, values = jnp.split(_dense(2 * (8 * width // 3))(inputs), 2, axis=-1)
        return _dense(width)(jax.nn.silu(gates) * values)


class Part(linen.Module):
    """Blocks of a generator, and the layer behind them, whose patches are added to those of the parts before.

    Attributes:
      outputs: numbers in a patch.
      heads, dtype: of the blocks.
      blocks, remat: their number, and whether each is computed again for the gradient.
    """

    outputs: int
    heads: int
    dtype: Any
    blocks: int
    remat: bool

    @linen.compact
    def __call__(self, carry, angles, style):
        # flax traces the carry once more without its device axes, which the blocks' own carry then lacks.
        hidden, patches = (alike(array, style)[0] for array in carry)
        hidden = _blocks(self.blocks, self.remat, self.heads, self.dtype)(hidden, angles, style)[0]
        last = normalized(hidden) * (1 + _modulation(hidden.shape[-1])(style)[:, None])
        patches = patches + _dense(self.outputs)(last.astype(self.dtype)).astype(hidden.dtype)
        return (hidden, patches), patches


def _repeated(module: Any, count: int, *attributes: Any, name: str) -> Any:
    """A module `count` times in a row, each with parameters of its own, stacked: one is compiled for all."""
    scanned = linen.scan(
        module,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=(linen.broadcast, linen.broadcast),
        length=count,
    )
    return scanned(*attributes, name=name)


def _blocks(count: int, remat: bool, heads: int, dtype: Any) -> Any:
    block = linen.remat(Block, prevent_cse=False) if remat else Block
    return _repeated(block, count, heads, dtype, name="blocks")


class ViT(linen.Module):
    """GAT's generator or discriminator: plain transformers over patches, of pixels or of an autoencoder's latents.

    The generator takes latents [batch, dim] and starts from the positions of the patches only. Its style w, two layers
    of the normalised latents, and of an embedding of the condition in as many dimensions, modulates every block. After
    each of `levels` equal parts of the blocks a layer draws a picture, which is added to those before it. In training
    it returns all of these sums, coarsest first, as `DiscriminatorInputs`, for `jaxgan.wrappers.guidance.guided`;
    otherwise, and with one level, the last.

    The discriminator takes images [batch, height, width, channels] and judges them by a class token: with a condition
    by its product with an embedding of that, without one by a linear layer. A condition is of floats
    [batch, features] or integers [batch].

    Attributes:
      width: of a token, d. `VIT_SIZES` has those of the source, with their depths and heads.
      depth: blocks; a generator's divide by `levels`.
      heads: of the attention, each of width/heads dimensions, a multiple of 4.
      patch: side of a patch in pixels, which divides both sides of the images.
      embedding: a discriminator's: dimensions of the product of class token and condition.
      levels: a generator's: pictures that it draws, 4 in the source; of a config, `guidance.levels`.
      output: the source has "linear".
      output_shape, classes, remat, features: see `jaxgan.networks`.

    Source: Hyun et al. 2025 (arXiv:2509.24935), section 3, and its code (hse1032/GAT).
    """

    output_shape: tuple[int, ...] = ()
    width: Count = 384
    depth: Count = 12
    heads: Count = 6
    patch: Count = 2
    embedding: Count = 2048
    levels: Count = 1
    output: Annotated[str, OUTPUTS.keys()] = "linear"
    classes: int | None = None
    remat: Remat = False
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if self.width % (4 * self.heads):
            raise ValueError(
                f"vit's heads have a multiple of 4 dimensions each: {self.heads} heads do not suit width {self.width}"
            )
        if self.output_shape:
            _check_images(self.output_shape, self.patch)
            if self.depth % self.levels:
                raise ValueError(f"vit draws {self.levels} levels after equal parts of its {self.depth} blocks")
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            _check_images(inputs.shape[1:], self.patch)
        labels = as_features(condition, self.classes, inputs.dtype)
        return self._generate(inputs, labels, train) if self.output_shape else self._judge(inputs, labels)

    def _generate(self, latents, labels, train: bool):
        """Blocks over the positions of the patches, modulated by w; after each part of them a picture is added."""
        dtype, sides = latents.dtype, _grid(self.output_shape, self.patch)
        vector = latents.reshape(latents.shape[0], -1)
        if labels is not None:
            embedded = Dense(vector.shape[-1], use_bias=False, kernel_init=linen.initializers.normal(0.02))(labels)
            vector = jnp.concatenate([normalized(embedded, 1e-8), normalized(vector, 1e-8)], axis=-1)
        else:
            vector = normalized(vector, 1e-8)
        style = jax.nn.silu(_mapped(vector.astype(dtype), self.width))

        angles = jnp.asarray(rotations(sides, self.width // self.heads), _wide(dtype))
        places, numbers = positions(sides, self.width), self.patch**2 * self.output_shape[-1]
        hidden = jnp.broadcast_to(jnp.asarray(places, angles.dtype)[None], (style.shape[0], *places.shape))
        patches = jnp.zeros((*hidden.shape[:2], numbers), hidden.dtype)
        start = tuple(alike(array, style)[0] for array in (hidden, patches))  # a carry keeps its type
        shape = numbers, self.heads, dtype, self.depth // self.levels, self.remat
        _, patches = _repeated(Part, self.levels, *shape, name="parts")(start, angles, style)
        pictures = (from_patches(part, self.output_shape, self.patch) for part in patches)
        outputs = tuple(OUTPUTS[self.output](picture).astype(dtype) for picture in pictures)
        return DiscriminatorInputs(None, outputs) if train and self.levels > 1 else outputs[-1]

    def _judge(self, images, labels):
        """Patches with their positions and a class token, blocks, and the logit of the class token."""
        dtype, sides = images.dtype, _grid(images.shape[1:], self.patch)
        patches = _dense(self.width)(to_patches(images, self.patch)).astype(_wide(dtype))
        hidden = patches + jnp.asarray(positions(sides, self.width), patches.dtype)[None]
        token = self.param("class_token", linen.initializers.normal(0.02), (self.width,)).astype(hidden.dtype)
        hidden = jnp.concatenate([jnp.broadcast_to(token[None, None], hidden[:, :1].shape), hidden], axis=1)
        angles = jnp.asarray(rotations(sides, self.width // self.heads), hidden.dtype)
        angles = jnp.pad(angles, ((1, 0), (0, 0)))  # the class token is not rotated
        hidden = _blocks(self.depth, self.remat, self.heads, dtype)(hidden, angles, None)[0]

        # In float32, since finite differences of the logits are penalised.
        summary = normalized(hidden[:, 0]) * _scale(self, "norm_scale", self.width)[None]
        if labels is None:
            logits = _dense(1)(summary)[:, 0]
        else:
            embedded = Dense(self.embedding, use_bias=False, kernel_init=linen.initializers.normal(0.02))(labels)
            embedded = _mapped(embedded, self.embedding)
            logits = (_dense(self.embedding)(summary) * embedded).sum(-1)
        return judged(logits, summary, self.features)


def _check_images(shape: tuple[int, ...], patch: int) -> None:
    if len(shape) != 3 or any(side % patch for side in shape[:2]):
        raise ValueError(f"vit needs images [height, width, channels] whose sides divide by {patch}, not {list(shape)}")


def _grid(shape: tuple[int, ...], patch: int) -> tuple[int, int]:
    """Rows and columns of patches."""
    return shape[0] // patch, shape[1] // patch


# --- Layers


class Slow(linen.Module):
    """A linear layer whose weights and biases are stored 1/`RATE` times as large, so that Adam moves it more slowly."""

    width: int

    @linen.compact
    def __call__(self, inputs):
        def start(key, shape, dtype=jnp.float32):
            return linen.initializers.glorot_uniform()(key, shape, dtype) / RATE

        return Dense(self.width, kernel_init=start)(inputs) * RATE


def _mapped(vectors: chex.Array, width: int) -> chex.Array:
    """Two slow layers, [batch, dim] to [batch, width]."""
    hidden = jax.nn.silu(Slow(width)(vectors))
    return Slow(width)(hidden)


def _dense(width: int) -> Dense:
    return Dense(width, kernel_init=linen.initializers.glorot_uniform())


def _modulation(width: int) -> Dense:
    """Scales and gates from the style: Glorot's uniform weights times .1, so that blocks start near the identity."""
    return Dense(width, kernel_init=linen.initializers.variance_scaling(0.01, "fan_avg", "uniform"))


def _scale(module: linen.Module, name: str, width: int, start: float = 1.0) -> chex.Array:
    return module.param(name, linen.initializers.constant(start), (width,))


def _wide(dtype: Any) -> Any:
    """The type of sums and norms: float32 where the layers compute in fewer bits."""
    return jnp.promote_types(dtype, jnp.float32)


def normalized(vectors: chex.Array, epsilon: float = EPSILON) -> chex.Array:
    """x/√(mean x² + ε) over the last axis, in float32 or more."""
    vectors = vectors.astype(_wide(vectors.dtype))
    return vectors * jax.lax.rsqrt(jnp.square(vectors).mean(-1, keepdims=True) + epsilon)


# --- Patches and their places


def to_patches(images: chex.Array, side: int) -> chex.Array:
    """[n, height, width, channels] to [n, patches, side²·channels], row by row."""
    n, height, width, channels = images.shape
    cells = images.reshape(n, height // side, side, width // side, side, channels).swapaxes(2, 3)
    return cells.reshape(n, -1, side * side * channels)


def from_patches(patches: chex.Array, shape: tuple[int, ...], side: int) -> chex.Array:
    """The inverse of `to_patches` for images of a shape [height, width, channels]."""
    height, width, channels = shape
    cells = patches.reshape(-1, height // side, width // side, side, side, channels).swapaxes(2, 3)
    return cells.reshape(-1, height, width, channels)


def _places(sides: tuple[int, int]) -> list[np.ndarray]:
    """Row and column of each patch, each [patches]."""
    return [place.reshape(-1) for place in np.meshgrid(*(np.arange(side) for side in sides), indexing="ij")]


def _waves(places: np.ndarray, count: int) -> np.ndarray:
    """Angles [patches, count] of a coordinate at the frequencies 1, …, geometrically down to almost 1/`BASE`."""
    return places[:, None] * float(BASE) ** (-np.arange(count) / count)[None]


def positions(sides: tuple[int, int], width: int) -> np.ndarray:
    """Sines and cosines of column and row, [patches, width]; a quarter of the width each."""
    waves = [_waves(place, width // 4) for place in _places(sides)[::-1]]
    return np.concatenate([part for wave in waves for part in (np.sin(wave), np.cos(wave))], axis=1)


def rotations(sides: tuple[int, int], dim: int) -> np.ndarray:
    """The angles by which pairs of a head's dimensions are turned, [patches, dim/2]: half by row, half by column."""
    return np.concatenate([_waves(place, dim // 4) for place in _places(sides)], axis=1)


def rotated(vectors: chex.Array, angles: chex.Array) -> chex.Array:
    """Rotary positions: dimensions j and j + dim/2 of each vector are turned by the token's angle j.

    The product of two such vectors depends on the difference of their tokens' places only. The source pairs neighbours,
    which is the same up to the order of a head's dimensions.

    Args:
      vectors: [batch, tokens, heads, dim].
      angles: [tokens, dim/2].

    Source: Su et al. 2021 (arXiv:2104.09864), equation 34, for each axis of the image.
    """
    first, second = jnp.split(vectors, 2, axis=-1)
    cosines, sines = (turn(angles)[None, :, None] for turn in (jnp.cos, jnp.sin))
    return jnp.concatenate([first * cosines - second * sines, second * cosines + first * sines], axis=-1)
