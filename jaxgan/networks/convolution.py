"""Convolutions, pooling and self-attention over images.

A convolution y = C(x, w), its transpose in the images x = T(y, w) and its gradient in the kernel w = K(x, y) are linear
in each argument, and the derivatives of each are the other two. This file has these three functions, each in its
fastest form for CPUs, which makes derivatives of every order fast. XLA's own derivatives take up to a hundred times as
long on a CPU. On a GPU or TPU all three are XLA's convolutions. Parameters and results are the same.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan import products
from jaxgan.networks.layers import layer_kernel
from jaxgan.tables import UnknownNameError

METHODS = ("auto", "native", "cpu")
FEW_CHANNELS = 16
"""Below this number of channels per cell, separate products for the cells of a kernel are too small to pay off."""
WIDE = 128
"""From this number of features, bfloat16 products are faster than a convolution on CPUs with units for them."""
CACHED = 2**18
"""Bytes of a convolution's kernel that fit in a processor's cache beside its images."""
SUMMED = 2**14
"""Numbers that a convolution should sum for a pixel and feature: beyond that, each takes XLA many times as long."""

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


class _Window(NamedTuple):
    """How a kernel moves over images.

    Attributes:
      size: rows and columns of the kernel.
      extent: height and width of the images.
      stride, padding: the same for both axes.
      groups: number of groups of channels and features.
      rounded: whether products use bfloat16, with float32 sums.
      method: "cpu" or "auto".
    """

    size: tuple[int, int]
    extent: tuple[int, int]
    stride: int
    padding: int
    groups: int
    rounded: bool
    method: str

    @property
    def cells(self) -> bool:
        """Whether padded images divide into cells of stride² pixels, and the kernel is two by two such cells."""
        even = all((extent + 2 * self.padding) % self.stride == 0 for extent in self.extent)
        return even and self.size == (2 * self.stride, 2 * self.stride)

    @property
    def half(self) -> bool:
        """Whether products use bfloat16 on a CPU."""
        return self.rounded and products.cpu_gains()

    def convolves(self, dtype: Any, features: int) -> bool:
        """Whether XLA's convolution to this number of features is fastest on a CPU.

        A kernel of a single pixel needs no patches, and XLA computes bfloat16 convolutions in float32.
        """
        if self.stride > 1 or self.padding >= min(self.size) or max(self.size) == 1 or dtype != jnp.float32:
            return False
        return not (self.half and features >= WIDE)


def convolve(
    images: chex.Array, kernel: chex.Array, *, stride: int = 1, padding: int = 0, groups: int = 1, method: str = "auto"
) -> chex.Array:
    """Cross-correlation, which deep learning libraries call convolution.

    Args:
      images: [n, height, width, channels].
      kernel: [rows, columns, channels / groups, features].
      stride: the same for both axes.
      padding: number of zeros on every side.
      groups: number of groups into which channels and features are divided, in order. A feature sees only the channels
        of its own group.
      method: "native" for XLA's convolution and its derivatives; "cpu" for the fast form on CPUs, with derivatives in
        reverse mode; "auto" for the platform that the program is compiled for, with derivatives in reverse mode.

    Returns:
      [n, (height + 2·padding − rows) // stride + 1, likewise, features].

    Raises:
      ValueError: the method is unknown.
    """
    window = _window(images.shape[1:3], images, kernel, stride=stride, padding=padding, groups=groups, method=method)
    images, kernel = products.alike(images, kernel)
    return (_convolution_by_xla if method == "native" else _convolution)(images, kernel, window)


def convolve_transposed(
    images: chex.Array, kernel: chex.Array, *, stride: int, padding: int = 0, method: str = "auto"
) -> chex.Array:
    """The transpose of a convolution: every input pixel adds its multiple of the kernel to the output.

    Args:
      images: [n, height, width, channels].
      kernel: [rows, columns, channels, features]; pixel (i, j) of the input adds `images[i, j] @ kernel[a, b]` to
        (i·stride + a − padding, j·stride + b − padding) of the output.
      stride: the same for both axes.
      padding: rows and columns removed on every side.
      method: as for `convolve`.

    Returns:
      [n, (height − 1)·stride + rows − 2·padding, likewise, features].
    """
    sides = zip(images.shape[1:3], kernel.shape[:2], strict=True)
    extent = [(height - 1) * stride + size - 2 * padding for height, size in sides]
    window = _window(extent, images, kernel, stride=stride, padding=padding, groups=1, method=method)
    images, kernel = products.alike(images, kernel.swapaxes(2, 3))
    return (_transpose_by_xla if method == "native" else _transpose)(images, kernel, window)


def _window(extent, images, kernel, *, stride: int, padding: int, groups: int, method: str) -> _Window:
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    rounded = products.rounds(images, kernel)
    return _Window(tuple(kernel.shape[:2]), tuple(extent), stride, padding, groups, rounded, method)


# The three functions, with each other as derivatives.


def _bilinear(on_cpu: Callable, elsewhere: Callable) -> Any:
    """A function `(left, right, window)`, linear in its first two arguments, with an implementation per platform."""

    @functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
    def function(left: chex.Array, right: chex.Array, window: _Window) -> chex.Array:
        own = functools.partial(_by_groups, functools.partial(on_cpu, window=window), window.groups)
        if window.method == "cpu":
            return own(left, right)

        def native(left, right):
            if not window.rounded:
                return elsewhere(left, right, window)
            halves = left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)  # accelerators sum them in float32
            return elsewhere(*halves, window).astype(jnp.float32)

        return jax.lax.platform_dependent(left, right, cpu=own, default=native)

    return function


def _by_groups(function: Callable, groups: int, left: chex.Array, right: chex.Array) -> chex.Array:
    """Applies a function to each group of its two array arguments; groups divide the last axis, also of the result."""
    if groups == 1:
        return function(left, right)
    divided = [jnp.moveaxis(x.reshape(*x.shape[:3], groups, -1), 3, 0) for x in (left, right)]
    results = jnp.moveaxis(jax.lax.map(lambda operands: function(*operands), divided), 0, 3)
    return results.reshape(*results.shape[:3], -1)


def _convolution_on_cpu(images: chex.Array, kernel: chex.Array, window: _Window) -> chex.Array:
    if window.convolves(images.dtype, kernel.shape[-1]):
        return _plain(images, kernel, (window.padding, window.padding))
    padded, product = _padded(images, window.padding), functools.partial(products.contract, half=window.half)
    if not window.cells:
        return product(patches(padded, *window.size, window.stride), _flat(kernel))
    cells, kernel = _space_to_depth(padded, window.stride), _kernel_to_cells(kernel, window.stride)
    if cells.shape[-1] < FEW_CHANNELS:
        return product(patches(cells, 2, 2, 1), _flat(kernel))
    # One product of all cells per cell of the kernel, from which each takes a part: avoids copies of cells.
    return sum(_seen(product(cells, kernel[i, j]), i, j) for i, j in CORNERS)


def _convolution_by_xla(images, kernel, window: _Window) -> chex.Array:
    pads = [(window.padding, window.padding)] * 2
    return jax.lax.conv_general_dilated(
        images,
        kernel,
        [window.stride] * 2,
        pads,
        dimension_numbers=DIMENSIONS,
        feature_group_count=window.groups,
    )


def _transpose_on_cpu(outputs: chex.Array, kernel: chex.Array, window: _Window) -> chex.Array:
    channels = kernel.shape[2]
    if window.convolves(outputs.dtype, channels):
        rows, columns = (size - 1 - window.padding for size in window.size)
        return _plain(outputs, kernel[::-1, ::-1].swapaxes(2, 3), (rows, columns))
    # Cuts the kernel, and later the images, into cells of stride² pixels.
    stride, (n, height, width, features) = window.stride, outputs.shape
    down, across = (-(-size // stride) for size in window.size)
    beyond = [(0, parts * stride - size) for parts, size in zip((down, across), window.size, strict=True)]
    kernel = jnp.pad(kernel, (*beyond, (0, 0), (0, 0))).reshape(down, stride, across, stride, channels, features)
    kernel = kernel.transpose(0, 2, 1, 3, 4, 5).reshape(-1, features)
    # Cell (i, j) of the images is the sum over (a, b) of output pixel (i − a, j − b) times cell (a, b) of the kernel.
    parts = products.contract(outputs, kernel, axis=1, half=window.half).reshape(n, height, width, down, across, -1)
    cells = jnp.zeros((), parts.dtype)
    for a in range(down):
        for b in range(across):
            cells = cells + jnp.pad(parts[:, :, :, a, b], ((0, 0), (a, down - 1 - a), (b, across - 1 - b), (0, 0)))
    grid = cells.shape[1:3]
    pixels = cells.reshape(n, *grid, stride, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    pixels = pixels.reshape(n, grid[0] * stride, grid[1] * stride, channels)
    # Rows and columns at the end that the kernel did not reach.
    ends = [max(window.padding + e - size, 0) for e, size in zip(window.extent, pixels.shape[1:3], strict=True)]
    pixels = jnp.pad(pixels, ((0, 0), *((0, end) for end in ends), (0, 0)))
    return pixels[:, window.padding :, window.padding :][:, : window.extent[0], : window.extent[1]]


def _transpose_by_xla(outputs, kernel, window: _Window) -> chex.Array:
    pads = [
        (size - 1 - window.padding, extent - (height - 1) * window.stride - 1 + window.padding)
        for size, extent, height in zip(window.size, window.extent, outputs.shape[1:3], strict=True)
    ]
    rows, columns, channels, features = kernel.shape
    turned = kernel[::-1, ::-1].reshape(rows, columns, channels, window.groups, -1).transpose(0, 1, 4, 3, 2)
    return jax.lax.conv_general_dilated(
        outputs,
        turned.reshape(rows, columns, features // window.groups, -1),
        (1, 1),
        pads,
        lhs_dilation=[window.stride] * 2,
        dimension_numbers=DIMENSIONS,
        feature_group_count=window.groups,
    )


def _kernel_gradient_on_cpu(images: chex.Array, outputs: chex.Array, window: _Window) -> chex.Array:
    padded, (channels, features) = _padded(images, window.padding), (images.shape[-1], outputs.shape[-1])
    # In float32 even if `window.half`: these products sum over many pixels, and bfloat16 is not faster there.
    if window.convolves(images.dtype, 1):
        return _by_examples(padded, outputs)
    if not window.cells:
        return _over_pixels(patches(padded, *window.size, window.stride), outputs).reshape(*window.size, channels, -1)
    cells = _space_to_depth(padded, window.stride)
    if cells.shape[-1] < FEW_CHANNELS and images.dtype == jnp.float32:
        gradient = _by_examples(cells, outputs)
    else:
        gradient = jnp.stack([_over_pixels(_seen(cells, i, j), outputs) for i, j in CORNERS])
    stride = window.stride
    gradient = gradient.reshape(2, 2, stride, stride, channels, features).transpose(0, 2, 1, 3, 4, 5)
    return gradient.reshape(*window.size, channels, features)


def _kernel_gradient_by_xla(images, outputs, window: _Window) -> chex.Array:
    pads = [
        (window.padding, size + (height - 1) * window.stride - extent - window.padding)
        for size, extent, height in zip(window.size, window.extent, outputs.shape[1:3], strict=True)
    ]
    return jax.lax.conv_general_dilated(
        images,
        outputs,
        (1, 1),
        pads,
        rhs_dilation=[window.stride] * 2,
        dimension_numbers=("CHWN", "IHWO", "HWNC"),  # examples take the place of channels
        batch_group_count=window.groups,
    )


_convolution = _bilinear(_convolution_on_cpu, _convolution_by_xla)
_transpose = _bilinear(_transpose_on_cpu, _transpose_by_xla)
_kernel_gradient = _bilinear(_kernel_gradient_on_cpu, _kernel_gradient_by_xla)


def _derive(function: Any, in_left: Callable, in_right: Callable) -> None:
    """Sets a function's derivatives: `in_left(right, cotangents, window)` and `in_right(left, cotangents, window)`."""

    def forward(left, right, window):
        return function(left, right, window), (left, right)

    def backward(window, operands, cotangents):
        left, right = operands
        return in_left(right, cotangents, window), in_right(left, cotangents, window)

    function.defvjp(forward, backward)


_derive(_convolution, lambda w, dy, window: _transpose(dy, w, window), _kernel_gradient)
_derive(
    _transpose,
    lambda w, dx, window: _convolution(dx, w, window),
    lambda y, dx, window: _kernel_gradient(dx, y, window),
)
_derive(_kernel_gradient, _transpose, _convolution)


# Their parts on a CPU.


def _plain(images: chex.Array, kernel: chex.Array, padding: tuple[int, int]) -> chex.Array:
    """XLA's convolution with stride 1. The barrier keeps XLA from using transposed operands, which are slow."""
    pads = [(p, p) for p in padding]
    if any(size > extent for size, extent in zip(kernel.shape, images.shape[1:3], strict=False)):
        images, pads = jnp.pad(images, ((0, 0), *pads, (0, 0))), [(0, 0)] * 2
    images, kernel = jax.lax.optimization_barrier((images, kernel))
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), pads, dimension_numbers=DIMENSIONS)


