"""Random affine maps of an image's plane and colours, and the code that applies them.

The maps are those of Karras et al. 2020 (arXiv:2006.06676), appendix B, figure 18, with the strengths of the authors'
code (NVlabs/stylegan2-ada-pytorch, training/augment.py). Images are in [−1, 1].

Adjacent maps in a list are multiplied into one matrix, so an image is resampled only once, whatever the number of maps.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

Size = tuple[int, int]
"""Height and width in pixels."""


class AffineMap(NamedTuple):
    """A random affine map.

    Attributes:
      draw: `(numbers, size) -> matrix`, given two numbers from U(0, 1). For the plane: float32 [3, 3], from a position
        (x, y, 1) in the result to that in the image, in pixels from its centre, x to the right and y down. For colours:
        float32 [4, 4], from (r, g, b, 1) in the image to that in the result.
      moves_pixels: whether it is a map of the plane.
      chance: the probability of applying it, as a function of the augmentation's probability.
    """

    draw: Callable[[chex.Array, Size], chex.Array]
    moves_pixels: bool
    chance: Callable[[chex.Numeric], chex.Numeric] = lambda probability: probability


@dataclasses.dataclass(frozen=True)
class Pipe:
    """A sequence of affine maps; `(key, image) -> image` applies all of them."""

    maps: tuple[AffineMap, ...]

    def __call__(self, key: chex.PRNGKey, image: chex.Array) -> chex.Array:
        for _, neighbours in itertools.groupby(enumerate(self.maps), lambda each: each[1].moves_pixels):
            numbers, maps = zip(*neighbours, strict=True)
            matrix, _ = combine(jax.random.fold_in(key, numbers[0]), [(affine, 1.0) for affine in maps], image.shape)
            image = move(image, matrix)
        return image


def combine(
    key: chex.PRNGKey, maps: Sequence[tuple[AffineMap, chex.Numeric]], shape: Sequence[int]
) -> tuple[chex.Array, chex.Array]:
    """Combines maps of one kind into one matrix, and whether any was drawn; the identity if none was.

    Args:
      key: key of the image.
      maps: each with its probability, in the order in which they are applied.
      shape: [height, width, ...] of the image.
    """
    size = shape[0], shape[1]
    # Draws all numbers at once: a separate random generator per map would take long to compile.
    numbers = jax.random.uniform(key, (len(maps), 3), minval=2**-24)
    used = jnp.stack([u[0] < affine.chance(p) for u, (affine, p) in zip(numbers, maps, strict=True)])
    total = jnp.eye(3 if maps[0][0].moves_pixels else 4)
    for u, is_used, (affine, _) in zip(numbers, used, maps, strict=True):
        matrix = jnp.where(is_used, affine.draw(u[1:], size), jnp.eye(len(total)))
        # A map of the plane is an inverse: the last map asks the previous one where a position comes from.
        total = total @ matrix if affine.moves_pixels else matrix @ total
    return total, used.any()


def move(image: chex.Array, matrix: chex.Array) -> chex.Array:
    """Applies a matrix of the plane, [3, 3], or of colours, [4, 4], to an image."""
    return resample(image, matrix) if len(matrix) == 3 else recolor(image, matrix)


# --- Resampling and colours

SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466),
    *(0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578),
    *(0.0017677118642428036, -0.007800708325034148),
)
"""Low-pass filter of the orthogonal wavelet "sym6" (Daubechies 1992, table 6.3): Σ h_k h_{k+2j} = [j = 0], Σ h_k = √2.

