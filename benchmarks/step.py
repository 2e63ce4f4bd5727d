"""A training step of jaxgan compared with PyTorch's, a plain flax loop's, and its own matrix products.

    python -m benchmarks.step
    python -m benchmarks.step --games mnist ring --out ""

All take turns in one process, with the same number of threads, after a warm-up; results are medians and ratios of
pairs. Every contender makes the same step: Algorithm 1 with k = 1, fresh latents for both players, dropout, batch
statistics, optimizer. PyTorch is used as by its best users: fused optimizers, real and generated examples in one batch
where the discriminator judges each on its own, channels last, compiled, and under autocast. Each precision is compared
with the same precision, and the best with the best. The floor consists of the products of jaxgan's own compiled step in
float32, one after another with nothing in between, so padding and the like counts as work; XLA's convolutions are not
included. jaxgan makes many steps per call, as in a run; if a game's steps are short, single calls are timed too.
PyTorch (`pip install torch==2.13.0`) is left out, with a note, if it is not installed. Convolutions in the flax loop
are XLA's.
"""

import argparse
import functools
import itertools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from benchmarks import flax_gans, timing
from benchmarks.floor import floor, products
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import cifar10, dcgan, maxout, mlp
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.parallel import distribute
from jaxgan.training.step import init_state, make_train_step, scan_steps
from jaxgan.wrappers.precision import PRECISIONS


class Game(NamedTuple):
    """One benchmark: networks in all three libraries, and the batch size.

    Attributes:
      players: jaxgan's generator and discriminator.
      flax: those of the flax loop, or None.
      torch: name of the function in `torch_gans`, and its arguments.
      shape: shape of an example, channels last.
      batch: examples per batch.
      latent: dimension of a latent.
      optimizer: "sgd" (.1, momentum .5) or "adam" (2e-4, β₁ .5).
      steps: steps of each contender per turn.
      joint: whether the discriminator may judge real and generated examples in one batch.
    """

    players: Callable[[], tuple[Any, Any]]
    flax: Callable[[], tuple[Any, Any]] | None
    torch: tuple[Any, ...]
    shape: tuple[int, ...]
    batch: int
    latent: int
    optimizer: str
    steps: int
    joint: bool = True


def _dcgan(size: int, channels: int, widths: tuple[int, ...], steps: int) -> Game:
    return Game(
        lambda: (
            dcgan(output_shape=(size, size, channels), widths=widths, output="tanh"),
            dcgan(widths=widths[::-1]),
        ),
        lambda: (flax_gans.DcganGenerator(size, channels, widths), flax_gans.DcganDiscriminator(widths[::-1])),
        ("dcgan", size, channels, widths),
        (size, size, channels),
        64,
        100,
        "adam",
        steps,
        joint=False,
    )


GAMES = {
    "mnist": Game(
        lambda: (
            mlp(output_shape=(784,), widths=(1200, 1200), output="sigmoid", initializer="uniform", initial_scale=0.05),
            maxout(),
        ),
        lambda: (flax_gans.Mlp((1200, 1200), 784, last=jax.nn.sigmoid), flax_gans.MnistDiscriminator()),
        ("mnist",),
        (784,),
        100,
        100,
        "sgd",
        4,
    ),
    "ring": Game(
        lambda: (
            mlp(output_shape=(2,), widths=(128, 128)),
            mlp(output_shape=(), widths=(128, 128), activation="leaky_relu"),
        ),
        lambda: (flax_gans.Mlp((128, 128), 2), flax_gans.Mlp((128, 128), 1, jax.nn.leaky_relu)),
        ("ring",),
        (2,),
        256,
        2,
        "adam",
        40,
    ),
    "dcgan28": _dcgan(28, 1, (128, 64), 1),
    "cifar10": Game(
        lambda: (cifar10(output_shape=(32, 32, 3)), cifar10(initial_scale=0.005)),
        None,
        ("cifar10",),
        (32, 32, 3),
        128,
        100,
        "sgd",
        1,
    ),
    "dcgan64": _dcgan(64, 3, (512, 256, 128, 64), 1),
}


def transformation(name: str) -> optax.GradientTransformation:
    """jaxgan's optimizer for a game."""
    return OPTIMIZERS["sgd"](0.1, momentum=0.5) if name == "sgd" else OPTIMIZERS["adam"](2e-4, b1=0.5)


