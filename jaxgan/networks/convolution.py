"""Convolutions, pooling and self-attention over images.

On a GPU or TPU, convolutions are XLA's own. On a CPU, XLA is quick with a convolution of stride 1, but the gradients
that it derives take up to a hundred times as long. There convolutions of stride 1 have derivatives of our own, and the
others are matrix products. Parameters and results are the same.
"""

import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.layers import layer_kernel

METHODS = ("auto", "native", "product", "canonical")
FEW_CHANNELS = 16
"""Channels of a cell below which a separate product for every cell of a kernel is too small to pay off."""

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def convolve(
    images: chex.Array, kernel: chex.Array, *, stride: int = 1, padding: int = 0, groups: int = 1, method: str = "auto"
) -> chex.Array:
    """Cross-correlation, which deep learning libraries call convolution.

    Args:
      images: [n, height, width, channels].
      kernel: [rows, columns, channels / groups, features].
      stride: of both axes.
      padding: zeros on every side.
      groups: number of groups into which channels and features are divided, in order. A feature sees the channels of
        its group only.
      method: "native" for XLA's convolution, "product" for patches times the kernel as a matrix, "canonical" for XLA's
        convolution with derivatives of our own, where they are implemented: without stride, groups or padding beyond
        the kernel, and in reverse mode. "auto": native if the default backend is not a CPU; there canonical where it
        pays off, else the product.

    Returns:
      [n, (height + 2·padding − rows) // stride + 1, likewise, features].

    Raises:
      ValueError: for an unknown method.
    """
    if _native(method):
        pads = [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(
            images, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS, feature_group_count=groups
        )
    rows, columns, _, features = kernel.shape
    canonical = stride == groups == 1 and padding < min(rows, columns)
    if method == "canonical" and not canonical:
        raise ValueError("a canonical convolution has stride 1, one group and less padding than its kernel has rows")
    # Products of single pixels need no patches, and XLA computes convolutions in bfloat16 as it does those in float32.
    if method == "canonical" or (method == "auto" and canonical and rows * columns > 1 and images.dtype == jnp.float32):
        return _canonical(images, kernel, (padding, padding))
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    if groups > 1:
        return _convolve_groups(padded, kernel, stride, groups)
    if rows == columns == 2 * stride and not padded.shape[1] % stride and not padded.shape[2] % stride:
        cells = _space_to_depth(padded, stride)  # the kernel becomes two by two cells of stride² pixels each
        kernel = _space_to_depth(kernel.transpose(3, 0, 1, 2), stride).transpose(1, 2, 3, 0)
        if cells.shape[-1] < FEW_CHANNELS:
            return patches(cells, 2, 2, 1) @ kernel.reshape(-1, features)
        height, width = (extent - 1 for extent in cells.shape[1:3])
        # One product per cell of the kernel: the same multiplications, without four copies of every cell.
        return sum(cells[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(2) for j in range(2))
    return patches(padded, rows, columns, stride) @ kernel.reshape(-1, features)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _canonical(images: chex.Array, kernel: chex.Array, padding: tuple[int, int]) -> chex.Array:
    """A convolution of stride 1 whose derivatives of every order are such convolutions.

    Its operands are as XLA stores them, which barriers ensure: else it takes transposed ones, which are slow.
    """
    if any(size > extent for size, extent in zip(kernel.shape, images.shape[1:3], strict=False)):
        images, padding = _barrier(jnp.pad(images, ((0, 0), *((p, p) for p in padding), (0, 0)))), (0, 0)
    pads = [(p, p) for p in padding]
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), pads, dimension_numbers=DIMENSIONS)


def _canonical_forward(images, kernel, padding):
    return _canonical(images, kernel, padding), (images, kernel)


def _canonical_backward(padding, operands, cotangents):
    images, kernel = operands
    back = tuple(size - 1 - p for size, p in zip(kernel.shape, padding, strict=False))
    turned = _barrier(kernel[::-1, ::-1].transpose(0, 1, 3, 2))
    of_images = _canonical(_barrier(cotangents), turned, back)
    # Of the kernel: examples in the place of channels.
    padded = jnp.pad(images, ((0, 0), *((p, p) for p in padding), (0, 0)))
    as_images, as_kernel = _barrier(padded.transpose(3, 1, 2, 0)), _barrier(cotangents.transpose(1, 2, 0, 3))
    of_kernel = _barrier(_canonical(as_images, as_kernel, (0, 0))).transpose(1, 2, 0, 3)
    return of_images, of_kernel


_barrier = jax.lax.optimization_barrier
_canonical.defvjp(_canonical_forward, _canonical_backward)


