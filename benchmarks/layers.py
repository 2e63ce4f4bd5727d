"""Networks as lists of layers: how many multiplications an example takes, how many parameters there are.

On paper: nothing here makes a network. The tests hold the lists beside the library's own networks.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Layers = list["Layer"]


class Layer(NamedTuple):
    """One layer's arithmetic.

    Attributes:
      multiply_adds: of one example, forward. Its gradient in the parameters takes as many again, and so does that in
        its inputs. Multiplications by the zeros of a padding are not counted.
      parameters: kernel and bias, or scale and offset.
      first: it reads the network's input, whose gradient the network's own update does not need.
      channels: of a batch normalisation, which exchanges and keeps a mean and a square or variance of each; else 0.
    """

    multiply_adds: int
    parameters: int
    first: bool = False
    channels: int = 0


def dense(inputs: int, outputs: int, *, bias: bool = True, first: bool = False) -> Layer:
    """A matrix, and a bias if there is one."""
    return Layer(inputs * outputs, inputs * outputs + outputs * bias, first)


def taps(large: int, small: int, kernel: int, stride: int, padding: int) -> int:
    """How many pairs of a place and a cell of the kernel, along one axis, lie on a pixel and not on the padding.

    Args:
      large, small: pixels before and after a convolution; after and before a transposed one.
      kernel, stride, padding: along the axis.
    """
    places = (place * stride - padding + cell for place in range(small) for cell in range(kernel))
    return sum(0 <= pixel < large for pixel in places)


def conv(
    size: int,
    channels: int,
    features: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    bias: bool = True,
    first: bool = False,
) -> Layer:
    """A convolution of a square image of `size` pixels a side."""
    after = (size + 2 * padding - kernel) // stride + 1
    products = taps(size, after, kernel, stride, padding) ** 2 * channels * features
    return Layer(products, kernel**2 * channels * features + features * bias, first)


def conv_transposed(
    size: int, channels: int, features: int, kernel: int, stride: int, *, padding: int = 0, biases: int = 0
) -> Layer:
    """A transposed convolution with so many biases in all."""
    after = (size - 1) * stride + kernel - 2 * padding
    products = taps(after, size, kernel, stride, padding) ** 2 * channels * features
    return Layer(products, kernel**2 * channels * features + biases)


def batch_norm(channels: int) -> Layer:
    """Scale and offset; its few operations a pixel are not counted."""
    return Layer(0, 2 * channels, channels=channels)


def mlp(widths: Sequence[int]) -> Layers:
    """Dense layers between these widths, from the inputs' to the outputs'."""
    return [dense(a, b, first=i == 0) for i, (a, b) in enumerate(pairwise(widths))]


def maxout(inputs: int, widths: Sequence[int], pieces: int) -> Layers:
    """Maxout layers and a logit."""
    before = (inputs, *widths)
    hidden = [dense(a, b * pieces, first=i == 0) for i, (a, b) in enumerate(zip(before, widths, strict=False))]
    return [*hidden, dense(widths[-1], 1)]


def cifar10_generator(latent: int = 100, width: int = 8000) -> Layers:
    """The paper's: two dense layers, and a transposed convolution with a bias for every pixel."""
    last = conv_transposed(10, 80, 3, 5, 3, biases=32 * 32 * 3)
    return [dense(latent, width, first=True), dense(width, 8000), last]


def cifar10_discriminator(width: int = 500, pieces: int = 5) -> Layers:
    """The paper's: three maxout convolutions of two pieces (images of 32, 16 and 7 pixels), two dense layers."""
    return [
        conv(32, 3, 64, 8, padding=4, first=True),
        conv(16, 32, 64, 8, padding=3),
        conv(7, 32, 384, 5, padding=3),
        dense(5 * 5 * 192, width * pieces),
        dense(width, 1),
    ]


