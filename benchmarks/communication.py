"""The cost of a training step's communication and arithmetic on several TPUs or GPUs, calculated without a run.

    python -m benchmarks.communication --out results/benchmarks/communication.json

Data-parallel, as in `jaxgan.distribute`: every device holds both players and its share of the batch, and the devices
average each player's gradient once per update. Networks are lists of layers; the tests compare the lists with the
library's own networks. Let F be a network's multiplications for one example, and f those of its layers that read the
network's input. Algorithm 1 with one update of each player then takes, for one example,

    D's update   F_G forward; on a real and on a fake example F_D forward, F_D for the parameters' gradient,
                 and F_D − f_D for the gradient of the layers' inputs:                   F_G + 2 (3 F_D − f_D)
    G's update   likewise 3 F_G − f_G; and F_D forward and F_D back to the fake example: 3 F_G − f_G + 2 F_D

In total this is 4 F_G − f_G + 8 F_D − 2 f_D multiplications, and twice as many FLOPs. XLA drops the real examples'
logits in G's update, unless the loss reads them. Optimizers, activations and normalisations are not counted.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from benchmarks import timing
from benchmarks.scores import markdown

UTILISATION = 0.4
"""Assumed fraction of the peak performance; a small batch does not reach it."""

D_METRICS, G_METRICS = 4, 1
"""Number of scalars averaged with a gradient: the loss, D's accuracy and its mean logits on real and fake examples."""

FLOAT32, BFLOAT16 = 4, 2
"""Bytes per number."""


class Level(NamedTuple):
    """A group of devices, or of such groups, that average among each other.

    Attributes:
      members: number of members.
      bandwidth: bytes per second that a device sends.
      hops: number of consecutive hops in an all-reduce, regardless of its size.
      hop: seconds per hop.
    """

    members: int
    bandwidth: float
    hops: int
    hop: float


class Machine(NamedTuple):
    """Devices of one kind.

    Attributes:
      peak: FLOP/s of a device, in bfloat16 without sparsity.
      levels: from the innermost outwards; after each, every device averages an equal share of the sum with other
        groups.
      sources: sources of the numbers, and which of them are assumed.
    """

    peak: float
    levels: tuple[Level, ...]
    sources: str

    @property
    def devices(self) -> int:
        """Total number of devices."""
        return math.prod(level.members for level in self.levels)


_NODE = Level(8, 4.5e11, 14, 1e-6)
_NVIDIA = (
    "NVIDIA H100 datasheet, SXM: 1,979 TFLOP/s bfloat16 with sparsity, half without; NVLink 900 GB/s, half each way; "
    "a microsecond a hop, 2 · 7 of them, is assumed"
)

MACHINES = {
    "TPU v5e-16": Machine(
        1.97e14,
        (Level(16, 9e10, 12, 1e-6),),
        "Google Cloud TPU v5e documentation: 197 TFLOP/s, 400 GB/s in both directions over 4 ports. How to Scale Your "
        "Model (jax-ml.github.io/scaling-book), chapters 2 and 3: 4.5e10 bytes/s each way and link, a microsecond a "
        "hop; 4 × 4 chips do not wrap around, so a chip in a corner has two links; 3 hops an axis, there and back",
    ),
    "8 × H100": Machine(9.895e14, (_NODE,), _NVIDIA),
    "2 × 8 H100, a 400 Gb/s card per GPU": Machine(
        9.895e14,
        (_NODE, Level(2, 5e10, 2, 5e-6)),
        _NVIDIA + "; NVIDIA DGX H100: eight 400 Gb/s cards; five microseconds between hosts are assumed",
    ),
    "2 × 8 H100, a 400 Gb/s card per host": Machine(
        9.895e14,
        (_NODE, Level(2, 5e10 / 8, 2, 5e-6)),
        _NVIDIA + "; one card shared by eight GPUs; five microseconds between hosts are assumed",
    ),
}


Layers = list["Layer"]


class Layer(NamedTuple):
    """The arithmetic of one layer.

    Attributes:
      multiply_adds: for one example, forward. The gradients with respect to the parameters and to the inputs each take
        as many again. Multiplications by zeros of a padding are not counted.
      parameters: kernel and bias, or scale and offset.
      first: whether it reads the network's input, whose gradient the network's own update does not need.
      channels: channels of a batch normalisation, which exchanges and keeps a mean and a square or variance of each;
        else 0.
    """

    multiply_adds: int
    parameters: int
    first: bool = False
    channels: int = 0


def dense(inputs: int, outputs: int, *, bias: bool = True, first: bool = False) -> Layer:
    """A matrix, with an optional bias."""
    return Layer(inputs * outputs, inputs * outputs + outputs * bias, first)