def _by_examples(images: chex.Array, outputs: chex.Array) -> chex.Array:
    """A kernel's gradient [rows, columns, channels, features] as a convolution whose channels are the examples.

    The outputs [n, height, width, features] act as its kernel. With all examples at once, they would be read into the
    processor's cache again for every few pixels, so this takes a few examples at a time.
    """
    n, height, width, features = outputs.shape
    most = min(CACHED // (height * width * features * outputs.dtype.itemsize), SUMMED // (height * width))
    parts = -(-n // max(most, 1))
    size = -(-n // parts)
    images, outputs = (jnp.pad(x, ((0, parts * size - n), *((0, 0),) * 3)) for x in (images, outputs))
    images = images.reshape(parts, size, *images.shape[1:]).transpose(0, 4, 2, 3, 1)
    outputs = outputs.reshape(parts, size, height, width, features).transpose(0, 2, 3, 1, 4)
    images, outputs = jax.lax.optimization_barrier((images, outputs))
    total = _plain(images[0], outputs[0], (0, 0))
    if parts > 1:
        rest = images[1:], outputs[1:]
        total, _ = jax.lax.scan(lambda total, part: (total + _plain(*part, (0, 0)), None), total, rest)
    return jax.lax.optimization_barrier(total).transpose(1, 2, 0, 3)


def _over_pixels(seen: chex.Array, outputs: chex.Array) -> chex.Array:
    """Products of [n, height, width, a] and [n, height, width, b], summed over examples and pixels: [a, b]."""
    return seen.reshape(-1, seen.shape[-1]).T @ outputs.reshape(-1, outputs.shape[-1])


def _padded(images, padding: int):
    return jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def _flat(kernel):
    return kernel.reshape(-1, kernel.shape[-1])


def _kernel_to_cells(kernel, size: int):
    return _space_to_depth(kernel.transpose(3, 0, 1, 2), size).transpose(1, 2, 3, 0)


def _seen(cells, i: int, j: int):
    """The part of cells [n, height + 1, width + 1, ...] under cell (i, j) of a two-by-two kernel, at all positions."""
    height, width = (extent - 1 for extent in cells.shape[1:3])
    return cells[:, i : i + height, j : j + width]


def check_sides(needs: str, shape: tuple[int, ...], divisor: int) -> None:
    """Raises ValueError unless `shape` is an image whose sides `divisor` divides; `needs` begins the message."""
    if len(shape) != 3 or any(side % divisor for side in shape[:2]):
        raise ValueError(f"{needs} images [height, width, channels] whose sides divide by {divisor}, not {list(shape)}")


class Conv(linen.Module):
    """`convolve` with a kernel [size, size, channels / groups, features] and a bias.

    Attributes:
      untied_bias: whether the bias is [height, width, features] instead of [features].
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
    """Maxima of size × size windows. The last window may extend beyond the end of an axis, so no pixel is left out.

    Args:
      images: [n, height, width, channels].
      size, stride: size and stride of the windows.

    Returns:
      [n, ⌈(height − size) / stride⌉ + 1, likewise, channels].
    """
    beyond = [(-(-(extent - size) // stride)) * stride + size - extent for extent in images.shape[1:3]]
    edges = ((0, 0), (0, beyond[0]), (0, beyond[1]), (0, 0))
    pooled = jnp.pad(images, edges, constant_values=-jnp.inf)
    for axis in (1, 2):  # one axis at a time: the gradient of XLA's window maximum is slow on CPUs
        pooled = functools.reduce(jnp.maximum, _shifted(pooled, size, stride, axis))
    return pooled


def _shifted(images, size: int, stride: int, axis: int):
    """The values at each of `size` positions of a window that moves along an axis."""
    count = (images.shape[axis] - size) // stride + 1
    return [jax.lax.slice_in_dim(images, i, i + (count - 1) * stride + 1, stride, axis) for i in range(size)]


def patches(padded: chex.Array, rows: int, columns: int, stride: int) -> chex.Array:
    """The values under a kernel at every position, in the kernel's order. Multiplied by the kernel: a convolution.

    Args:
      padded: [n, height, width, channels].
      rows, columns: size of the kernel.
      stride: the same for both axes.

    Returns:
      [n, (height − rows) // stride + 1, likewise, rows · columns · channels].
    """
    # For large kernels, columns first, then rows: a few large copies instead of a small copy per pixel.
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

    f, g, h and the last convolution are 1 × 1, with C/8, C/8, C/2 and C channels. f and h are max-pooled over 2 × 2
    pixels, which leaves a quarter of the positions.

    Attributes:
      weights, kernel_init: for all convolutions, as in `Conv`.

    Source: Zhang et al. 2019 (arXiv:1805.08318), equations 1 to 3, and its code for the pooling and C/2.
    """

    weights: str = "plain"
    kernel_init: chex.ArrayTree = linen.initializers.glorot_uniform()

    @linen.compact
    def __call__(self, images):
        """Maps [n, height, width, channels] to the same shape."""
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
