"""The cost of augmentations, and a picture of all of them.

    python -m benchmarks.augmentation --picture docs/images/augmentation.jpg

Steps of configs/dcgan.py on synthetic 32 x 32 colour images, batch 64, with and without augmentations, alternate in one
process. Seconds are processor time of all threads. The picture, in docs/zoo.md, uses two photographs that come with
scikit-learn.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing
from configs import dcgan
from jaxgan.config import DataFacts, build
from jaxgan.wrappers.affine import PIPES
from jaxgan.wrappers.augmentation import AUGMENTATIONS

SETTINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "DiffAugment": ("color", "translation", "cutout"),
    "ada_color": ("ada_color",),
    "ada": ("ada",),
}


def stepper(names: tuple[str, ...]) -> Callable[[], None]:
    """A function that makes one training step with these augmentations, each with probability one half."""
    config = dcgan.get_config()
    config.augmentation.names, config.augmentation.probability = names, 0.5
    experiment = build(config, DataFacts((32, 32, 3), 50_000))
    step, state = jax.jit(experiment.train_step()), [experiment.initial_state(0)]
    batch = {"real": jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 64, 32, 32, 3)), jnp.float32)}

    def run() -> None:
        state[0], _ = jax.block_until_ready(step(state[0], batch))

    return run


def picture(path: str) -> None:
    """Draws each augmentation on two images, four times each."""
    import matplotlib.pyplot as plt
    from sklearn.datasets import load_sample_image

    crops = {"china.jpg": (60, 150, 320), "flower.jpg": (20, 130, 370)}
    photographs = []
    for name, (top, left, side) in crops.items():
        photograph = jnp.asarray(load_sample_image(name)[top : top + side, left : left + side], jnp.float32)
        photographs.append(jax.image.resize(photograph / 127.5 - 1, (64, 64, 3), "cubic").clip(-1, 1))
    groups = [name for name, pipe in PIPES.items() if len(pipe.maps) > 1]
    names = [name for name in AUGMENTATIONS if name not in groups] + groups
    rows = -(-len(names) // 2)
    widths = [2.8, 1, 1, 1, 1, 0.1, 1, 1, 1, 1]
    figure, axes = plt.subplots(rows, 20, figsize=(2 * sum(widths), rows), width_ratios=2 * widths)
    for axis in axes.ravel():
        axis.axis("off")
    for place, name in enumerate(names):
        row, first = place % rows, place // rows * 10
        axes[row, first].text(
            1, 0.5, name + " ", ha="right", va="center", fontsize=13, transform=axes[row, first].transAxes
        )
        many = jax.jit(jax.vmap(AUGMENTATIONS[name], (0, None)))
        shown = [many(jax.random.split(jax.random.key(i), 4), photograph) for i, photograph in enumerate(photographs)]
        for column, image in enumerate(jnp.concatenate(shown)):
            axes[row, first + 1 + column + column // 4].imshow(np.asarray(image).clip(-1, 1) / 2 + 0.5)
    figure.subplots_adjust(0, 0, 1, 1, 0.05, 0.05)
    figure.savefig(path, dpi=50)


def main() -> None:
    """Times the settings, and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/augmentation.json")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--picture", help="only draw it, to this file")
    arguments = parser.parse_args()
    if arguments.picture:
        picture(arguments.picture)
        return
    steps = {name: stepper(SETTINGS[name]) for name in arguments.settings}
    seconds = timing.in_turn(steps, arguments.repeats, time.process_time)
    result: dict[str, Any] = {"machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax")}
    for name in steps:
        times = {"seconds_of_a_step": timing.summary(seconds[name])}
        result[name] = times | {"times_as_long": timing.ratio(seconds[name], seconds["none"])}
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