def taps(large: int, small: int, kernel: int, stride: int, padding: int) -> int:
    """Along one axis, the number of pairs of a position and a kernel cell that fall on a pixel, not on the padding.

    Args:
      large, small: pixels before and after a convolution; for a transposed one, after and before.
      kernel, stride, padding: along this axis.
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
    """A convolution of a square image with `size` pixels per side."""
    after = (size + 2 * padding - kernel) // stride + 1
    products = taps(size, after, kernel, stride, padding) ** 2 * channels * features
    return Layer(products, kernel**2 * channels * features + features * bias, first)


def conv_transposed(
    size: int, channels: int, features: int, kernel: int, stride: int, *, padding: int = 0, biases: int = 0
) -> Layer:
    """A transposed convolution with this total number of biases."""
    after = (size - 1) * stride + kernel - 2 * padding
    products = taps(after, size, kernel, stride, padding) ** 2 * channels * features
    return Layer(products, kernel**2 * channels * features + biases)


def batch_norm(channels: int) -> Layer:
    """Scale and offset; the few operations per pixel are not counted."""
    return Layer(0, 2 * channels, channels=channels)


def mlp(widths: Sequence[int]) -> Layers:
    """Dense layers between these widths, from inputs to outputs."""
    return [dense(a, b, first=i == 0) for i, (a, b) in enumerate(pairwise(widths))]


def maxout(inputs: int, widths: Sequence[int], pieces: int) -> Layers:
    """Maxout layers and an output logit."""
    before = (inputs, *widths)
    hidden = [dense(a, b * pieces, first=i == 0) for i, (a, b) in enumerate(zip(before, widths, strict=False))]
    return [*hidden, dense(widths[-1], 1)]


def cifar10_generator(latent: int = 100, width: int = 8000) -> Layers:
    """The paper's: two dense layers, and a transposed convolution with one bias per pixel."""
    last = conv_transposed(10, 80, 3, 5, 3, biases=32 * 32 * 3)
    return [dense(latent, width, first=True), dense(width, 8000), last]


def cifar10_discriminator(width: int = 500, pieces: int = 5) -> Layers:
    """The paper's: three maxout convolutions with two pieces (images of 32, 16 and 7 pixels), and two dense layers."""
    return [
        conv(32, 3, 64, 8, padding=4, first=True),
        conv(16, 32, 64, 8, padding=3),
        conv(7, 32, 384, 5, padding=3),
        dense(5 * 5 * 192, width * pieces),
        dense(width, 1),
    ]


