"""All conditionals p(x_S | x_notS), S any part of an example, by one generator whose input says what is known."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.latents import Latent
from jaxgan.state import Network
from jaxgan.tasks.base import Task, inner_apply, wrapped
from jaxgan.tasks.masks import chosen, mixed


class Known(NamedTuple):
    """What is known of examples, the condition of both players.

    Attributes:
      values: x·m, [n, ...].
      mask: m, 1 where the value is known, else 0: [n, ...], or of images [n, height, width, 1].
    """

    values: chex.Array
    mask: chex.Array


def known(examples: chex.Array, mask: chex.Array) -> Known:
    """The examples where the mask is 1, and 0 elsewhere."""
    return Known(jnp.where(mask > 0, examples, 0.0), mask)


def completing(generator: Network) -> Network:
    """The generator of what is missing: x̂ = m·x + (1 − m)·G(z, x·m, m).

    Args:
      generator: of latents [n, dim + values + mask's values], z with both behind it.

    Returns:
      A `Network` of latents [n, dim] and the condition `Known`.
    """
    inner = inner_apply(generator)

    def init(key, inputs, condition=None):
        return generator.init(key, _joined(inputs, condition))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        made, model_state = inner(variables, _joined(inputs, condition), key=key, train=train)
        return jnp.where(condition.mask > 0, condition.values, made), model_state

    return wrapped(generator, init, apply)


def seeing_masks(discriminator: Network) -> Network:
    """The discriminator of (x, m): the mask behind the example, of images as a further channel; m says what in x is
    known, so that x·m need not be told.

    Args:
      discriminator: of examples whose last axis is longer by the mask's.

    Returns:
      A `Network` of examples [n, ...] and the condition `Known`.
    """
    inner = inner_apply(discriminator)

    def init(key, inputs, condition=None):
        return discriminator.init(key, jnp.concatenate([inputs, condition.mask], -1))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return inner(variables, jnp.concatenate([inputs, condition.mask], -1), key=key, train=train)

    return wrapped(discriminator, init, apply)


def inpainting(*, example_shape: tuple[int, ...], latent: Latent, masks: str = "all", **settings: Any) -> Task:
    """The task of all conditionals.

    Args:
      example_shape: of one example.
      latent: the prior p_z(z).
      masks: names of `MASKS`, with commas; each example has one of them, equally likely. "all": those that suit it.

    Returns:
      A `Task`.

    Raises:
      ValueError: a mask is unknown, or does not suit the examples.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 3.
    """
    mask = mixed(list(chosen([name.strip() for name in masks.split(",")], example_shape).values()))

    def prepare(keys, batch):
        drawn = jax.vmap(jax.vmap(lambda key: mask(key, 1, example_shape)[0]))(keys)
        return {**batch, "condition": known(batch["real"], drawn)}

    def condition(count):
        shape = jax.eval_shape(lambda key: mask(key, count, example_shape), jax.random.key(0)).shape
        return Known(jnp.zeros((count, *example_shape)), jnp.zeros(shape))

    return Task(
        generator=lambda network, axis_name: completing(network),
        discriminator=lambda network, axis_name: seeing_masks(network),
        prepare=prepare,
        condition=condition,
    )


def _joined(latents: chex.Array, condition: Known) -> chex.Array:
    parts = (latents, condition.values, condition.mask)
    return jnp.concatenate([part.reshape(len(latents), -1) for part in parts], -1)
