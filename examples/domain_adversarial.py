"""Features that do not tell two domains apart: a classifier of digits that also works where it has no labels.

    python examples/domain_adversarial.py

The labelled digits are clean. The others, without labels, have spots, always in the same places, as if the lens were
dirty. A classifier of the first is often wrong on the second. A discriminator of its features, which the classifier is
trained to fool, can bring the two together. With `both_sides`, the minimax loss is the reversed gradient of Ganin et
al. 2016 (arXiv:1505.07818), which does not help here; another loss with gradient penalties does. It prints the accuracy
on other digits with spots.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

import jaxgan

STEPS, BATCH = 3_000, 64

data, unit = jaxgan.DATASETS["digits"](), jaxgan.RANGES["unit"].scale
spots = 0.8 * (np.random.default_rng(0).random((28, 28, 1)) < 0.15)
digits, labels = jnp.asarray(unit(data.train.examples[:2_000])), jnp.asarray(data.train.labels[:2_000])
spotted = jnp.maximum(unit(data.train.examples[2_000:]), spots)  # other digits, without labels
test, test_labels = jnp.maximum(unit(data.test.examples), spots), data.test.labels

as_vectors = lambda x: x.reshape(len(x), -1)  # noqa: E731
features = nn.Sequential([as_vectors, nn.Dense(256), nn.relu, nn.Dense(128), nn.relu])
head, optimizer = nn.Dense(10), optax.adam(1e-3)
both_sides, discriminator = jaxgan.losses.both_sides, jaxgan.NETWORKS["mlp"](output_shape=(), widths=(128,))
SETTINGS = {  # the loss, its weight, penalties
    "no discriminator": ("minimax", 0.0, []),
    "reversed gradient": ("minimax", 1.0, []),
    "non-saturating, R1 and R2": ("non_saturating", 0.3, [jaxgan.PENALTIES["r1_r2"](1.0)]),
}


def step(adversary, largest, state, inputs):
    """One update of the classifier, and one of the discriminator."""
    params, opt_state, judge = state
    key, share = inputs
    rows = jax.random.randint(key, (2, BATCH), 0, 2_000)
    weight = largest * (2 / (1 + jnp.exp(-10 * share)) - 1)  # from 0, as in the source

    def loss(params):
        own, other = (features.apply(params["features"], x) for x in (digits[rows[0]], spotted[rows[1]]))
        logits = head.apply(params["head"], own)
        classes = optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows[0]]).mean()
        return classes + weight * adversary.loss(judge, other, own), (other, own)

    grads, made = jax.grad(loss, has_aux=True)(params)
    updates, opt_state = optimizer.update(grads, opt_state)
    judge, metrics = adversary.update(judge, *made)
    return (optax.apply_updates(params, updates), opt_state, judge), metrics["d_accuracy"]


def train(key, adversary, largest):
    """The classes of test digits with spots, and how often the discriminator tells the two domains apart."""
    keys = jax.random.split(key, 4)
    params = {"features": features.init(keys[0], digits[:2]), "head": head.init(keys[1], jnp.zeros((2, 128)))}
    start = params, optimizer.init(params), adversary.init(keys[2], jnp.zeros((2, 128)))
    inputs = jax.random.split(keys[3], STEPS), jnp.arange(STEPS) / STEPS
    (params, _, _), told = jax.lax.scan(functools.partial(step, adversary, largest), start, inputs)
    return head.apply(params["head"], features.apply(params["features"], test)).argmax(1), told[-STEPS // 10 :].mean()


for name, (loss, weight, penalties) in SETTINGS.items():
    adversary = jaxgan.make_adversary(
        discriminator=discriminator,
        loss=both_sides(jaxgan.LOSSES[loss]),
        penalties=penalties,
        tx=optax.adam(1e-3, b1=0.5),
    )
    classes, told = jax.jit(functools.partial(train, adversary=adversary, largest=weight))(jax.random.key(0))
    right = 100 * np.mean(classes == test_labels)
    print(f"{name}: {right:.1f} % of the spotted digits right, domains told apart {told:.2f}", flush=True)
