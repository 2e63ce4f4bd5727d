"""An adversarial loss in a tokeniser of images, VQGAN's: an autoencoder with a codebook, in a loop of its own.

    python examples/vq_tokeniser.py

The autoencoder, a small transformer, turns an avatar of 32 x 32 pixels into 4 x 4 codes out of 128. Its own loss is the
squared error and the codebook's. jaxgan adds what a discriminator of squares of 8 x 8 pixels sees, with a weight that
makes the gradients at the last layer alike (Esser et al. 2021, arXiv:2012.09841). It prints the error on held-out
avatars, and the discriminator's accuracy.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

import jaxgan

STEPS, ALONE, BATCH = 2_000, 1_000, 32  # the first steps are without the discriminator
WIDTH, CODES = 96, 128


def squares(images):
    """[n, 32, 32, 3] to squares of 8 x 8 pixels, [n, 16, 192]."""
    return images.reshape(-1, 4, 8, 4, 8, 3).swapaxes(2, 3).reshape(len(images), 16, 192)


class Block(nn.Module):
    """Attention over the 16 squares, and two dense layers."""

    @nn.compact
    def __call__(self, hidden):
        hidden += nn.SelfAttention(4)(nn.LayerNorm()(hidden))
        return hidden + nn.Dense(WIDTH)(nn.gelu(nn.Dense(2 * WIDTH)(nn.LayerNorm()(hidden))))


class Tokeniser(nn.Module):
    """`images [n, 32, 32, 3] -> images, the codebook's loss, codes [n, 16]`."""

    @nn.compact
    def __call__(self, images):
        places = self.param("places", nn.initializers.normal(0.5), (2, 1, 16, WIDTH))
        encoded = nn.Dense(16)(Block()(nn.Dense(WIDTH)(squares(images)) + places[0]))
        unit = lambda x: x / jnp.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
        encoded, codebook = unit(encoded), unit(self.param("codebook", nn.initializers.normal(1.0), (CODES, 16)))
        codes = (encoded @ codebook.T).argmax(-1)
        nearest, stop = codebook[codes], jax.lax.stop_gradient
        commitment = jnp.square(stop(nearest) - encoded).sum(-1).mean() / 4
        of_the_codebook = jnp.square(nearest - stop(encoded)).sum(-1).mean()
        hidden = Block()(nn.Dense(WIDTH)(encoded + stop(nearest - encoded)) + places[1])
        made = nn.Dense(192, name="last")(hidden).reshape(-1, 4, 4, 8, 8, 3)
        return made.swapaxes(2, 3).reshape(images.shape), (commitment + of_the_codebook) / 10, codes


model, optimizer = Tokeniser(), optax.adam(1e-3, b2=0.99)
judging = [squares, nn.Dense(256), nn.leaky_relu, nn.Dense(128), nn.leaky_relu, nn.Dense(1)]
adversary = jaxgan.make_adversary(
    discriminator=jaxgan.from_linen(nn.Sequential(judging)),  # a logit for each square
    loss=jaxgan.LOSSES["non_saturating"],
    penalties=[jaxgan.PENALTIES["r1"](1.0)],
    tx=optax.adam(5e-4, b1=0.0, b2=0.99),
)
avatars, symmetric = jaxgan.DATASETS["avatars"](), jaxgan.RANGES["symmetric"].scale
images, held_out = avatars.train.examples, symmetric(avatars.test.examples[:500])


def step(params, opt_state, judge, real, share):
    """One update of the tokeniser, and one of the discriminator."""
    (made, codebook), pull = jax.vjp(lambda params: model.apply(params, real)[:2], params)
    error = jax.grad(lambda x: jnp.square(x - real).mean())(made)
    own = pull((error, jnp.ones_like(codebook)))[0]
    of_judge = pull((jax.grad(lambda x: adversary.loss(judge, x, real))(made), jnp.zeros_like(codebook)))[0]
    weight = share * jaxgan.adaptive_weight(own["params"]["last"], of_judge["params"]["last"])
    updates, opt_state = optimizer.update(jax.tree.map(lambda a, b: a + weight * b, own, of_judge), opt_state)
    judge, metrics = adversary.update(judge, made, real)
    return optax.apply_updates(params, updates), opt_state, judge, metrics


step = jax.jit(step, donate_argnums=(0, 1, 2))
for largest in (0.0, 0.5):
    params = model.init(jax.random.key(0), held_out[:2])
    opt_state, judge, told = optimizer.init(params), adversary.init(jax.random.key(1), held_out[:2]), []
    for i in range(STEPS):
        real = symmetric(images[np.random.default_rng(i).integers(len(images), size=BATCH)])
        params, opt_state, judge, metrics = step(params, opt_state, judge, real, largest if i >= ALONE else 0.0)
        told.append(metrics["d_accuracy"])
    made, _, codes = jax.jit(model.apply)(params, held_out)
    error, last = np.sqrt(np.square(made - held_out).mean()), np.mean(told[-STEPS // 10 :])
    print(f"adversarial weight {largest}: rmse {error:.3f}, {len(np.unique(codes))} codes used, told apart {last:.2f}")
