"""PacGAN: a discriminator that judges several examples at once, and so sees when they are all alike."""

import jax

from jaxgan.types import Network


def pack(discriminator: Network, count: int) -> Network:
    """The discriminator on packs of m examples, joined along their last axis; the losses stay as they are.

    Each m examples that follow each other in a batch are a pack; a batch of n gives n/m logits. A network that draws
    its noise per example draws it per pack, with the key of its first example.

    Args:
      discriminator: any, of examples [batch, ..., m·channels], or of vectors [batch, m·dim].
      count: m ≥ 1; 1 gives the discriminator itself.

    Returns:
      A `Network` of examples [batch, ..., channels].

    Raises:
      ValueError: m is below 1; on use, the batch does not divide by m.

    Source: Lin et al. 2018 (arXiv:1712.04086), section 2.
    """
    if count < 1:
        raise ValueError(f"a pack needs at least 1 example, got {count}")
    if count == 1:
        return discriminator

    def joined(inputs):
        if len(inputs) % count:
            raise ValueError(f"a batch of {len(inputs)} does not divide into packs of {count}")
        inputs = inputs.reshape(len(inputs) // count, count, *inputs.shape[1:])
        if inputs.ndim == 2:  # numbers
            return inputs
        # Channels of one example next to each other, example after example.
        inputs = jax.numpy.moveaxis(inputs, 1, -2)
        return inputs.reshape(*inputs.shape[:-2], -1)

    def init(key, inputs, condition=None):
        return discriminator.init(key, joined(inputs), condition=jax.tree.map(joined, condition))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        if key is not None and key.ndim:
            key = key[::count]
        return discriminator.apply(
            variables, joined(inputs), condition=jax.tree.map(joined, condition), key=key, train=train
        )

    return discriminator._replace(init=init, apply=apply)