def _convolve_groups(padded: chex.Array, kernel: chex.Array, stride: int, groups: int) -> chex.Array:
    """A convolution group by group, so that only one group's patches are in memory, and none are kept for gradients."""

    @jax.checkpoint
    def of_one_group(operands):
        images, kernel = operands
        rows, columns = kernel.shape[:2]
        lines = jnp.concatenate(_shifted(images, columns, stride, 2), axis=-1)
        kernel = kernel.reshape(rows, -1, kernel.shape[-1])
        return sum(line @ part for line, part in zip(_shifted(lines, rows, stride, 1), kernel, strict=True))

    divided = padded.reshape(*padded.shape[:3], groups, -1), kernel.reshape(*kernel.shape[:3], groups, -1)
    outputs = jax.lax.map(of_one_group, jax.tree.map(lambda operand: jnp.moveaxis(operand, 3, 0), divided))
    return jnp.moveaxis(outputs, 0, 3).reshape(*outputs.shape[1:4], -1)


def convolve_transposed(
    images: chex.Array, kernel: chex.Array, *, stride: int, padding: int = 0, method: str = "auto"
) -> chex.Array:
    """The transpose of a convolution: every input pixel adds a multiple of the kernel to the output.

    Args:
      images: [n, height, width, channels].
      kernel: [rows, columns, channels, features]; pixel (i, j) of the input adds `images[i, j] @ kernel[a, b]` to
        (i·stride + a − padding, j·stride + b − padding) of the output.
      stride: of both axes.
      padding: rows and columns removed on every side.
      method: as for `convolve`.

    Returns:
      [n, (height − 1)·stride + rows − 2·padding, likewise, features].
    """
    rows, columns, channels, features = kernel.shape
    n, height, width, _ = images.shape
    if _native(method):
        pads = [(size - 1 - padding, size - 1 - padding) for size in (rows, columns)]
        return jax.lax.conv_general_dilated(
            images, kernel[::-1, ::-1], (1, 1), pads, lhs_dilation=(stride, stride), dimension_numbers=DIMENSIONS
        )
    # Cut the kernel, and later the output, into cells of stride² pixels.
    down, across = -(-rows // stride), -(-columns // stride)
    kernel = jnp.pad(kernel, ((0, down * stride - rows), (0, across * stride - columns), (0, 0), (0, 0)))
    # Cell (u, v) of the output is the sum over (a, b) of input pixel (u − a, v − b) times cell (a, b) of the kernel.
    kernel = kernel.reshape(down, stride, across, stride, channels, features)
    grid = (height + down - 1, width + across - 1)
    if channels <= stride * stride * features:
        kernel = kernel[::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5).reshape(-1, stride * stride * features)
        edges = ((0, 0), (down - 1, down - 1), (across - 1, across - 1), (0, 0))
        cells = patches(jnp.pad(images, edges), down, across, 1) @ kernel
    else:  # few features: the products are smaller than the patches
        kernel = kernel.transpose(4, 0, 2, 1, 3, 5).reshape(channels, -1)
        products = (images @ kernel).reshape(n, height, width, down, across, -1)
        cells = jnp.zeros((), images.dtype)
        for a in range(down):
            for b in range(across):
                edges = ((0, 0), (a, down - 1 - a), (b, across - 1 - b), (0, 0))
                cells = cells + jnp.pad(products[:, :, :, a, b], edges)
    pixels = cells.reshape(n, *grid, stride, stride, features).transpose(0, 1, 3, 2, 4, 5)
    pixels = pixels.reshape(n, grid[0] * stride, grid[1] * stride, features)
    size = [(extent - 1) * stride + k - 2 * padding for extent, k in ((height, rows), (width, columns))]
    return pixels[:, padding : padding + size[0], padding : padding + size[1]]


def _native(method: str) -> bool:
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; one of {', '.join(METHODS)}")
    return method == "native" or (method == "auto" and jax.default_backend() != "cpu")


def check_sides(needs: str, shape: tuple[int, ...], divisor: int) -> None:
    """Raises ValueError unless `shape` is that of an image whose sides the divisor divides; `needs` begins it."""
    if len(shape) != 3 or any(side % divisor for side in shape[:2]):
        raise ValueError(f"{needs} images [height, width, channels] whose sides divide by {divisor}, not {list(shape)}")


class Conv(linen.Module):
    """`convolve` with a kernel [size, size, channels / groups, features] and a bias.

    Attributes:
      untied_bias: the bias is [height, width, features] instead of [features].
      weights: "plain" or a name in `WEIGHTS`.
    """

    features: int
    size: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: Callable[..., Any] = linen.initializers.lecun_normal()
    bias_init: Callable[..., Any] = linen.initializers.zeros
    untied_bias: bool = False
    groups: int = 1
    weights: str = "plain"

    @linen.compact
    def __call__(self, images):
        kernel = layer_kernel(self, (self.size, self.size, images.shape[-1] // self.groups, self.features))
        outputs = self._convolve(images, kernel)
        if not self.use_bias:
            return outputs
        bias = self.param("bias", self.bias_init, outputs.shape[1:] if self.untied_bias else (self.features,))
        return outputs + bias.reshape(1, *(() if self.untied_bias else (1, 1)), *bias.shape)

    def _convolve(self, images, kernel):
        return convolve(images, kernel, stride=self.stride, padding=self.padding, groups=self.groups)


class ConvTranspose(Conv):
    """`convolve_transposed` with a kernel [size, size, channels, features] and a bias, without groups."""

    def _convolve(self, images, kernel):
        return convolve_transposed(images, kernel, stride=self.stride, padding=self.padding)


def max_pool(images: chex.Array, size: int, stride: int) -> chex.Array:
    """Maxima of size × size windows. The last window of an axis may reach beyond its end, so no pixel is left out.

    Args:
      images: [n, height, width, channels].
      size, stride: of the windows.

    Returns:
      [n, ⌈(height − size) / stride⌉ + 1, likewise, channels].
    """
    beyond = [(-(-(extent - size) // stride)) * stride + size - extent for extent in images.shape[1:3]]
    edges = ((0, 0), (0, beyond[0]), (0, beyond[1]), (0, 0))
    pooled = jnp.pad(images, edges, constant_values=-jnp.inf)
    for axis in (1, 2):  # one axis at a time; XLA's window maximum has a slow gradient on a CPU
        pooled = functools.reduce(jnp.maximum, _shifted(pooled, size, stride, axis))
    return pooled


def _shifted(images, size: int, stride: int, axis: int):
    """The values under each of `size` positions of a window that moves along an axis."""
    count = (images.shape[axis] - size) // stride + 1
    return [jax.lax.slice_in_dim(images, i, i + (count - 1) * stride + 1, stride, axis) for i in range(size)]


def patches(padded: chex.Array, rows: int, columns: int, stride: int) -> chex.Array:
    """The values under a kernel at every position, in the kernel's order. A convolution is their product with it.

    Args:
      padded: [n, height, width, channels].
      rows, columns: of the kernel.
      stride: of both axes.

    Returns:
      [n, (height − rows) // stride + 1, likewise, rows · columns · channels].
    """
    # For large kernels columns first, then rows: a few large copies instead of one small copy per pixel.
    if rows * columns <= 4:
        parts = [part for line in _shifted(padded, rows, stride, 1) for part in _shifted(line, columns, stride, 2)]
        return jnp.concatenate(parts, axis=-1)
    lines = jnp.concatenate(_shifted(padded, columns, stride, 2), axis=-1)
    return jnp.concatenate(_shifted(lines, rows, stride, 1), axis=-1)


def _space_to_depth(images, size: int):
    n, height, width, channels = images.shape
    cells = images.reshape(n, height // size, size, width // size, size, channels).transpose(0, 1, 3, 2, 4, 5)
    return cells.reshape(n, height // size, width // size, -1)


class SelfAttention(linen.Module):
    """x + γ · o with o_j = Conv(Σ_i β_ji h(x_i)) and β_j = softmax_i(f(x_i)ᵀ g(x_j)); γ starts at 0.

    f, g, h and the last convolution are 1 × 1, with C/8, C/8, C/2 and C channels. f and h are the maxima of 2 × 2
    pixels, which leaves a quarter of the positions.

    Attributes:
      weights, kernel_init: of all convolutions, as in `Conv`.

    Source: Zhang et al. 2019 (arXiv:1805.08318), equations 1 to 3, and its code for the pooling and C/2.
    """

    weights: str = "plain"
    kernel_init: chex.ArrayTree = linen.initializers.glorot_uniform()

    @linen.compact
    def __call__(self, images):
        """[n, height, width, channels] to the same."""
        n, height, width, channels = images.shape

        def project(features, inputs):
            return Conv(features, 1, use_bias=False, kernel_init=self.kernel_init, weights=self.weights)(inputs)

        def positions(inputs):
            return inputs.reshape(n, -1, inputs.shape[-1])

        queries = positions(project(max(channels // 8, 1), images))
        keys = positions(max_pool(project(max(channels // 8, 1), images), 2, 2))
        values = positions(max_pool(project(max(channels // 2, 1), images), 2, 2))
        scores = jnp.einsum("nqc,nkc->nqk", queries, keys).astype(jnp.float32)
        attended = jax.nn.softmax(scores).astype(images.dtype) @ values
        gamma = self.param("gamma", linen.initializers.zeros, ())
        return images + gamma * project(channels, attended.reshape(n, height, width, -1))