Sample 2i of the doubled image lies at pixel i, at h₅.
"""
_CENTRE = 5


def _doubling(side: int) -> jax.Array:
    """[2·(3·side − 2) + 2, side]: reflects a side at both ends, doubles its resolution, and adds a zero at each end."""
    extended = 3 * side - 2
    rows = [[0.0] * side for _ in range(2 * extended + 2)]
    for i, (k, tap) in itertools.product(range(extended), enumerate(SYM6)):
        if 0 <= 2 * i + k - _CENTRE < 2 * extended:
            source = side - 1 - abs(side - 1 - abs(i - (side - 1)))
            rows[2 * i + k - _CENTRE + 1][source] += math.sqrt(2) * tap
    return jnp.array(rows, jnp.float32)


def _halving(side: int) -> jax.Array:
    """[side, 2·side + 10]: halves samples −5, …, 2·side + 4 of a doubled side; its product with doubling is 1."""
    taps = [tap / math.sqrt(2) for tap in SYM6]
    rows = [[0.0] * 2 * i + taps + [0.0] * 2 * (side - 1 - i) for i in range(side)]
    return jnp.array(rows, jnp.float32)


def resample(image: chex.Array, inverse: chex.Array) -> chex.Array:
    """The image y(p) = x(A p), antialiased, where A is the inverse of an affine map.

    The image is mirrored at its edges, doubled with the wavelet "sym6", sampled bilinearly at the doubled resolution
    and halved with the same wavelet. With A = 1 the result is the image, up to rounding. As in the source, flips and
    turns are resampled too: since sym6 is not quite symmetric, a turn by 180° shifts the image by a tenth of a pixel.

    One difference from the source: the image is always extended by its side − 1 on each side, which is the maximum that
    the source uses. The source extends as far as the largest map of the batch needs, so its results depend on the batch
    in the last pixels of the edge.

    Args:
      image: [height, width, channels], floating.
      inverse: float32 [3, 3], A: position (x, y, 1) in the result to that in the image, in pixels from the centre.

    Returns:
      [height, width, channels] in the image's dtype. Sums are float32.

    Source: Karras et al. 2020 (arXiv:2006.06676), appendix B, and the authors' code.
    """
    height, width, channels = image.shape
    doubled = jnp.einsum("uh,hwc,vw->uvc", _doubling(height), image.astype(jnp.float32), _doubling(width))

    # The positions of the result's samples, at the doubled resolution, in the doubled image.
    across, down = (_places(side) for side in (width, height))
    x, y = jnp.meshgrid(across, down)
    column, right = _cell(inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2], width)
    row, below = _cell(inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2], height)

    # Bilinear interpolation between the four samples around each of them.
    length = doubled.shape[1]
    rows = doubled.reshape(-1, channels)

    def corner(i, j):
        weight = (below if i else 1 - below) * (right if j else 1 - right)
        return weight[..., None] * jnp.take(rows, (row + i) * length + column + j, axis=0)

    sampled = corner(0, 0) + corner(0, 1) + corner(1, 0) + corner(1, 1)
    result = jnp.einsum("hu,uvc,wv->hwc", _halving(height), sampled, _halving(width))
    return result.astype(image.dtype)


def _places(side: int) -> jax.Array:
    """Positions of samples −5, …, 2·side + 4 of a doubled side, in pixels from its centre."""
    return (jnp.arange(-_CENTRE, 2 * side + _CENTRE, dtype=jnp.float32) - (side - 1)) / 2


def _cell(position: chex.Array, side: int) -> tuple[chex.Array, chex.Array]:
    """The row of `_doubling` before a position (in pixels from the centre), and the position's distance from it."""
    last = 2 * (3 * side - 2) + 1
    place = jnp.clip(2 * position + (3 * side - 2), 0, last)  # pixel i is row 2·(i + side − 1) + 1
    before = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)), 0, last - 1)
    return before.astype(jnp.int32), place - before


def recolor(image: chex.Array, matrix: chex.Array) -> chex.Array:
    """The image with colours C (r, g, b, 1). For one channel, the mean of the three channels that C returns.

    Args:
      image: [height, width, 1 or 3], floating.
      matrix: float32 [4, 4], C.

    Returns:
      [height, width, channels] in the image's dtype.

    Raises:
      ValueError: the image has a different number of channels.
    """
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise ValueError(f"colours are those of images with 1 or 3 channels, got {channels}")
    linear, constant = matrix[:3, :3], matrix[:3, 3]
    if channels == 1:
        linear, constant = linear.mean(0).sum(keepdims=True)[None], constant.mean(keepdims=True)
    mapped = jnp.einsum("hwc,dc->hwd", image.astype(jnp.float32), linear) + constant[None, None]
    return mapped.astype(image.dtype)


# --- The maps of the plane, each the inverse of its effect


def _grey() -> jax.Array:
    """[3, 3], the projection of colours to grey."""
    return jnp.full((3, 3), 1 / 3, jnp.float32)


def _scaling(x: chex.Numeric, y: chex.Numeric) -> chex.Array:
    return jnp.diag(jnp.stack([jnp.float32(x), jnp.float32(y), jnp.float32(1)]))


def _rotation(cosine: chex.Array, sine: chex.Array) -> chex.Array:
    return jnp.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], jnp.float32)


def _translation(x: chex.Array, y: chex.Array) -> chex.Array:
    return jnp.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], jnp.float32)


def _normal(number: chex.Array) -> chex.Array:
    """Converts U(0, 1) to N(0, 1)."""
    return math.sqrt(2) * jax.lax.erf_inv(2 * number - 1)


def _angle(number: chex.Array) -> chex.Array:
    return jnp.pi * (2 * number - 1)


def _flip(u: chex.Array, size: Size) -> chex.Array:
    return _scaling(jnp.where(u[0] < 0.5, -1.0, 1.0), 1.0)


