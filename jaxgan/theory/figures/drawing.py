"""Draws the four figures, uint8 [height, width, 3]. Lines differ by dashes or width, not only by colour.

A `History` is the result of `one_dimension.train`.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.figures import blank_figure, pixels
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import r1
from jaxgan.theory import dirac_gan, optimal_discriminator, trajectory
from jaxgan.theory.dynamics import Order
from jaxgan.theory.figures.one_dimension import CELL_WIDTH, CENTERS, History, arrow_latents, data_masses
from jaxgan.theory.game import LOG4

MOMENTS = (0, 1 / 100, 1 / 15, 1)
"""Moments at which figure 1 is drawn, as fractions of the training."""


def figure_1(history: History) -> np.ndarray:
    """The paper's figure 1 from a training run: p_d, p_g, D and D*, with the arrows z → x, at several moments.

    Shows the first run whose final G is increasing, without a fold, so that no arrows cross.
    """
    canvas, axes = blank_figure(3.6 * len(MOMENTS), 4.6, 2, len(MOMENTS), sharex=True, height_ratios=(3, 1))
    increasing = (np.diff(history.images[:, -1]) > 0).all(-1)
    seed = int(increasing.argmax())  # the first run if none is increasing
    x, latents = np.asarray(CENTERS), np.asarray(arrow_latents())[:, 0]
    p_data = np.asarray(data_masses())
    for (top, bottom), moment in zip(axes.T, MOMENTS, strict=True):
        t = round(moment * (len(history.steps) - 1))
        p_generator = np.asarray(history.p_generator[seed, t])
        top.plot(x, p_data / CELL_WIDTH, ":", color="black", linewidth=2.2, label="data, $p_d(x)$")
        top.plot(x, p_generator / CELL_WIDTH, "-", color="#2ca02c", linewidth=2.0, label="generated, $p_g(x)$")
        top.plot(x, np.asarray(history.d[seed, t]), "--", color="#1f3fbf", linewidth=1.6, label="$D(x)$")
        # D* where p_d or p_g is positive; elsewhere every D is equally good.
        optimal = np.array(optimal_discriminator(p_data, p_generator))
        optimal[np.maximum(p_data, p_generator) < 1e-6] = np.nan
        top.plot(x, optimal, "-", color="#aaaaaa", linewidth=0.9, label="$D^*(x) = p_d/(p_d + p_g)$")
        top.axhline(0.5, color="black", linewidth=0.4)
        top.set(xlim=(-4, 4), ylim=(0, 1.25), title=f"after {int(history.steps[t]):,} steps")
        images = np.asarray(history.images[seed, t])
        arrow = {"arrowstyle": "->", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
        for start, end in zip(latents, images, strict=True):
            bottom.annotate("", (end, 1), (start, 0), arrowprops=arrow)
        bottom.axhline(0, color="black", linewidth=0.8)
        bottom.axhline(1, color="black", linewidth=0.8)
        bottom.set(ylim=(-0.12, 1.05), yticks=(0, 1), yticklabels=("z", "x = G(z)"), xlabel="x, z")
        bottom.spines[["left", "right", "top", "bottom"]].set_visible(False)
    axes[0, 0].set_ylabel("density (per unit of x), probability")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, 0].figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return pixels(canvas)


def generator_losses() -> np.ndarray:
    """Both generator losses and their gradients with respect to the logit, against D(G(z)): why minimax saturates."""
    canvas, (left, right) = blank_figure(10, 4.2, 1, 2)
    logits = jnp.linspace(-7, 7, 400)
    d = np.asarray(jax.nn.sigmoid(logits))
    styles = {"minimax": ("--", r"minimax, $\log(1 - D)$"), "non_saturating": ("-", r"non-saturating, $-\log D$")}
    for name, (style, label) in styles.items():

        def loss(logit, name=name):
            return LOSSES[name].generator(logit[None], logit[None])

        values, slopes = jax.vmap(jax.value_and_grad(loss))(logits)
        left.plot(d, np.asarray(values), style, color="black", linewidth=1.8, label=label)
        right.plot(d, np.abs(np.asarray(slopes)), style, color="black", linewidth=1.8, label=label)
    left.set(xlabel="D(G(z))", ylabel="generator's loss (nats)", title="What one example costs")
    right.set(xlabel="D(G(z))", ylabel="|gradient| (nats per unit of D's logit)", title="What the generator learns")
    right.axvspan(0, 0.1, color="#dddddd", label="early training: D wins")
    left.axvspan(0, 0.1, color="#dddddd")
    left.legend()
    right.legend(loc="upper center")
    for axes in (left, right):
        axes.set_xlim(0, 1)
    return pixels(canvas)


def dirac_trajectories() -> np.ndarray:
    """Training of the Dirac-GAN in four ways: paths in the plane, and distances from the equilibrium."""
    start, steps, rate = jnp.array([1.0, 0.0]), 500, 0.2
    sgd = {"discriminator_tx": optax.sgd(rate), "generator_tx": optax.sgd(rate)}
    slowed = {name: optax.sgd(rate, momentum=-0.3) for name in sgd}
    ways: dict[str, tuple[dict, tuple, Order, Any]] = {
        "simultaneous": (sgd, (), "simultaneous", (0, (1, 1))),
        "alternating": (sgd, (), "alternating", "-"),
        "alternating,\nmomentum −0.3": (slowed, (), "alternating", (0, (6, 2))),
        "alternating,\nR1 with γ = 0.3": (sgd, (r1(0.3),), "alternating", (0, (6, 2, 1, 2))),
    }
    canvas, axes = blank_figure(15, 3.6, 1, 5, width_ratios=(1, 1, 1, 1, 1.7))
    distances = axes[-1]
    for panel, (label, (optimizers, penalties, order, style)) in zip(axes, ways.items(), strict=False):
        toy = dirac_gan("minimax", penalties=penalties, **optimizers)
        path = np.asarray(trajectory(toy, start, steps, order=order))
        panel.plot(*path.T, "-", color="black", linewidth=0.6)
        panel.plot(*path[0], "o", color="black", markersize=6)
        panel.plot(*path[-1], "s", color="white", markeredgecolor="black", markersize=6)
        panel.plot(0, 0, "+", color="black", markersize=10)
        limit = 1.15 * np.abs(path).max()
        panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=label, xlabel="ψ, of D(x) = σ(ψx)")
        distances.plot(np.linalg.norm(path, axis=1), linestyle=style, color="black", label=label.replace("\n", " "))
    axes[0].set_ylabel("θ = G(z)")
    distances.set(
        yscale="log",
        ylim=(1e-3, 100),
        xlabel=f"steps of rate {rate}",
        ylabel="distance from (0, 0)",
        title="minimax loss",
    )
    distances.legend(fontsize=7.5, loc="upper left", ncols=2)
    axes[0].figure.supxlabel("● start, □ after 500 steps, + equilibrium; data at 0", fontsize=9)
    return pixels(canvas)


def training_curves(history: History) -> np.ndarray:
    """JSD(p_d‖p_g) and V(D, G) over training for each seed, with their medians and the line −log 4."""
    canvas, (top, bottom) = blank_figure(8, 6, 2, 1, sharex=True)
    steps = np.asarray(history.steps)[1:]  # the axis is logarithmic
    for axes, measured in ((top, history.jsd), (bottom, history.value)):
        values = np.asarray(measured)[:, 1:]
        axes.plot(steps, values.T, color="#9a9a9a", linewidth=0.6)
        axes.plot([], [], color="#9a9a9a", linewidth=0.6, label=f"each of {len(values)} seeds")
        axes.plot(steps, np.median(values, 0), color="black", linewidth=1.8, label="median")
    top.axhline(math.log(2), color="black", linestyle=":", label="log 2, the largest it can be")
    top.axhline(0.01, color="black", linestyle="--", linewidth=0.9, label="0.01")
    top.set(yscale="log", ylabel=r"JSD$(p_d \| p_g)$ (nats)", ylim=(2e-3, 1))
    bottom.axhline(-LOG4, color="black", linestyle="--", linewidth=1.2, label="−log 4, the equilibrium")
    bottom.set(ylabel="V(D, G) (nats)", xlabel="training steps", xscale="log", xlim=(steps[0], steps[-1]))
    top.legend(loc="lower left")
    bottom.legend(loc="upper right")
    return pixels(canvas)
