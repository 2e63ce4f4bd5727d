"""A GAN on the line, where p_g, D* and every divergence can be computed: the setting of the paper's figure 1.

Data are N(0, 1), latents are uniform, and both players are small networks defined here. Everything is measured on cells
of the line. The latents' interval is divided into equal parts whose images fall into cells. So the cells' masses under
p_g are exact to one part in `RESOLUTION`, not estimated from samples. The Jensen-Shannon divergence of the cells is at
most that of the densities (data processing).
"""

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import r1
from jaxgan.theory import js_divergence, value_of_logits
from jaxgan.training.step import generate, init_state, make_train_step
from jaxgan.types import Network, TrainState

STEPS = 6000
BATCH = 512
EVERY = 20
"""Number of steps between measurements."""
GENERATOR_RATE, DISCRIMINATOR_RATE = 4e-3, 1e-2
GAMMA = 0.03
CELLS = 240
REACH = 6.0
"""The cells cover [−6, 6]; the outermost cells also count what lies outside."""
RESOLUTION = 20_000
ARROWS = 21
CELL_WIDTH = 2 * REACH / CELLS
CENTERS = (np.arange(CELLS) + 0.5) * CELL_WIDTH - REACH
CENTRAL = np.abs(CENTERS) <= 1.959964
"""Cells in the central 95 % of p_d."""


class History(NamedTuple):
    """Measurements of the runs of all seeds, at t moments."""

    steps: jax.Array  # [t], training steps done
    p_generator: jax.Array  # [seeds, t, cells], the cells' masses under p_g
    d: jax.Array  # [seeds, t, cells], D(x) at the cells' centres
    images: jax.Array  # [seeds, t, arrows], G(z) of evenly spaced latents
    jsd: jax.Array  # [seeds, t], JSD(p_d‖p_g) over the cells, in nats
    value: jax.Array  # [seeds, t], V(D, G) over the cells, in nats

    @property
    def deviation(self) -> jax.Array:
        """[seeds], the largest |D − ½| over the central 95 % of p_d, at the end."""
        return jnp.where(CENTRAL, jnp.abs(self.d[:, -1] - 0.5), 0.0).max(-1)


def tail_share(history: History) -> jax.Array:
    """[seeds], the fraction of the final Jensen-Shannon divergence that comes from |x| > 2."""
    p_data, p_generator = data_masses(), history.p_generator[:, -1]
    middle = (p_data[None] + p_generator) / 2
    relative_entropy = jax.scipy.special.rel_entr  # 0·log 0 = 0, also where both are 0
    terms = relative_entropy(jnp.broadcast_to(p_data, middle.shape), middle) + relative_entropy(p_generator, middle)
    return jnp.where(np.abs(CENTERS) > 2, terms, 0.0).sum(-1) / terms.sum(-1)


def settings() -> dict[str, float | str]:
    """The settings of a run besides its key, seeds and steps."""
    return {
        "loss": "non_saturating",
        "batch": BATCH,
        "r1_gamma": GAMMA,
        "generator_rate": GENERATOR_RATE,
        "discriminator_rate": DISCRIMINATOR_RATE,
        "cell_width": CELL_WIDTH,
    }


def data_masses() -> jax.Array:
    """[cells], the masses of the cells under p_d = N(0, 1); the outermost cells include the tails."""
    inner = jax.scipy.stats.norm.cdf(jnp.arange(1, CELLS) * CELL_WIDTH - REACH)
    return jnp.diff(jnp.concatenate([jnp.zeros(1), inner, jnp.ones(1)]))


def arrow_latents() -> jax.Array:
    """[arrows, 1], evenly spaced latents from −√3 to √3."""
    return jnp.linspace(-math.sqrt(3), math.sqrt(3), ARROWS)[:, None]


