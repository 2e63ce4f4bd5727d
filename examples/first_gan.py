"""A first GAN from scratch: two small networks learn eight Gaussians on a ring. docs/tutorial.md explains every part.

    python examples/first_gan.py --out=runs/first_gan

It writes two pictures: samples at four moments of training, and the training curves. It needs jaxgan and matplotlib.
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
arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/first_gan"))
options = arguments.parse_args()

STEPS, BATCH, MOMENTS = 10_000, 256, (0, 300, 1_000, 10_000)

# The data: eight Gaussians on a circle.
ANGLES = 2 * jnp.pi * jnp.arange(8) / 8
CENTERS = jnp.stack([jnp.cos(ANGLES), jnp.sin(ANGLES)], axis=1)


@jax.jit
def real_batch(key):
    mode, noise = jax.random.split(key)
    return CENTERS[jax.random.randint(mode, (BATCH,), 0, 8)] + 0.05 * jax.random.normal(noise, (BATCH, 2))


# A network is two functions: init makes its variables, apply uses them.
def mlp(outputs):
    sizes = (128, 128, outputs)

    def init(key, inputs, condition=None):
        fans = (inputs.shape[-1], *sizes)
        keys = jax.random.split(key, len(sizes))
        shapes = zip(keys, fans, sizes, strict=False)
        return {"params": [(jax.random.normal(k, (m, n)) * (2 / m) ** 0.5, jnp.zeros(n)) for k, m, n in shapes]}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        *hidden, (weights, bias) = variables["params"]
        for w, b in hidden:
            inputs = jax.nn.relu(inputs @ w + b)
        outputs = inputs @ weights + bias
        return (outputs[:, 0] if outputs.shape[1] == 1 else outputs), {}

    return jaxgan.Network(init, apply)


# The two players, and everything else that a step needs.
parts = {
    "generator": mlp(outputs=2),
    "discriminator": mlp(outputs=1),
    "latent": jaxgan.LATENTS["normal"](2),
    "generator_tx": optax.adam(1e-3, b1=0.5),
    "discriminator_tx": optax.adam(1e-3, b1=0.5),
}
state = jaxgan.init_state(jax.random.key(0), **parts, example=CENTERS)
step = jax.jit(jaxgan.make_train_step(**parts, loss=jaxgan.LOSSES["non_saturating"]))

# The loop.
history, snapshots = [], {}
for number in range(STEPS + 1):
    if number in MOMENTS:
        snapshots[number] = state
        print(f"step {number:6,}: a snapshot")
    batch = real_batch(jax.random.fold_in(jax.random.key(1), number))
    state, metrics = step(state, {"real": batch[None]})
    history.append(metrics)
history = jax.device_get(history)
curves = {name: np.stack([metrics[name] for metrics in history]) for name in history[0]}
print(", ".join(f"{name} {values[-1_000:].mean():.3f}" for name, values in curves.items()))

# The pictures: samples over what the discriminator thinks of every point of the plane, and the losses.
options.out.mkdir(parents=True, exist_ok=True)
grid = np.stack(np.meshgrid(*[np.linspace(-1.6, 1.6, 161)] * 2), axis=-1)
figure, axes = plt.subplots(1, len(snapshots), figsize=(3 * len(snapshots), 3.6), layout="constrained")
for axis, (number, then) in zip(axes, snapshots.items(), strict=True):
    logits, _ = parts["discriminator"].apply(then.discriminator.variables, jnp.asarray(grid.reshape(-1, 2)))
    probability = np.asarray(jax.nn.sigmoid(logits)).reshape(161, 161)
    shown = axis.imshow(probability, origin="lower", extent=[-1.6, 1.6] * 2, vmin=0, vmax=1, cmap="RdBu", alpha=0.6)
    samples = jaxgan.sample(parts["generator"], then, jax.random.key(2), 500, latent=parts["latent"])
    axis.scatter(*np.asarray(CENTERS).T, s=60, marker="+", color="black", label="centres of the data")
    axis.scatter(*np.asarray(samples).T, s=3, color="tab:green", label="samples of G")
    axis.set(title=f"step {number:,}", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xticks=[], yticks=[], aspect="equal")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figure.colorbar(shown, ax=axes, label="D(x)", shrink=0.8)
figure.savefig(options.out / "first_gan_samples.png", dpi=100)

width = max(1, STEPS // 100)  # means over so many steps
smooth = {name: values[: STEPS // width * width].reshape(-1, width).mean(1) for name, values in curves.items()}
at = width * (np.arange(len(smooth["d_loss"])) + 0.5)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
left.plot(at, smooth["d_loss"], label="d_loss")
left.plot(at, smooth["g_loss"], "--", label="g_loss")
left.axhline(2 * np.log(2), color="tab:blue", linewidth=0.7, label="2 log 2 and log 2: D = ½ everywhere")
left.axhline(np.log(2), color="tab:orange", linewidth=0.7)
left.set(xlabel="step", ylabel="nats", title="the losses")
figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
right.plot(at, smooth["d_accuracy"], color="tab:purple")
right.axhline(0.5, color="gray", linewidth=0.7)
right.set(xlabel="step", ylim=(0.4, 1), title="d_accuracy: how often D is right")
figure.savefig(options.out / "first_gan_curves.png", dpi=100)
