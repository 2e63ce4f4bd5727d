"""What a training step costs in communication beside its arithmetic, on several TPUs or GPUs. On paper: nothing is run.

    python -m benchmarks.communication --out results/benchmarks/communication.json

Data-parallel, as `jaxgan.distribute` does it: every device has both players whole and its share of the batch, and the
devices average each player's gradient once per update. With F a network's multiplications for one example, and f those
of its layers that read the network's input, Algorithm 1 with one update of each player takes, of one example,

    D's update   F_G forward, and on a real and on a fake example F_D forward, F_D for the gradient in the parameters
                 and F_D − f_D for that in the layers' inputs:                            F_G + 2 (3 F_D − f_D)
    G's update   3 F_G − f_G likewise, and F_D forward and F_D back to the fake example:  3 F_G − f_G + 2 F_D

which is 4 F_G − f_G + 8 F_D − 2 f_D multiplications, and twice as many FLOPs. The real examples' logits in G's update
are XLA's to drop, unless the loss reads them. Optimizers, activations and normalisations are not counted.
"""

import argparse
import math
from typing import Any, NamedTuple

from benchmarks import timing
from benchmarks.layers import GAMES, Game, Layers

UTILISATION = 0.4
"""Part of the peak at which a step is assumed to compute; a small batch will not reach it."""

D_METRICS, G_METRICS = 4, 1
"""Scalars averaged with a gradient: the loss, D's accuracy and its mean logits on real and on fake examples."""

FLOAT32, BFLOAT16 = 4, 2
"""Bytes."""


class Level(NamedTuple):
    """Devices, or groups of them, that average among each other.

    Attributes:
      members: how many.
      bandwidth: bytes per second that a device sends.
      hops: one after another in an all-reduce, however little is sent.
      hop: seconds of one.
    """

    members: int
    bandwidth: float
    hops: int
    hop: float


class Machine(NamedTuple):
    """Devices of one kind.

    Attributes:
      peak: FLOP/s of a device, bfloat16 without sparsity.
      levels: from the innermost; every device then has an equal share of the sum to average with other groups.
      sources: of the numbers, and which of them are assumed.
    """

    peak: float
    levels: tuple[Level, ...]
    sources: str

    @property
    def devices(self) -> int:
        """In all."""
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


def step_flops(game: Game, discriminator_steps: int = 1) -> int:
    """FLOPs of a training step for every example of the batch."""
    (g, g_first), (d, d_first) = _products(game.generator), _products(game.discriminator)
    d_update = g + 2 * (3 * d - d_first)
    g_update = 3 * g - g_first + 2 * d
    return 2 * (discriminator_steps * d_update + g_update)


def _products(layers: Layers) -> tuple[int, int]:
    """Multiplications of an example, of all layers and of those that read the input."""
    return sum(layer.multiply_adds for layer in layers), sum(layer.multiply_adds for layer in layers if layer.first)


def parameters(layers: Layers) -> int:
    """Of all layers."""
    return sum(layer.parameters for layer in layers)


def all_reduces(game: Game, discriminator_steps: int = 1, gradient_bytes: int = FLOAT32) -> list[int]:
    """Bytes of every all-reduce of a training step; those of one update's end counted as one.

    A batch normalisation averages a mean and a mean square of each channel over the devices, forward, and two numbers
    of each again on the way back: in D's update of G's layers forward, and of D's both ways on real and on fake
    examples; in G's update of all layers both ways, the fake examples' alone. At an update's end go the gradient, the
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
    """What all-reduces of these sizes take, one after another, and what of that they would take if they were empty."""
    moving, share = 0.0, float(sum(sizes))
    for level in machine.levels:
        moving += 2 * (level.members - 1) / level.members * share / level.bandwidth
        share /= level.members
    latency = len(sizes) * sum(level.hops * level.hop for level in machine.levels)
    return moving + latency, latency


def on_machine(game: Game, machine: Machine) -> dict[str, Any]:
    """Times of a step, and the global batch from which computing takes as long as communicating."""
    communication, latency = seconds(machine, all_reduces(game))
    halved, _ = seconds(machine, all_reduces(game, gradient_bytes=BFLOAT16))
    an_example = step_flops(game) / (machine.devices * machine.peak)
    computing = game.batch * an_example / UTILISATION

    def batch(time: float) -> int:
        """A multiple of the devices."""
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
    """All networks on all machines."""
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


def rows(result: dict[str, Any]) -> list[str]:
    """The lines of docs/scaling.md's two tables."""
    lines = []
    for name, game in result["games"].items():
        g, d = (f"{game['parameters'][player] / 1e6:.2f}" for player in ("generator", "discriminator"))
        cells = [name, f"{g} + {d}", f"{game['gflop_per_example']:.3g}", f"{game['megabytes_per_step']:.1f}"]
        lines.append(f"| {' | '.join([*cells, str(game['all_reduces']), str(game['batch'])])} |")
    for name, game in result["games"].items():
        for machine, on in game["on"].items():
            times = (on[f"{what}_microseconds"] for what in ("communication", "latency", "computing"))
            batches = (on[f"compute_bound_from_batch{kind}"] for kind in ("", "_bfloat16_gradients"))
            cells = [name, machine, *map(_digits, times), _digits(on["communication_to_computing"])]
            lines.append(f"| {' | '.join([*cells, *map(_digits, batches)])} |")
    return lines


def _digits(value: float) -> str:
    """Two digits, and no exponent."""
    places = 1 - math.floor(math.log10(value))
    return f"{round(value, places):,.{max(places, 0)}f}"


def main() -> None:
    """Calculates, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/communication.json")
    arguments = parser.parse_args()
    result = calculate()
    print("\n".join(rows(result)))
    if arguments.out:
        timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