def train(key: jax.Array, seeds: int = 10, steps: int = STEPS) -> History:
    """Trains GANs with several seeds side by side, on fresh data at every step, by Algorithm 1 with k = 1.

    Args:
      key: one typed key, from which all seeds' networks, data and latents derive.
      seeds: number of seeds.
      steps: number of training steps, a multiple of `EVERY`; the learning rates decay to 0 over them.

    Returns:
      The history of all runs, measured every `EVERY` steps.

    Raises:
      ValueError: the number of steps is not a positive multiple of `EVERY`.
    """
    if steps < EVERY or steps % EVERY:
        raise ValueError(f"steps must be a positive multiple of {EVERY}, got {steps}")
    parts = {
        "generator": _network(widths=(16, 16), activation=jnp.tanh, scale=1.0, spread=1.0, offset=2.0),
        # From the start as sharp as p_g may become, all over the data: a smoother D misses a fold in p_g.
        "discriminator": _logit(_network(widths=(32, 32), activation=jax.nn.silu, scale=4.0, spread=3.0, offset=0.0)),
        "generator_tx": optax.adam(optax.cosine_decay_schedule(GENERATOR_RATE, steps), b1=0.0, b2=0.9),
        "discriminator_tx": optax.adam(optax.cosine_decay_schedule(DISCRIMINATOR_RATE, steps), b1=0.0, b2=0.9),
        "latent": LATENTS["uniform"](1),
    }
    train_step = make_train_step(**parts, loss=LOSSES["non_saturating"], penalties=(r1(GAMMA),))

    def run(key):
        state_key, data_key = jax.random.split(key)

        def step(state: TrainState, _):
            real = jax.random.normal(jax.random.fold_in(data_key, state.step), (1, BATCH, 1))
            return train_step(state, {"real": real})[0], None

        def advance(state: TrainState, _):
            state, _ = jax.lax.scan(step, state, length=EVERY)
            return state, _measure(parts, state)

        state = init_state(state_key, **parts, example=jnp.zeros((1, 1)))
        _, measured = jax.lax.scan(advance, state, length=steps // EVERY)
        return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), _measure(parts, state), measured)

    measured = jax.jit(jax.vmap(run))(jax.random.split(key, seeds))
    return History(steps=jnp.arange(0, steps + 1, EVERY), **measured)


def _measure(parts: dict, state: TrainState) -> dict[str, jax.Array]:
    latents = ((jnp.arange(RESOLUTION) + 0.5) / RESOLUTION * 2 - 1) * math.sqrt(3)
    images = generate(parts["generator"], state, latents[:, None])[:, 0]
    cells = jnp.clip(jnp.floor((images + REACH) / CELL_WIDTH), 0, CELLS - 1).astype(jnp.int32)
    p_generator = jnp.zeros(CELLS, jnp.int32).at[cells].add(1) / RESOLUTION
    logits, _ = parts["discriminator"].apply(state.discriminator.variables, jnp.asarray(CENTERS)[:, None])
    p_data = data_masses()
    return {
        "p_generator": p_generator,
        "d": jax.nn.sigmoid(logits),
        "images": generate(parts["generator"], state, arrow_latents())[:, 0],
        "jsd": js_divergence(p_data, p_generator),
        "value": value_of_logits(logits, p_data, p_generator),
    }


def _network(*, widths, activation, scale: float, spread: float, offset: float) -> Network:
    """A multilayer perceptron from the line to the line.

    The first layer's weights are N(0, scale²), the others' N(0, 1/inputs). Hidden biases are U(−spread, spread), so
    that the units bend all over the input range. The output's bias is `offset`.
    """
    sizes = (1, *widths, 1)

    def init(key, inputs, condition=None):
        layers = []
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            weight_key, bias_key = jax.random.split(jax.random.fold_in(key, i))
            weights = (scale if i == 0 else 1.0) * jax.random.normal(weight_key, (fan_in, fan_out)) / math.sqrt(fan_in)
            biases = jax.random.uniform(bias_key, (fan_out,), minval=-spread, maxval=spread)
            layers.append((weights, biases if i < len(widths) else jnp.full((1,), offset)))
        return {"params": layers}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        *hidden, (weights, biases) = variables["params"]
        outputs = inputs
        for layer_weights, layer_biases in hidden:
            outputs = activation(outputs @ layer_weights + layer_biases[None])
        return outputs @ weights + biases[None], {}

    return Network(init, apply)


def _logit(network: Network) -> Network:
    """The same network with its single output as one logit per example, [batch]."""

    def apply(variables, inputs, **options):
        outputs, model_state = network.apply(variables, inputs, **options)
        return outputs[:, 0], model_state

    return Network(network.init, apply)
