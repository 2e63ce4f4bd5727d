"""InceptionV3 as used by the Fréchet Inception Distance: the network and the preprocessing of images.

The layers have the names of the PyTorch port. `jaxgan.evaluation.inception_weights` reads their weights.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from jaxgan.evaluation.distances import double_precision

SIZE = 299  # height and width of the images that the network was trained on
SMALLEST = 75  # below this, the last grid reduction has nothing left to convolve
STYLES = ("torch", "tensorflow", "clean")
# Distances are compared with published ones, so no device may compute the products with fewer bits.
PRECISION = jax.lax.Precision.HIGHEST


class Outputs(NamedTuple):
    """The network's outputs for n images.

    Attributes:
      features: [n, 2048], the global average pool (`pool_3`), non-negative: for the Fréchet and kernel distances.
      logits: [n, 1008] of the classes, with the bias. The Inception score's authors omit the bias: subtract
        `variables["params"]["fc"]["bias"]` to do the same.
    """

    features: chex.Array
    logits: chex.Array


class BasicConv(linen.Module):
    """A convolution without bias, batch normalisation by running statistics, and a ReLU."""

    features: int
    kernel: int | tuple[int, int]
    strides: int = 1
    padding: str = "SAME"

    @linen.compact
    def __call__(self, inputs):
        kernel = (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel
        hidden = linen.Conv(
            self.features, kernel, self.strides, self.padding, use_bias=False, precision=PRECISION, name="conv"
        )(inputs)  # fmt: skip
        return linen.relu(linen.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(hidden))


def _chain(hidden, name: str, *layers):
    """Consecutive convolutions, numbered from 1. A layer is (features, kernel), or (..., strides, padding)."""
    for i, layer in enumerate(layers, 1):
        hidden = BasicConv(*layer, name=f"{name}_{i}")(hidden)
    return hidden


def _fork(hidden, name: str, features: int):
    """Parallel 1 × 3 and 3 × 1 convolutions of the same input."""
    parts = [BasicConv(features, kernel, name=name + end)(hidden) for end, kernel in (("a", (1, 3)), ("b", (3, 1)))]
    return jnp.concatenate(parts, axis=-1)


def _average_pool(inputs):
    # Cells outside the image are not counted, as in TensorFlow, where the weights were trained.
    return linen.avg_pool(inputs, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _reducing_max_pool(inputs):
    return linen.max_pool(inputs, (3, 3), (2, 2), "VALID")


class BlockA(linen.Module):
    """After figure 5: 5 × 5 and double 3 × 3 convolutions on the 35 × 35 grid."""

    pooled: int

    @linen.compact
    def __call__(self, inputs):
        branches = [
            BasicConv(64, 1, name="branch1x1")(inputs),
            _chain(inputs, "branch5x5", (48, 1), (64, 5)),
            _chain(inputs, "branch3x3dbl", (64, 1), (96, 3), (96, 3)),
            BasicConv(self.pooled, 1, name="branch_pool")(_average_pool(inputs)),
        ]
        return jnp.concatenate(branches, axis=-1)


class BlockB(linen.Module):
    """Figure 10: from the 35 × 35 to the 17 × 17 grid."""

    @linen.compact
    def __call__(self, inputs):
        branches = [
            BasicConv(384, 3, 2, "VALID", name="branch3x3")(inputs),
            _chain(inputs, "branch3x3dbl", (64, 1), (96, 3), (96, 3, 2, "VALID")),
            _reducing_max_pool(inputs),
        ]
        return jnp.concatenate(branches, axis=-1)


class BlockC(linen.Module):
    """Figure 6: 7 × 7 convolutions as 1 × 7 and 7 × 1 ones, on the 17 × 17 grid."""

    width: int

    @linen.compact
    def __call__(self, inputs):
        across, down = (self.width, (1, 7)), (self.width, (7, 1))
        branches = [
            BasicConv(192, 1, name="branch1x1")(inputs),
            _chain(inputs, "branch7x7", (self.width, 1), across, (192, (7, 1))),
            _chain(inputs, "branch7x7dbl", (self.width, 1), down, across, down, (192, (1, 7))),
            BasicConv(192, 1, name="branch_pool")(_average_pool(inputs)),
        ]
        return jnp.concatenate(branches, axis=-1)


class BlockD(linen.Module):
    """From the 17 × 17 to the 8 × 8 grid."""

    @linen.compact
    def __call__(self, inputs):
        branches = [
            _chain(inputs, "branch3x3", (192, 1), (320, 3, 2, "VALID")),
            _chain(inputs, "branch7x7x3", (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "VALID")),
            _reducing_max_pool(inputs),
        ]
        return jnp.concatenate(branches, axis=-1)


class BlockE(linen.Module):
    """Figure 7: forked filter banks on the 8 × 8 grid. `max_pooled` replaces the average pooling by max pooling."""

    max_pooled: bool

    @linen.compact
    def __call__(self, inputs):
        pooled = linen.max_pool(inputs, (3, 3), (1, 1), "SAME") if self.max_pooled else _average_pool(inputs)
        branches = [
            BasicConv(320, 1, name="branch1x1")(inputs),
            _fork(_chain(inputs, "branch3x3", (384, 1)), "branch3x3_2", 384),
            _fork(_chain(inputs, "branch3x3dbl", (448, 1), (384, 3)), "branch3x3dbl_3", 384),
            BasicConv(192, 1, name="branch_pool")(pooled),
        ]
        return jnp.concatenate(branches, axis=-1)


class InceptionV3(linen.Module):
    """The network that extracts the features for the Fréchet Inception Distance; for inference only.

    It takes images [n, h, w, 3] in [−1, 1], with h = w = 299 for comparable distances and at least 75, and returns
    `Outputs`. `preprocess` converts other images; `inception_weights.load` reads the variables.
    `apply(..., capture_intermediates=True, mutable=["intermediates"])` returns the output of every layer.


    Source: Szegedy et al. 2015 (arXiv:1512.00567), table 1, as the weights of 2015-12-05 have it; Heusel et al. 2017
    (arXiv:1706.08500). Those weights belong to a graph whose last block max-pools where the paper averages.
    """

    @linen.compact
    def __call__(self, images) -> Outputs:
        if images.ndim != 4 or images.shape[-1] != 3 or min(images.shape[1:3]) < SMALLEST:
            raise ValueError(f"images of shape {images.shape}; InceptionV3 takes [n, h, w, 3] with h, w >= {SMALLEST}")
        hidden = BasicConv(32, 3, 2, "VALID", name="Conv2d_1a_3x3")(images)
        hidden = BasicConv(32, 3, 1, "VALID", name="Conv2d_2a_3x3")(hidden)
        hidden = BasicConv(64, 3, name="Conv2d_2b_3x3")(hidden)
        hidden = _reducing_max_pool(hidden)
        hidden = BasicConv(80, 1, name="Conv2d_3b_1x1")(hidden)
        hidden = BasicConv(192, 3, 1, "VALID", name="Conv2d_4a_3x3")(hidden)
        hidden = _reducing_max_pool(hidden)
        for letter, pooled in zip("bcd", (32, 64, 64), strict=True):
            hidden = BlockA(pooled, name=f"Mixed_5{letter}")(hidden)
        hidden = BlockB(name="Mixed_6a")(hidden)
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            hidden = BlockC(width, name=f"Mixed_6{letter}")(hidden)
        hidden = BlockD(name="Mixed_7a")(hidden)
        hidden = BlockE(max_pooled=False, name="Mixed_7b")(hidden)
        hidden = BlockE(max_pooled=True, name="Mixed_7c")(hidden)
        features = hidden.mean(axis=(1, 2))
        return Outputs(features, linen.Dense(1008, precision=PRECISION, name="fc")(features))


def preprocess(images: chex.Array, *, low: float, high: float, style: str, quantize: bool = True) -> chex.Array:
    """Converts images to the size and range of InceptionV3, in the way of one of three reference programs.

    Args:
      images: [n, h, w, 1 or 3], any real type, with values in [low, high]; grey is repeated to three channels.
      low, high: the values of black and white, such as 0 and 255 for bytes, −1 and 1 for a tanh generator.
      style: "torch", as in pytorch-fid: bilinear with half-pixel centres, then scaled to [−1, 1]; "tensorflow", as in
        the original: bilinear with source = i · h / 299, then (byte − 128) / 128. Neither is antialiased. "clean", as
        in clean-fid: PIL's bicubic, antialiased, on floats, clipped to [0, 255], then (byte − 128) / 128.
      quantize: clip to [low, high] and round to the 256 levels of a byte, as if the images were saved and read again.
        Published distances are between 8-bit images. False leaves the values unchanged.

    Returns:
      [n, 299, 299, 3], float32.

    Source: Heusel et al. 2017 (arXiv:1706.08500); Parmar et al. 2022 (arXiv:2104.11222) on the effects of resizing.
    """
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}; known: {', '.join(STYLES)}")
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images of shape {images.shape}; expected [n, h, w, 1 or 3]")
    if not high > low:
        raise ValueError(f"high must be above low; got low={low}, high={high}")
    levels = (jnp.asarray(images, jnp.float32) - low) * (255 / (high - low))
    if quantize:
        levels = jnp.round(jnp.clip(levels, 0, 255))
    rows, columns = (interpolation_matrix(size, SIZE, style) for size in images.shape[1:3])
    levels = jnp.einsum("ih,nhwc->niwc", rows, levels, precision=PRECISION)
    levels = jnp.einsum("jw,nhwc->nhjc", columns, levels, precision=PRECISION)
    levels = jnp.clip(levels, 0, 255) if style == "clean" else levels  # a cubic overshoots at edges
    levels = jnp.broadcast_to(levels, (*levels.shape[:3], 3))
    return levels / 127.5 - 1 if style == "torch" else (levels - 128) / 128


def interpolation_matrix(given: int, wanted: int, style: str) -> np.ndarray:
    """The matrix [wanted, given], float32, that resizes one axis; its rows sum to one.

    With the style "torch", the centre of target pixel i lies in the source at max(0, (i + ½) · given / wanted − ½);
    with "tensorflow", at i · given / wanted; both are bilinear. "clean" is PIL's bicubic: source pixel j has the weight
    k((j + ½ − (i + ½) · given / wanted)/s), with Keys' cubic k of parameter −½ and s = max(1, given / wanted), so
    shrinking averages.
    """
    if style == "clean":
        return _bicubic_matrix(given, wanted)
    # In float32, like the references: at 299 pixels, the last bit of a position is 3e-5 of a pixel.
    scale = np.float32(given) / np.float32(wanted)
    target = np.arange(wanted, dtype=np.float32)
    source = target * scale if style == "tensorflow" else np.maximum((target + 0.5) * scale - 0.5, 0)
    lower = np.minimum(source.astype(int), given - 1)
    fraction = source - lower.astype(np.float32)
    matrix = np.zeros((wanted, given), np.float32)
    # Past the last source pixel, both neighbours are that pixel, so their two weights add up.
    np.add.at(matrix, (np.arange(wanted), lower), 1 - fraction)
    np.add.at(matrix, (np.arange(wanted), np.minimum(lower + 1, given - 1)), fraction)
    return matrix


def _bicubic_matrix(given: int, wanted: int) -> np.ndarray:
    with double_precision():
        return np.asarray(jax.image.resize(jnp.eye(given), (wanted, given), "cubic", antialias=True), np.float32)
