"""Three ways in which a GAN fails, each with a remedy: six short trainings, one picture (docs/remedies.md).

    python examples/why_gans_fail.py --out=runs/why_gans_fail

The settings of the upper row were chosen to fail, with one seed each. The picture shows what failures look like; it is
not a measurement.
"""

import argparse
import pathlib

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

import jaxgan

matplotlib.use("Agg")
import matplotlib.pyplot as plt

arguments = argparse.ArgumentParser()
arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/why_gans_fail"))
options = arguments.parse_args()

STEPS, CHUNK, BATCH = 1_500, 100, 128
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTERS = jnp.asarray(np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1), jnp.float32)
LATENT = jaxgan.LATENTS["normal"](2)


def network(outputs):
    shape = () if outputs == 1 else (outputs,)
    return jaxgan.NETWORKS["mlp"](output_shape=shape, widths=(64, 64), initializer="he_normal")


def batches(key):
    """A chunk of minibatches [CHUNK, 1, BATCH, 2]: points of the ring."""
    mode, noise = jax.random.split(key)
    modes = CENTERS[jax.random.randint(mode, (CHUNK, 1, BATCH), 0, 8)]
    return {"real": modes + 0.05 * jax.random.normal(noise, modes.shape)}


def train(*, rates, sgd=False, b1=0.5, penalties=()):
    """The samples of G at the end and at three earlier moments, and the metrics of all steps.

    Args:
      rates: learning rates of G's and D's optimizer.
      sgd: whether to use gradient descent with momentum b1 instead of Adam.
      b1: of Adam, or the momentum.
      penalties: penalties from jaxgan.PENALTIES, for D's loss.
    """
    make = (lambda rate: optax.sgd(rate, momentum=b1)) if sgd else (lambda rate: optax.adam(rate, b1=b1))
    parts = {"generator": network(2), "discriminator": network(1), "latent": LATENT}
    parts |= dict(zip(("generator_tx", "discriminator_tx"), map(make, rates), strict=True))
    game = {"loss": jaxgan.LOSSES["non_saturating"], "penalties": penalties}
    state = jaxgan.init_state(jax.random.key(3), **parts, example=CENTERS)
    step = jax.jit(jaxgan.scan_steps(jaxgan.make_train_step(**parts, **game)))
    samples, history = [], []
    for i in range(STEPS // CHUNK):
        state, metrics = step(state, batches(jax.random.fold_in(jax.random.key(1), i)))
        history.append(metrics)
        if i >= STEPS // CHUNK - 4:
            samples.append(np.asarray(jaxgan.sample(parts["generator"], state, jax.random.key(2), 500, latent=LATENT)))
    return samples, {name: np.concatenate([metrics[name] for metrics in history]) for name in history[0]}


R1 = [jaxgan.PENALTIES["r1"](0.1)]
GAMES = {
    "the players circle": (
        ("SGD, no penalty", {"sgd": True, "rates": (0.05, 0.05), "b1": 0.0}),
        ("SGD, R1", {"sgd": True, "rates": (0.05, 0.05), "b1": 0.0, "penalties": R1}),
    ),
    "all samples alike": (
        ("SGD, R1, momentum .9", {"sgd": True, "rates": (0.02, 0.02), "b1": 0.9, "penalties": R1}),
        ("SGD, R1, no momentum", {"sgd": True, "rates": (0.1, 0.1), "b1": 0.0, "penalties": R1}),
    ),
    "modes are lost": (
        ("Adam, G 25 times as fast as D", {"rates": (5e-3, 2e-4)}),
        ("Adam, D 5 times as fast as G", {"rates": (2e-4, 1e-3)}),
    ),
}


def draw(axis, title, samples):
    """Draws the samples of four moments, the last ones darkest, over the centres of the data."""
    for shade, points in zip(("#c7e9c0", "#a1d99b", "#41ab5d", "#00441b"), samples, strict=True):
        axis.scatter(*points.T, s=2, color=shade)
    axis.scatter(*np.asarray(CENTERS).T, s=50, marker="+", color="black", linewidth=0.8)
    axis.set(xlim=(-2, 2), ylim=(-2, 2), xticks=[], yticks=[], aspect="equal")
    axis.set_title(title, fontsize=10)


figure, axes = plt.subplots(2, len(GAMES), figsize=(3 * len(GAMES), 6.6), layout="constrained")
for column, (failure, games) in zip(axes.T, GAMES.items(), strict=True):
    for axis, (title, settings) in zip(column, games, strict=True):
        samples, metrics = train(**settings)
        draw(axis, title, samples)
        last = {name: values[-CHUNK:].mean() for name, values in metrics.items()}
        hit = np.linalg.norm(samples[-1][:, None] - np.asarray(CENTERS), axis=-1)
        modes = len(np.unique(hit.argmin(1)[hit.min(1) < 0.15]))  # within 3 standard deviations
        shown = ", ".join(f"{name} {last[name]:.3g}" for name in sorted(last))
        print(f"{failure:19} {title:32} {modes} of 8 modes, {shown}")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "why_gans_fail.png", dpi=100)