def dcgan_generator(size: int, channels: int, widths: Sequence[int], latent: int = 100) -> Layers:
    """Transposed 4 × 4 convolutions with stride 2; all but the last have batch normalisation instead of a bias."""
    small = size // 2 ** len(widths)
    layers = [dense(latent, small**2 * widths[0], bias=False, first=True), batch_norm(widths[0])]
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [conv_transposed(small * 2**i, a, b, 4, 2, padding=1), batch_norm(b)]
    return [*layers, conv_transposed(size // 2, widths[-1], channels, 4, 2, padding=1, biases=channels)]


def dcgan_discriminator(size: int, channels: int, widths: Sequence[int]) -> Layers:
    """4 × 4 convolutions with stride 2, all but the first with batch normalisation instead of a bias; and a logit."""
    layers = [conv(size, channels, widths[0], 4, stride=2, padding=1, first=True)]
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [conv(size // 2 ** (i + 1), a, b, 4, stride=2, padding=1, bias=False), batch_norm(b)]
    small = size // 2 ** len(widths)
    return [*layers, dense(small**2 * widths[-1], 1)]


def resnet_generator(widths: Sequence[int], channels: int = 3, latent: int = 128) -> Layers:
    """Blocks that double an image from 4 × 4. After doubling, each has two 3 × 3 convolutions with batch normalisation
    before them, and a parallel 1 × 1 convolution.

    Args:
      widths: channels of the smallest image and after each doubling.
      channels: channels of the images.
      latent: dimension of a latent.

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
    """Blocks of two 3 × 3 convolutions. The first `halvings` blocks then halve the image, and have a parallel 1 × 1
    convolution. Then a sum over the pixels, and a logit. Spectral normalisation's own products are not counted.

    Args:
      size: side of the images, which have `channels`.
      widths: channels after each block.
      halvings: number of blocks that halve.
      bias: whether the logit has a bias.

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
    """A pair of networks, and the batch size with which its authors, or its config, train it."""

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


def step_flops(game: Game, discriminator_steps: int = 1) -> int:
    """FLOPs of a training step per example of the batch."""
    (g, g_first), (d, d_first) = _products(game.generator), _products(game.discriminator)
    d_update = g + 2 * (3 * d - d_first)
    g_update = 3 * g - g_first + 2 * d
    return 2 * (discriminator_steps * d_update + g_update)


def _products(layers: Layers) -> tuple[int, int]:
    """Multiplications for an example: of all layers, and of those that read the input."""
    return sum(layer.multiply_adds for layer in layers), sum(layer.multiply_adds for layer in layers if layer.first)


def parameters(layers: Layers) -> int:
    """Number of parameters of all layers."""
    return sum(layer.parameters for layer in layers)


def all_reduces(game: Game, discriminator_steps: int = 1, gradient_bytes: int = FLOAT32) -> list[int]:
    """Bytes of each all-reduce of a training step. Those at the end of an update count as one.

    A batch normalisation averages over devices a mean and a mean square per channel in the forward pass, and two more
    numbers per channel in the backward pass. In D's update: G's layers forward, and D's layers both ways on real and on
    fake examples. In G's update: all layers both ways, but only on fake examples. An update ends with the gradient, the
    running mean and variance, and the metrics.
    """
    k = discriminator_steps
    found = []
    for layers, updates, metrics, passes in (
        (game.generator, 1, G_METRICS, k + 2),
        (game.discriminator, k, D_METRICS, 4 * k + 2),
    ):
        channels = [layer.channels for layer in layers if layer.channels]
        found += [gradient_bytes * parameters(layers) + FLOAT32 * (2 * sum(channels) + metrics)] * updates
        found += [FLOAT32 * 2 * count for count in channels] * passes
    return found


def seconds(machine: Machine, sizes: list[int]) -> tuple[float, float]:
    """Time for consecutive all-reduces of these sizes, and the part of it that empty ones would take."""
    moving, share = 0.0, float(sum(sizes))
    for level in machine.levels:
        moving += 2 * (level.members - 1) / level.members * share / level.bandwidth
        share /= level.members
    latency = len(sizes) * sum(level.hops * level.hop for level in machine.levels)
    return moving + latency, latency


def on_machine(game: Game, machine: Machine) -> dict[str, Any]:
    """Times of a step, and the global batch size from which computation takes as long as communication."""
    communication, latency = seconds(machine, all_reduces(game))
    halved, _ = seconds(machine, all_reduces(game, gradient_bytes=BFLOAT16))
    an_example = step_flops(game) / (machine.devices * machine.peak)
    computing = game.batch * an_example / UTILISATION

    def batch(time: float) -> int:
        """Rounds up to a multiple of the devices."""
        return math.ceil(time / an_example / machine.devices) * machine.devices

    return {
        "communication_microseconds": 1e6 * communication,
        "latency_microseconds": 1e6 * latency,
        "computing_microseconds": 1e6 * computing,
        "communication_to_computing": communication / computing,
        "compute_bound_from_batch": batch(UTILISATION * communication),
        "compute_bound_from_batch_bfloat16_gradients": batch(UTILISATION * halved),
        "compute_bound_from_batch_at_peak": batch(communication),
    }


def calculate() -> dict[str, Any]:
    """Calculates all networks on all machines."""
    games = {}
    for name, game in GAMES.items():
        sizes = all_reduces(game)
        games[name] = {
            "parameters": {"generator": parameters(game.generator), "discriminator": parameters(game.discriminator)},
            "gflop_per_example": step_flops(game) / 1e9,
            "megabytes_per_step": sum(sizes) / 1e6,
            "megabytes_per_step_bfloat16_gradients": sum(all_reduces(game, gradient_bytes=BFLOAT16)) / 1e6,
            "all_reduces": len(sizes),
            "batch": game.batch,
            "on": {machine: on_machine(game, of) for machine, of in MACHINES.items()},
        }
    return {
        "on_paper": "arithmetic alone; nothing was run on a GPU or TPU",
        "utilisation": UTILISATION,
        "machines": {
            name: {"devices": of.devices, "peak_flops": of.peak, "levels": [level._asdict() for level in of.levels]}
            | {"sources": of.sources}
            for name, of in MACHINES.items()
        },
        "games": games,
    }


def tables(result: dict[str, Any]) -> tuple[str, str]:
    """The two tables of docs/scaling.md: the networks, and what each takes on the machines."""
    networks = [["network", "million parameters, G + D", "GFLOP per example", "MB per step", "all-reduces", "batch"]]
    for name, game in result["games"].items():
        g, d = (f"{game['parameters'][player] / 1e6:.2f}" for player in ("generator", "discriminator"))
        cells = [name, f"{g} + {d}", f"{game['gflop_per_example']:.3g}", f"{game['megabytes_per_step']:.1f}"]
        networks.append([*cells, str(game["all_reduces"]), str(game["batch"])])
    times_of = ["network", "machine", "communicating", "of that waiting", "computing", "ratio"]
    machines = [[*times_of, "compute-bound from a batch of about", "with bfloat16 gradients"]]
    for name, game in result["games"].items():
        for machine, on in game["on"].items():
            times = (on[f"{what}_microseconds"] for what in ("communication", "latency", "computing"))
            batches = (on[f"compute_bound_from_batch{kind}"] for kind in ("", "_bfloat16_gradients"))
            cells = [name, machine, *map(_digits, times), _digits(on["communication_to_computing"])]
            machines.append([*cells, *map(_digits, batches)])
    return markdown(networks), markdown(machines)


def _digits(value: float) -> str:
    """Two significant digits, without an exponent."""
    places = 1 - math.floor(math.log10(value))
    return f"{round(value, places):,.{max(places, 0)}f}"


def main() -> None:
    """Calculates, prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/communication.json")
    arguments = parser.parse_args()
    result = calculate()
    print("\n\n".join(tables(result)))
    if arguments.out:
        timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