def dcgan_generator(size: int, channels: int, widths: Sequence[int], latent: int = 100) -> Layers:
    """Transposed convolutions of 4 × 4 and stride 2, each but the last with a batch normalisation for its bias."""
    small = size // 2 ** len(widths)
    layers = [dense(latent, small**2 * widths[0], bias=False, first=True), batch_norm(widths[0])]
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [conv_transposed(small * 2**i, a, b, 4, 2, padding=1), batch_norm(b)]
    return [*layers, conv_transposed(size // 2, widths[-1], channels, 4, 2, padding=1, biases=channels)]


def dcgan_discriminator(size: int, channels: int, widths: Sequence[int]) -> Layers:
    """Convolutions of 4 × 4 and stride 2, each but the first with a batch normalisation for its bias; a logit."""
    layers = [conv(size, channels, widths[0], 4, stride=2, padding=1, first=True)]
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [conv(size // 2 ** (i + 1), a, b, 4, stride=2, padding=1, bias=False), batch_norm(b)]
    small = size // 2 ** len(widths)
    return [*layers, dense(small**2 * widths[-1], 1)]


def resnet_generator(widths: Sequence[int], channels: int = 3, latent: int = 128) -> Layers:
    """Blocks that double an image of 4 × 4: two convolutions of 3 × 3, and one of 1 × 1 beside them, all after the
    doubling; batch normalisation before each of 3 × 3.

    Args:
      widths: channels of the small image and after every doubling.
      channels: of the images.
      latent: dimensions.

    Source: Miyato et al. 2018 (arXiv:1802.05957), appendix B, and the authors' code, pfnet-research/sngan_projection;
    without its conditions.
    """
    layers = [dense(latent, 16 * widths[0], first=True)]
    size = 4
    for a, b in pairwise(widths):
        size *= 2
        layers += [batch_norm(a), conv(size, a, b, 3, padding=1), batch_norm(b), conv(size, b, b, 3, padding=1)]
        layers += [conv(size, a, b, 1)]
    return [*layers, batch_norm(widths[-1]), conv(size, widths[-1], channels, 3, padding=1)]


def resnet_discriminator(
    size: int, widths: Sequence[int], halvings: int, *, channels: int = 3, bias: bool = True
) -> Layers:
    """Blocks of two convolutions of 3 × 3, the first `halvings` of which halve the image behind them and have one of
    1 × 1 beside them; a sum over the pixels and a logit. Spectral normalisation's own products are not counted.

    Args:
      size: of the images, which have `channels`.
      widths: channels after every block.
      halvings: how many blocks halve.
      bias: of the logit.

    Source: as for `resnet_generator`. The first block halves before its convolution of 1 × 1, the others after it.
    """
    layers = [conv(size, channels, widths[0], 3, padding=1, first=True), conv(size, widths[0], widths[0], 3, padding=1)]
    layers += [conv(size // 2, channels, widths[0], 1, first=True)]
    for i, (a, b) in enumerate(pairwise(widths), start=1):
        side = size // 2 ** min(i, halvings)
        layers += [conv(side, a, a, 3, padding=1), conv(side, a, b, 3, padding=1)]
        layers += [conv(side, a, b, 1)] if i < halvings or a != b else []
    return [*layers, dense(widths[-1], 1, bias=bias)]


class Game(NamedTuple):
    """A pair of networks and the batch that its authors, or its config, train it with."""

    generator: Layers
    discriminator: Layers
    batch: int


GAMES = {
    "mnist": Game(mlp((100, 1200, 1200, 784)), maxout(784, (240, 240), 5), 100),
    "cifar10": Game(cifar10_generator(), cifar10_discriminator(), 128),
    "dcgan64": Game(dcgan_generator(64, 3, (512, 256, 128, 64)), dcgan_discriminator(64, 3, (64, 128, 256, 512)), 64),
    "resnet32": Game(
        resnet_generator((256, 256, 256, 256)), resnet_discriminator(32, (128, 128, 128, 128), 2, bias=False), 64
    ),
    "resnet128": Game(
        resnet_generator((1024, 1024, 512, 256, 128, 64)),
        resnet_discriminator(128, (64, 128, 256, 512, 1024, 1024), 5),
        64,
    ),
}
