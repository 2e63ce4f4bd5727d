"""PacGAN: a discriminator of several examples at once, which can detect that they are all alike."""

import jax

from jaxgan.types import Network


def pack(discriminator: Network, count: int) -> Network:
    """A discriminator of packs of m examples, concatenated along their last axis; the losses do not change.

    Each m consecutive examples of a batch form a pack, so a batch of n gives n/m logits. A network that draws noise per
    example draws it per pack, with the key of the pack's first example.

    Args:
      discriminator: any network of examples [batch, ..., m·channels], or of vectors [batch, m·dim].
      count: m ≥ 1; with 1 the result is `discriminator`.

    Returns:
      A `Network` of examples [batch, ..., channels].

    Raises:
      ValueError: m is below 1; on use, if the batch size is not a multiple of m.

    Source: Lin et al. 2018 (arXiv:1712.04086), section 2.
    """
    if count < 1:
        raise ValueError(f"a pack needs at least 1 example, got {count}")
    if count == 1:
        return discriminator

    def joined(inputs):
        if inputs.shape[0] % count:
            raise ValueError(f"a batch of {inputs.shape[0]} does not divide into packs of {count}")
        inputs = inputs.reshape(inputs.shape[0] // count, count, *inputs.shape[1:])
        if inputs.ndim == 2:  # scalars, now [batch/m, m]
            return inputs
        # The channels of one example stay next to each other.
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