class Ours:
    """jaxgan's step, and the same step many times per call."""

    def __init__(self, game: Game, precision: str = "float32"):
        generator, discriminator = (PRECISIONS[precision](player) for player in game.players())
        tx, latent = transformation(game.optimizer), LATENTS["uniform"](game.latent)
        parts = {"generator": generator, "discriminator": discriminator, "generator_tx": tx, "discriminator_tx": tx}
        make = functools.partial(make_train_step, loss=LOSSES["non_saturating"], latent=latent, **parts)
        self.traces = 0

        def counted(axis_name=None):
            step = make(axis_name=axis_name)

            def traced(*arguments):
                self.traces += 1
                return step(*arguments)

            return traced

        self._step, place, place_batch = distribute(counted, mapping="jit")
        self._scan, _, _ = distribute(lambda axis_name: scan_steps(make(axis_name=axis_name)), mapping="jit")
        initial = init_state(jax.random.key(0), latent=latent, example=jnp.zeros((2, *game.shape)), **parts)
        self.state = place(initial)
        real = jax.random.uniform(jax.random.key(1), (1, game.batch, *game.shape), minval=-1)
        self.batch = place_batch({"real": real})
        self.batches = {"real": jnp.broadcast_to(real[None], (game.steps, *real.shape)) + 0}

    def step(self) -> dict[str, jax.Array]:
        """Makes one step; returns its metrics when it is finished."""
        self.state, metrics = self._step(self.state, self.batch)
        return jax.block_until_ready(metrics)

    def chunk(self) -> None:
        """Makes the game's number of steps in one call."""
        self.state, metrics = self._scan(self.state, self.batches)
        jax.block_until_ready((self.state, metrics))

    def products(self):
        """The matrix products of one step."""
        return products(self._step.lower(self.state, self.batch).compile())


def contenders(game: Game) -> tuple[dict[str, Callable[[], Any]], dict[str, Any]]:
    """The contenders' functions, each making `game.steps` steps, and the content of the floor."""
    ours = Ours(game)
    found = ours.products()
    functions = {"jaxgan": ours.chunk, "floor": _times(floor(found), game.steps)}
    functions |= {f"jaxgan, {name}": Ours(game, name).chunk for name in PRECISIONS if name != "float32"}
    if game.steps > 1:
        functions["jaxgan, single calls"] = _times(ours.step, game.steps)
    if game.flax:
        tx = optax.sgd(0.1, momentum=0.5) if game.optimizer == "sgd" else optax.adam(2e-4, b1=0.5)
        functions["flax loop"] = _times(
            flax_gans.make_step(*game.flax(), tx, ours.batch["real"][0], game.latent), game.steps
        )
    functions |= torch_contenders(game)
    return functions, {"products": len(found), "gflop": sum(product.flops for product in found) / 1e9}


def torch_contenders(game: Game) -> dict[str, Callable[[], Any]]:
    """PyTorch's functions: the fastest layout of float32 and of autocast, eager and compiled; none without PyTorch."""
    try:
        import torch

        from benchmarks import torch_gans
    except ImportError:
        print("PyTorch is not there: pip install torch==2.13.0")
        return {}
    device = "cpu" if jax.default_backend() == "cpu" else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        print("PyTorch has no GPU here")
        return {}
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    name, *arguments = game.torch
    image = len(game.shape) == 3
    shape = (game.shape[-1], *game.shape[:-1]) if image else game.shape
    real = (torch.rand(game.batch, *shape) * 2 - 1).to(device)

    def contender(last: bool, joint: bool, autocast: bool, compiled: bool) -> Callable[[], None]:
        layout = torch.channels_last if last else torch.contiguous_format
        pair = tuple(module.to(device, memory_format=layout) for module in getattr(torch_gans, name)(*arguments))
        options = {"compiled": compiled, "joint": joint, "autocast": autocast}
        step = torch_gans.make_step(pair, getattr(torch_gans, game.optimizer), game.batch, game.latent, **options)
        placed = real.to(memory_format=layout) if image else real
        repeated = _times(functools.partial(step, placed), game.steps)

        def run():
            repeated()
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    found: dict[str, Callable[[], Any]] = {}
    layouts = list(itertools.product((False, True) if image else (False,), (False, True) if game.joint else (False,)))
    for autocast in (False, True):
        eager = {layout: contender(*layout, autocast, compiled=False) for layout in layouts}
        seconds = {layout: min(timing.in_turn({"": function}, 2)[""]) for layout, function in eager.items()}
        best = min(layouts, key=seconds.__getitem__)
        words = ["channels last"] * best[0] + ["one batch"] * best[1] + ["autocast"] * autocast
        found[", ".join(["torch eager", *words])] = eager[best]
        compiled = contender(*best, autocast, compiled=True)
        try:
            compiled()
        except Exception as error:  # PyTorch cannot compile this here
            print(f"torch.compile is left out: {type(error).__name__}: {str(error).splitlines()[0]}")
        else:
            found[", ".join(["torch.compile", *words])] = compiled
    return found


