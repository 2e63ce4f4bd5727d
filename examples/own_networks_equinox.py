"""A GAN of equinox modules: it learns a ring of eight Gaussians.

python examples/own_networks_equinox.py
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan.evaluation.modes import mode_coverage

STEPS, CHUNK, BATCH = 5_000, 1_000, 256
SIGMA = 0.02
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTERS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def make_generator(key):
    """A module for one example. Batch norm reads the others by the axis name, and stores statistics in its state."""
    first, second, last = jax.random.split(key, 3)
    layers = []
    for size, layer_key in ((2, first), (128, second)):
        norm = eqx.nn.BatchNorm(128, axis_name="examples", mode="batch")
        layers += [eqx.nn.Linear(size, 128, key=layer_key), norm, eqx.nn.Lambda(jax.nn.relu)]
    return eqx.nn.Sequential([*layers, eqx.nn.Linear(128, 2, key=last)])


def real_batches(key, steps):
    """[steps, 1, BATCH, 2]: one minibatch per discriminator update."""
    modes, noise = jax.random.split(key)
    shape = (steps, 1, BATCH)
    points = jnp.asarray(CENTERS)[jax.random.randint(modes, shape, 0, 8)]
    return points + SIGMA * jax.random.normal(noise, points.shape)


parts = {
    "generator": jaxgan.from_equinox(make_generator, axis_name="examples"),
    "discriminator": jaxgan.from_equinox(lambda key: eqx.nn.MLP(2, "scalar", 128, 2, key=key)),
    "generator_tx": optax.adam(1e-3, b1=0.5),
    "discriminator_tx": optax.adam(1e-3, b1=0.5),
    "latent": jaxgan.LATENTS["uniform"](2),
}
state = jaxgan.init_state(jax.random.key(0), **parts, example=CENTERS, average=True)
loss, penalties = jaxgan.LOSSES["non_saturating"], [jaxgan.PENALTIES["r1"](0.1)]
step = jaxgan.make_train_step(**parts, loss=loss, penalties=penalties, average_decay=0.999)
train = jax.jit(jaxgan.scan_steps(step), donate_argnums=0)
for i in range(STEPS // CHUNK):
    state, metrics = train(state, {"real": real_batches(jax.random.key(1 + i), CHUNK)})
    print(f"step {int(state.step):6,}  d_loss {metrics['d_loss'].mean():.3f}  g_loss {metrics['g_loss'].mean():.3f}")
samples = jaxgan.sample(parts["generator"], state, jax.random.key(99), 2_500, latent=parts["latent"])
found = mode_coverage(samples, CENTERS, SIGMA)
print(f"{found.modes} of 8 modes, {100 * found.high_quality:.0f} % of the samples within 3 sigma")
