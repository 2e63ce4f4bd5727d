"""Your own training loop: batches from any iterator of numpy arrays, log lines, and checkpoints that resume.

    python examples/training_loop.py --workdir=runs/loop --steps=3000

To continue after a stop, run the same command: it resumes from the last checkpoint and gives the same numbers.
"""

import argparse
import itertools
import json
import pathlib
import time

import jax
import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import linen as nn

import jaxgan

arguments = argparse.ArgumentParser()
arguments.add_argument("--workdir", default="runs/loop")
arguments.add_argument("--steps", type=int, default=3_000)
arguments.add_argument("--batch_size", type=int, default=64)
arguments.add_argument("--log_every", type=int, default=100)
arguments.add_argument("--checkpoint_every", type=int, default=1_000)
options = arguments.parse_args()
workdir = pathlib.Path(options.workdir).absolute()


def batches(first_step):
    """Endless minibatches [1, batch, height, width, channels]: one per discriminator update of a step.

    A step's minibatch depends only on the step number, so a resumed run sees the same data as an uninterrupted one.
    """
    for step in itertools.count(first_step):
        rows = np.random.default_rng(step).integers(len(images), size=options.batch_size)
        yield {"real": images[rows][None].astype(np.float32) / 255}  # in [0, 1], like the generator's sigmoid


# The two players, and everything else that the step needs.
images = jaxgan.DATASETS["digits"]().train.examples  # uint8 [4000, 28, 28, 1]; any array will do
as_images = lambda x: x.reshape(-1, 28, 28, 1)  # noqa: E731
generator = nn.Sequential([nn.Dense(256), nn.relu, nn.Dense(256), nn.relu, nn.Dense(784), nn.sigmoid, as_images])
hidden = [nn.Dense(256), nn.leaky_relu, nn.Dense(256), nn.leaky_relu]
discriminator = nn.Sequential([lambda x: x.reshape(len(x), -1), *hidden, nn.Dense(1), lambda x: x[:, 0]])
parts = {
    "generator": jaxgan.from_linen(generator),
    "discriminator": jaxgan.from_linen(discriminator),
    "generator_tx": optax.adam(2e-4, b1=0.5),
    "discriminator_tx": optax.adam(2e-4, b1=0.5),
    "latent": jaxgan.LATENTS["normal"](32),
}
loss, penalties = jaxgan.LOSSES["non_saturating"], [jaxgan.PENALTIES["r1"](0.1)]
train_step = jaxgan.make_train_step(**parts, loss=loss, penalties=penalties, average_decay=0.999)
train_step = jax.jit(train_step, donate_argnums=0)  # jaxgan.distribute(...) is for several devices
state = jaxgan.init_state(jax.random.key(0), **parts, example=next(batches(0))["real"][0], average=True)

# A checkpoint contains the whole state: both players, their optimizers, the average, the step and the key.
checkpoints = ocp.CheckpointManager(workdir / "checkpoints", options=ocp.CheckpointManagerOptions(max_to_keep=2))
if (latest := checkpoints.latest_step()) is not None:
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
    state = checkpoints.restore(latest, args=ocp.args.StandardRestore(abstract))
    print(f"goes on from step {latest:,}")

# The loop. Only log lines and checkpoints wait for the device.
first, path = int(state.step), workdir / "metrics.jsonl"
lines = path.read_text().splitlines(keepends=True) if path.exists() else []
path.write_text("".join(line for line in lines if json.loads(line)["step"] <= first))
since, began = [], time.monotonic()
with path.open("a") as log:
    for step, batch in zip(range(first + 1, options.steps + 1), batches(first), strict=False):
        state, metrics = train_step(state, batch)
        since.append(metrics)
        if step % options.log_every == 0:
            means = {name: float(np.mean([m[name] for m in since])) for name in metrics}
            print(json.dumps({"step": step, **means}), file=log, flush=True)
            rate = (step - first) / (time.monotonic() - began)
            print(f"step {step:,}: d_loss {means['d_loss']:.3f}  g_loss {means['g_loss']:.3f}  {rate:.0f} steps/s")
            since = []
        if step % options.checkpoint_every == 0 or step == options.steps:
            checkpoints.save(step, args=ocp.args.StandardSave(state))
checkpoints.close()

# Samples from the averaged generator.
samples = jaxgan.sample(parts["generator"], state, jax.random.key(1), 1_000, latent=parts["latent"])
np.save(workdir / "samples.npy", samples)
real = images[:1_000].astype(np.float32) / 255
score = jaxgan.evaluation.precision_recall.precision_recall(*(x.reshape(1_000, -1) for x in (real, samples)), 5)
print(f"step {int(state.step):,}: precision {score.precision:.3f}  recall {score.recall:.3f}  of 1,000 samples")