def _times(function: Callable[[], Any], count: int) -> Callable[[], None]:
    def repeated():
        for _ in range(count):
            function()

    return repeated


def measure(name: str, repeats: int) -> dict[str, Any]:
    """Milliseconds per step of each contender, and ratios of pairs."""
    game = GAMES[name]
    functions, made_of = contenders(game)
    seconds = timing.in_turn(functions, repeats)
    each = {label: [1e3 * s / game.steps for s in values] for label, values in seconds.items()}
    result: dict[str, Any] = {
        "batch": game.batch,
        "optimizer": game.optimizer,
        "floor": made_of,
        "milliseconds": {label: timing.summary(values) for label, values in each.items()},
        "times_the_floor": timing.ratio(each["jaxgan"], each["floor"]),
    }

    def best(kind: Callable[[str], bool]) -> str | None:
        return min(filter(kind, each), key=lambda label: timing.summary(each[label])["median"], default=None)

    pairs = {
        "float32": ("jaxgan", best(lambda label: label.startswith("torch") and "autocast" not in label)),
        "bfloat16": (best(lambda label: label.startswith("jaxgan, b")), best(lambda label: "autocast" in label)),
        "best": (best(lambda label: label.startswith("jaxgan")), best(lambda label: label.startswith("torch"))),
    }
    for name, (ours, theirs) in pairs.items():
        if theirs is not None:
            found = {"jaxgan": ours, "torch": theirs, "times_as_fast": timing.ratio(each[theirs], each[ours])}
            result[f"against_torch_{name}"] = found
    products = each["jaxgan, bfloat16_products"]
    result["bfloat16_products_times_as_fast_as_float32"] = timing.ratio(each["jaxgan"], products)
    if "flax loop" in each:
        result["times_as_fast_as_the_flax_loop"] = timing.ratio(each["flax loop"], each["jaxgan"])
    return result


TINY = GAMES["ring"]._replace(
    players=lambda: (mlp(output_shape=(2,), widths=(16,)), mlp(output_shape=(), widths=(16,))), batch=32, steps=500
)
"""One hidden layer of 16 units: a single call is almost all overhead."""


def loop(game: Game, repeats: int) -> dict[str, Any]:
    """Many steps in one call, compared with a Python loop that reads the loss of every step."""
    ours = Ours(game)

    def python_loop():
        for _ in range(game.steps):
            float(ours.step()["d_loss"])

    seconds = timing.in_turn({"one call": ours.chunk, "python loop": python_loop}, repeats)
    return {
        "steps": game.steps,
        "batch": game.batch,
        "microseconds_per_step": {
            label: timing.summary([1e6 * s / game.steps for s in values]) for label, values in seconds.items()
        },
        "times_as_fast": timing.ratio(seconds["python loop"], seconds["one call"]),
    }


def main() -> None:
    """Times the requested games."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", nargs="+", default=list(GAMES), choices=GAMES)
    parser.add_argument("--out", default=f"results/benchmarks/step-{timing.processor()}.json")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax", *_versions())}
    games = {"tiny": TINY, "ring": GAMES["ring"]._replace(steps=200)}
    result["loop"] = {name: loop(game, arguments.repeats) for name, game in games.items()}
    print("loop", {name: found["times_as_fast"] for name, found in result["loop"].items()}, flush=True)
    for name in arguments.games:
        slow = name in ("cifar10", "dcgan64")
        result[name] = measure(name, max(3, arguments.repeats // 4) if slow else arguments.repeats)
        medians = {label: round(s["median"], 2) for label, s in result[name]["milliseconds"].items()}
        ratios = {k: round(v.get("times_as_fast", v)["median"], 3) for k, v in result[name].items() if "_" in k}
        print(name, medians, ratios, flush=True)
        if arguments.out:
            timing.write(arguments.out, result)


def _versions() -> tuple[str, ...]:
    try:
        import torch  # noqa: F401
    except ImportError:
        return ()
    return ("torch",)


if __name__ == "__main__":
    main()
