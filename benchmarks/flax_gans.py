"""The benchmarks' GANs, written as in a flax tutorial: one jitted function per player, called in a Python loop."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


class MnistDiscriminator(nn.Module):
    """The paper's maxout network, with flax's own dropout and a maximum over neighbouring outputs."""

    @nn.compact
    def __call__(self, inputs, train: bool = True):
        hidden = inputs
        for i in range(2):
            hidden = nn.Dropout(0.5 if i else 0.2)(hidden, deterministic=not train)
            hidden = nn.Dense(1200)(hidden).reshape(len(hidden), 240, 5).max(-1)
        return nn.Dense(1)(nn.Dropout(0.5)(hidden, deterministic=not train))[:, 0]


class Mlp(nn.Module):
    """Dense layers."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Any], Any] = nn.relu
    last: Callable[[Any], Any] = lambda x: x

    @nn.compact
    def __call__(self, inputs, train: bool = True):
        for width in self.widths:
            inputs = self.activation(nn.Dense(width)(inputs))
        outputs = self.last(nn.Dense(self.outputs)(inputs))
        return outputs[:, 0] if self.outputs == 1 else outputs


class DcganGenerator(nn.Module):
    """Transposed convolutions from flax."""

    size: int
    channels: int
    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, inputs, train: bool = True):
        small = self.size // 2 ** len(self.widths)
        hidden = nn.Dense(small * small * self.widths[0], use_bias=False)(inputs)
        hidden = hidden.reshape(len(inputs), small, small, self.widths[0])
        hidden = nn.relu(nn.BatchNorm(use_running_average=not train)(hidden))
        for width in self.widths[1:]:
            hidden = nn.ConvTranspose(width, (4, 4), (2, 2), use_bias=False)(hidden)
            hidden = nn.relu(nn.BatchNorm(use_running_average=not train)(hidden))
        return jnp.tanh(nn.ConvTranspose(self.channels, (4, 4), (2, 2))(hidden))


class DcganDiscriminator(nn.Module):
    """Convolutions from flax."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, inputs, train: bool = True):
        hidden = nn.leaky_relu(nn.Conv(self.widths[0], (4, 4), (2, 2))(inputs), 0.2)
        for width in self.widths[1:]:
            hidden = nn.Conv(width, (4, 4), (2, 2), use_bias=False)(hidden)
            hidden = nn.leaky_relu(nn.BatchNorm(use_running_average=not train)(hidden), 0.2)
        return nn.Dense(1)(hidden.reshape(len(hidden), -1))[:, 0]


def make_step(generator: nn.Module, discriminator: nn.Module, tx, real: jax.Array, latent: int) -> Callable[[], None]:
    """A function that makes one step of Algorithm 1, k = 1, on a batch, and returns when it is finished."""
    key = jax.random.key(0)
    draw = functools.partial(jax.random.uniform, shape=(len(real), latent), minval=-(3**0.5), maxval=3**0.5)
    g, d = generator.init(key, draw(key), train=False), discriminator.init(key, real, train=False)
    players = {"g": g, "d": d}
    states = {name: tx.init(variables["params"]) for name, variables in players.items()}
    bce = optax.sigmoid_binary_cross_entropy

    def apply(module, variables, params, inputs, key):
        rest = {name: value for name, value in variables.items() if name != "params"}
        outputs, new = module.apply({"params": params, **rest}, inputs, rngs={"dropout": key}, mutable=list(rest))
        return outputs, {"params": params, **new}

    @jax.jit
    def discriminator_step(d, state, fake, key):
        def loss(params):
            real_logits, variables = apply(discriminator, d, params, real, key)
            fake_logits, variables = apply(discriminator, variables, params, fake, jax.random.fold_in(key, 1))
            total = bce(real_logits, jnp.ones(len(real))).mean() + bce(fake_logits, jnp.zeros(len(real))).mean()
            return total, variables

        (value, variables), gradients = jax.value_and_grad(loss, has_aux=True)(d["params"])
        updates, state = tx.update(gradients, state, d["params"])
        return {**variables, "params": optax.apply_updates(d["params"], updates)}, state, value

    @jax.jit
    def generator_step(g, d, state, key):
        def loss(params):
            fake, variables = apply(generator, g, params, draw(key), key)
            logits, _ = apply(discriminator, d, d["params"], fake, key)
            return bce(logits, jnp.ones(len(real))).mean(), variables

        (value, variables), gradients = jax.value_and_grad(loss, has_aux=True)(g["params"])
        updates, state = tx.update(gradients, state, g["params"])
        return {**variables, "params": optax.apply_updates(g["params"], updates)}, state, value

    sample = jax.jit(lambda g, key: apply(generator, g, g["params"], draw(key), key)[0])
    count = 0

    def step():
        nonlocal count
        count += 1
        keys = jax.random.split(jax.random.fold_in(key, count), 3)
        fake = sample(players["g"], keys[0])
        players["d"], states["d"], _ = discriminator_step(players["d"], states["d"], fake, keys[1])
        players["g"], states["g"], _ = generator_step(players["g"], players["d"], states["g"], keys[2])
        jax.block_until_ready((players, states))

    return step
