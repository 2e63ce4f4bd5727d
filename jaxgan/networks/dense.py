"""Linear layers whose weight may be a function of the parameter."""

from collections.abc import Callable
from typing import Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.labels import check_features
from jaxgan.networks.weights import FROM_DATA, WEIGHTS, weight_from_data


class Dense(linen.Module):
    """As `flax.linen.Dense`, with its parameters, and a name in `WEIGHTS` for what is computed with, or `FROM_DATA`,
    whose scales are learned unless they are `fixed`."""

    features: int
    use_bias: bool = True
    kernel_init: Callable[..., Any] = linen.initializers.lecun_normal()
    bias_init: Callable[..., Any] = linen.initializers.zeros
    weights: str = "plain"
    fixed: bool = False

    @linen.compact
    def __call__(self, inputs):
        if self.weights == FROM_DATA:
            kernel, bias = weight_from_data(self, self.kernel_init, inputs, self.features, fixed=self.fixed)
            return inputs @ kernel + (bias[None] if self.use_bias else 0.0)
        kernel = WEIGHTS[self.weights](self, self.kernel_init, (inputs.shape[-1], self.features))
        outputs = inputs @ kernel
        if not self.use_bias:
            return outputs
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        return outputs + bias.reshape(*(1,) * (outputs.ndim - 1), -1)


def with_projection(logits: chex.Array, condition: chex.Array | None, inputs: chex.Array, **options: Any) -> chex.Array:
    """A discriminator's logits with (Vc)ᵀφ(x) added to them, if there is a condition. Called in a module's own call.

    Args:
      logits: [batch].
      condition: c, [batch, ...] features, or None.
      inputs: φ(x), of the last layer, [batch, features].
      **options: of the layer `projection`, whose kernel is Vᵀ.

    Returns:
      [batch].

    Raises:
      ValueError: the condition is labels.

    Source: Miyato and Koyama 2018 (arXiv:1802.05637), equation 3.
    """
    check_features(condition)
    if condition is None:
        return logits
    features = condition.reshape(len(condition), -1)
    # Vᵀφ, and then its product with c, so that V starts as the weights of a logit do.
    return logits + (Dense(features.shape[-1], use_bias=False, name="projection", **options)(inputs) * features).sum(-1)


def class_head(count: int, inputs: chex.Array, **options: Any) -> chex.Array | None:
    """A discriminator's second last layer, [batch, count], for `Judgement.class_logits`; None of 0. Called in a
    module's own call."""
    return Dense(count, name="class_logits", **options)(inputs) if count else None