def _turn(u: chex.Array, size: Size) -> chex.Array:
    quarter = jnp.floor(4 * u[0]).astype(jnp.int32)
    return _rotation(jnp.array([1.0, 0.0, -1.0, 0.0])[quarter], jnp.array([0.0, 1.0, 0.0, -1.0])[quarter])


def _integer_translation(u: chex.Array, size: Size) -> chex.Array:
    y, x = jnp.round((2 * u - 1) / 8 * jnp.array(size, jnp.float32))
    return _translation(x, y)


def _isotropic_scaling(u: chex.Array, size: Size) -> chex.Array:
    scale = jnp.exp2(0.2 * _normal(u[0]))
    return _scaling(scale, scale)


def _any_rotation(u: chex.Array, size: Size) -> chex.Array:
    angle = _angle(u[0])
    return _rotation(jnp.cos(angle), jnp.sin(angle))


def _anisotropy(u: chex.Array, size: Size) -> chex.Array:
    scale = jnp.exp2(0.2 * _normal(u[0]))
    return _scaling(scale, 1 / scale)


def _fractional_translation(u: chex.Array, size: Size) -> chex.Array:
    y, x = _normal(u) / 8 * jnp.array(size, jnp.float32)
    return _translation(x, y)


# --- The maps of colours


def _colors(linear: chex.Array, constant: chex.Numeric = 0.0) -> chex.Array:
    """The [4, 4] matrix of a linear map [3, 3] and a constant that is added to all three colours."""
    return jnp.eye(4).at[:3, :3].set(linear).at[:3, 3].set(constant)


def _brightness(u: chex.Array, size: Size) -> chex.Array:
    return _colors(jnp.eye(3), 0.2 * _normal(u[0]))


def _contrast(u: chex.Array, size: Size) -> chex.Array:
    return _colors(jnp.exp2(0.5 * _normal(u[0])) * jnp.eye(3))


def _luma_flip(u: chex.Array, size: Size) -> chex.Array:
    return _colors(jnp.eye(3) - jnp.where(u[0] < 0.5, 2.0, 0.0) * _grey())


def _hue(u: chex.Array, size: Size) -> chex.Array:
    # Rodrigues' formula around the grey axis (1, 1, 1)/√3.
    angle = _angle(u[0])
    cross = jnp.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], jnp.float32) / math.sqrt(3)
    return _colors(jnp.cos(angle) * (jnp.eye(3) - _grey()) + _grey() + jnp.sin(angle) * cross)


def _saturation(u: chex.Array, size: Size) -> chex.Array:
    return _colors(_grey() + jnp.exp2(_normal(u[0])) * (jnp.eye(3) - _grey()))


# --- The pipe


def _joined(*pipes: Pipe) -> Pipe:
    return Pipe(tuple(affine for pipe in pipes for affine in pipe.maps))


_DRAWS = {
    "flip": _flip,
    "turn": _turn,
    "integer_translation": _integer_translation,
    "scaling": _isotropic_scaling,
    "rotation": _any_rotation,
    "anisotropy": _anisotropy,
    "fractional_translation": _fractional_translation,
    "brightness": _brightness,
    "contrast": _contrast,
    "luma_flip": _luma_flip,
    "hue": _hue,
    "saturation": _saturation,
}
_COLORS = ("brightness", "contrast", "luma_flip", "hue", "saturation")
PIPES: dict[str, Pipe] = {name: Pipe((AffineMap(draw, name not in _COLORS),)) for name, draw in _DRAWS.items()}
"""Each map separately:

- flip: left and right, half of the time; turn: by 0, 1, 2 or 3 quarters; integer_translation: U(−⅛, ⅛) of each side,
  rounded to pixels
- scaling: by 2^N(0, .2²); rotation: U(−π, π); anisotropy: width by s, height by 1/s, s = 2^N(0, .2²);
  fractional_translation: N(0, .125²) of each side
- brightness: + N(0, .2²); contrast: × 2^N(0, .5²); luma_flip: light and dark exchanged, colours kept, half of the time;
  hue: turned around grey by U(−π, π); saturation: × 2^N(0, 1)
"""

_ONE_OF_TWO = Pipe((AffineMap(_any_rotation, True, lambda p: 1 - jnp.sqrt(jnp.clip(1 - p, 0, 1))),))
"""The probability of each of two rotations such that at least one is drawn with probability p."""

PIPES["ada_blit"] = _joined(PIPES["flip"], PIPES["turn"], PIPES["integer_translation"])
PIPES["ada_geometric"] = _joined(
    PIPES["scaling"], _ONE_OF_TWO, PIPES["anisotropy"], _ONE_OF_TWO, PIPES["fractional_translation"]
)
PIPES["ada_color"] = _joined(*(PIPES[name] for name in _COLORS))
PIPES["ada"] = _joined(PIPES["ada_blit"], PIPES["ada_geometric"], PIPES["ada_color"])
