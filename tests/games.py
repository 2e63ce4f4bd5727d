"""Small games for the tests: hand-written networks whose every step can be worked out or compared."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.adapters import from_linen
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, named_loss
from jaxgan.training.step import init_state
from jaxgan.types import Network


def scalar_game(loss="non_saturating"):
    """D(x) = w·x with w = 0, G(z) = θ with θ = −1, plain SGD 0.1."""

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return variables["params"]["w"] * inputs, {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return jnp.broadcast_to(variables["params"]["theta"], (latents.shape[0],)), {}

    return {
        "discriminator": Network(lambda key, inputs, condition=None: {"params": {"w": jnp.zeros(())}}, judge),
        "generator": Network(lambda key, inputs, condition=None: {"params": {"theta": -jnp.ones(())}}, generate),
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": optax.sgd(0.1),
        "latent": LATENTS["normal"](1),
        "loss": named_loss(loss),
    }


def at(game, w, theta):
    """A state of the scalar game, D(x) = w·x and G(z) = θ."""
    state = start(game, example_shape=())
    return state.replace(
        discriminator=state.discriminator.replace(params={"w": jnp.asarray(w)}),
        generator=state.generator.replace(params={"theta": jnp.asarray(theta)}),
    )


def dropout_game():
    """The paper's kind of networks, small: an MLP against maxout with dropout."""
    networks = flax_networks()
    return {
        "generator": networks.mlp(output_shape=(6,), widths=(16,), output="sigmoid"),
        "discriminator": networks.maxout(widths=(12, 8), pieces=3, initial_scale=0.5),
        "generator_tx": optax.adam(1e-2),
        "discriminator_tx": optax.adam(1e-2),
        "latent": LATENTS["uniform"](4),
        "loss": LOSSES["non_saturating"],
    }


def curved_game():
    """D(x) = v·tanh(xW) and G(z) = tanh(zM), which draw no noise."""

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return jnp.tanh(inputs @ variables["params"]["w"]) @ variables["params"]["v"], {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return jnp.tanh(latents @ variables["params"]), {}

    def first(key, inputs, condition=None):
        return {"params": {"w": jax.random.normal(key, (3, 2)), "v": jnp.array([1.0, -0.5])}}

    return scalar_game() | {
        "discriminator": Network(first, judge),
        "generator": Network(lambda key, inputs, condition=None: {"params": jax.random.normal(key, (2, 3))}, generate),
        "latent": LATENTS["normal"](2),
    }


def noisy_game():
    """The curved game with noise in the inputs, so that the field's halves must be of one draw on every device."""
    game = curved_game()

    def noisy(network):
        def apply(variables, inputs, *, key=None, **options):
            noise = jax.random.key_data(key) / 2.0**33  # from the bits of each example's key
            return network.apply(variables, inputs + noise.mean(1, keepdims=True), **options)

        return Network(network.init, apply, per_example=True, independent=True)

    return game | {name: noisy(game[name]) for name in ("generator", "discriminator")}


def flax_networks():
    """`jaxgan.networks`; a test that asks for it is skipped where only the core is installed."""
    return pytest.importorskip("jaxgan.networks", reason="needs flax: pip install 'jaxgan[train]'")


@functools.cache
def _batch_norm_net():
    """A linen module: a dense layer, batch norm, a dense layer."""
    from flax import linen

    class BatchNormNet(linen.Module):
        out: int
        axis_name: str | None = None

        @linen.compact
        def __call__(self, inputs, *, condition=None, train=False):
            norm = linen.BatchNorm(use_running_average=not train, axis_name=self.axis_name, momentum=0.9)
            hidden = jax.nn.relu(norm(linen.Dense(16, use_bias=False)(inputs)))
            hidden = linen.Dense(self.out)(hidden)
            return hidden[:, 0] if self.out == 1 else hidden

    return BatchNormNet


def batch_norm_game(axis_name=None):
    """Both players with batch statistics, synced over `axis_name`."""
    game = dropout_game()
    return game | {
        "generator": from_linen(_batch_norm_net()(6, axis_name)),
        "discriminator": from_linen(_batch_norm_net()(1, axis_name)),
        # Not Adam: behind a batch norm some gradients are zero but for rounding, which Adam scales up to its full rate.
        "generator_tx": optax.sgd(0.1, 0.5),
        "discriminator_tx": optax.sgd(0.1, 0.5),
    }


def start(game, seed=0, example_shape=(6,), **options):
    """The game's state before its first step."""
    parts = {name: value for name, value in game.items() if name not in ("loss", "penalties")}
    init = jax.jit(lambda key: init_state(key, **parts, example=jnp.zeros((2, *example_shape)), **options))
    return init(jax.random.key(seed))


def data(steps, k=1, batch=8, shape=(6,), seed=1):
    """Uniform examples [steps, k, batch, ...]."""
    return {"real": jax.random.uniform(jax.random.key(seed), (steps, k, batch, *shape))}


def step_of(batches, i):
    """The batch of step i."""
    return jax.tree.map(lambda leaf: leaf[i], batches)


def equal(a, b):
    """Whether two trees have the same leaves, bit for bit."""
    leaves = [jax.tree.leaves(jax.tree.map(_data, tree)) for tree in (a, b)]
    return len(leaves[0]) == len(leaves[1]) and all(
        x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y) for x, y in zip(*leaves, strict=True)
    )


def difference(a, b):
    """The largest absolute difference between two trees."""
    pairs = jax.tree.map(lambda x, y: float(np.abs(_data(x) - _data(y)).max()), a, b)
    return max(jax.tree.leaves(pairs))


def _data(leaf):
    """In NumPy, where nothing is compiled for each shape."""
    leaf = jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    return np.asarray(leaf)
