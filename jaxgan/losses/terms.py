"""Loss terms of the players that read more than logits, for `make_train_step(terms=…)`.

A `Term` has, for each player, either a function from the minibatch to a scalar that is added to the player's loss, or
None. The functions read the discriminator's outputs for data and samples, the latents and the condition. To add a
term, write a function from its weight to the term, and add a line to `TERMS`; further parameters are keyword-only.
"""

import math
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.losses.penalties import check_weight
from jaxgan.losses.transforms import weigh_discriminator as weigh_discriminator
from jaxgan.losses.transforms import weigh_generator as weigh_generator
from jaxgan.tables import Table
from jaxgan.types import Term, TermInputs


def feature_matching(weight: chex.Numeric = 1.0) -> Term:
    """λ‖E f(x) − E f(G(z))‖², added to the generator's loss: matches the mean features of samples and data.

    f are the inputs of the discriminator's last layer. The means are over the whole batch on all devices. In the source
    this is the generator's only loss: see `weigh_generator`.

    Args:
      weight: λ ≥ 0, in units of the loss per squared unit of f.

    Raises:
      ValueError: λ is negative or not a number; on use, if the discriminator returns no features.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.1.
    """
    check_weight(weight)

    def generator(inputs: TermInputs) -> chex.Array:
        pairs = _features("feature_matching", inputs)
        return weight * sum(jnp.square(inputs.mean(real) - inputs.mean(fake)).sum() for real, fake in pairs)

    return Term(None, generator)


def feature_distance(weight: chex.Numeric = 1.0) -> Term:
    """λ Σ_l E |f_l(x) − f_l(G(z, c))|, added to the generator's loss: for conditions that determine x.

    f_l are the discriminator's features, each layer by its mean over all values. x is the example whose condition the
    generator was given, so draws become alike. The source calls it feature matching.

    Args:
      weight: λ ≥ 0, in units of the loss per unit of f; 10 in Wang et al., 2 in Kong et al.

    Raises:
      ValueError: λ is negative or not a number; on use, if the discriminator returns no features.

    Source: Wang et al. 2018 (arXiv:1711.11585), equation 4; Kong et al. 2020 (arXiv:2010.05646), equation 3.
    """
    check_weight(weight)

    def generator(inputs: TermInputs) -> chex.Array:
        return weight * sum(jnp.abs(real - fake).mean() for real, fake in _features("feature_distance", inputs))

    return Term(None, generator, pairs=True)


def mutual_information(weight: chex.Numeric = 1.0) -> Term:
    """−λ E log Q(c|G(z)), added to both losses: L_I = H(c) + E log Q bounds the mutual information from below.

    For a latent with n categories and m codes, the discriminator's class logits are n logits of the category and m
    means of the codes' Gaussian Q. If there are m further outputs, these are its log σ; otherwise σ = 1. The term omits
    the constant H(c), which is log 10 + 2 log 2 = 3.69 nats for 10 categories and 2 codes from U(−1, 1).

    Args:
      weight: λ ≥ 0, in units of the loss per nat.

    Raises:
      ValueError: λ is negative or not a number; on use, if the latent has no codes or the class logits do not fit them.

    Source: Chen et al. 2016 (arXiv:1606.03657), equations 5 and 6; σ = 1 as in its code for MNIST.
    """
    check_weight(weight)

    def part(inputs: TermInputs) -> chex.Array:
        categories, codes = inputs.prior.categories, inputs.prior.continuous
        if categories + codes == 0:
            raise ValueError('mutual_information needs a latent with codes, such as LATENTS["categorical"](74)')
        widths = (categories + codes, categories + 2 * codes)
        outputs = _class_logits("mutual_information", inputs.fake_output.class_logits, len(inputs.latents), widths)
        nats = jnp.zeros(len(outputs))
        if categories:
            nats = nats + optax.softmax_cross_entropy(outputs[:, :categories], inputs.latents[:, :categories])
        if codes:
            code = inputs.latents[:, categories : widths[0]]
            mean, log_deviation = outputs[:, categories : widths[0]], outputs[:, widths[0] :]
            log_deviation = log_deviation if log_deviation.shape[1] else jnp.zeros_like(mean)
            squares = jnp.square((code - mean) * jnp.exp(-log_deviation))
            nats = nats + (squares / 2 + log_deviation + math.log(2 * math.pi) / 2).sum(1)
        return weight * nats.mean()

    return Term(part, part)


def auxiliary_classifier(weight: chex.Numeric = 1.0) -> Term:
    """−λ E log P(c|x), with c the label: on data and samples for the discriminator, on samples for the generator.

    The labels are the conditions, integers [batch]. P is the softmax of the discriminator's class logits. The
    discriminator should not see the label: see `jaxgan.wrappers.conditions.unconditional`.

    Args:
      weight: λ ≥ 0, in units of the loss per nat.

    Raises:
      ValueError: λ is negative or not a number; on use, if there are no labels or no class logits.

    Source: Odena et al. 2017 (arXiv:1610.09585), section 3, L_C.
    """
    check_weight(weight)

    def cross_entropy(labels: chex.ArrayTree | None, class_logits: chex.Array | None) -> chex.Array:
        if labels is None or getattr(labels, "ndim", None) != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
            raise ValueError(
                "auxiliary_classifier needs labels, integers [batch], as the condition; in a config condition=labels"
            )
        outputs = _class_logits("auxiliary_classifier", class_logits, len(labels))
        return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()

    def of_generated(inputs: TermInputs) -> chex.ArrayTree | None:
        return inputs.condition if inputs.made_condition is None else inputs.made_condition

    def discriminator(inputs: TermInputs) -> chex.Array:
        real = cross_entropy(inputs.condition, inputs.real_output.class_logits)
        return weight * (real + cross_entropy(of_generated(inputs), inputs.fake_output.class_logits))

    def generator(inputs: TermInputs) -> chex.Array:
        return weight * cross_entropy(of_generated(inputs), inputs.fake_output.class_logits)

    return Term(discriminator, generator)


def l1(weight: chex.Numeric = 1.0) -> Term:
    """λ E |x − G(z, c)|, the mean over all values, added to the generator's loss: for conditions that determine x.

    The example x is the one whose condition the generator was given. It makes draws alike: the median of x given c is
    its optimum.

    Args:
      weight: λ ≥ 0, in units of the loss per unit of x. The source has 100, for images in [−1, 1].

    Raises:
      ValueError: λ is negative or not a number.

    Source: Isola et al. 2017 (arXiv:1611.07004), equation 3.
    """
    check_weight(weight)
    return _distance(weight, jnp.abs)


def l2(weight: chex.Numeric = 1.0) -> Term:
    """λ E (x − G(z, c))², the mean over all values, added to the generator's loss; otherwise as `l1`.

    Its optimum is the mean of x given c. Source: Pathak et al. 2016 (arXiv:1604.07379), equation 1.
    """
    check_weight(weight)
    return _distance(weight, jnp.square)


def perceptual(features: Callable[[chex.Array], chex.ArrayTree], weight: chex.Numeric = 1.0) -> Term:
    """λ Σ_l E (f_l(x) − f_l(G(z, c)))² for features of a network that is not trained, each layer by its mean.

    It is not in `TERMS`, since its features are a function: pass it to `make_train_step(terms=[...])`.

    Args:
      features: `examples [batch, ...] -> pytree of [batch, ...]`, such as activations of a classifier.
      weight: λ ≥ 0.

    Raises:
      ValueError: λ is negative or not a number.

    Source: Johnson et al. 2016 (arXiv:1603.08155), equation 2.
    """
    check_weight(weight)
    return _distance(weight, jnp.square, features)


def _distance(
    weight: chex.Numeric, size: Callable, features: Callable[[chex.Array], chex.ArrayTree] = lambda x: x
) -> Term:
    """The mean size of the difference between features of an example and of the one generated in its place."""

    def generator(inputs: TermInputs) -> chex.Array:
        pairs = zip(*(jax.tree.leaves(features(x)) for x in (inputs.real, inputs.fake)), strict=True)
        return weight * sum(size(real - fake).mean() for real, fake in pairs)

    return Term(None, generator, pairs=True)


def _features(name: str, inputs: TermInputs) -> list[tuple[chex.Array, chex.Array]]:
    """The discriminator's features of the data and of the samples, a pair for each layer."""
    real, fake = inputs.real_output.features, inputs.fake_output.features
    if real is None or fake is None:
        raise ValueError(
            f"{name} needs the discriminator's features: in a config discriminator.features=True, else a "
            "DiscriminatorOutput(logits, features=...)"
        )
    return list(zip(jax.tree.leaves(real), jax.tree.leaves(fake), strict=True))


def _class_logits(name: str, outputs: chex.Array | None, batch: int, widths: tuple[int, ...] = ()) -> chex.Array:
    wanted = " or ".join(str(width) for width in dict.fromkeys(widths)) or "N"
    if outputs is None:
        raise ValueError(
            f"{name} needs the discriminator's class logits: in a config discriminator.class_logits={wanted}, else a "
            "DiscriminatorOutput(logits, class_logits=...)"
        )
    if outputs.ndim != 2 or len(outputs) != batch or (widths and outputs.shape[1] not in widths):
        raise ValueError(f"{name} needs class logits [{batch}, {wanted}], got {outputs.shape}")
    return outputs


TERMS: dict[str, Callable[..., Term]] = Table("term") | {
    "feature_matching": feature_matching,
    "feature_distance": feature_distance,
    "mutual_information": mutual_information,
    "auxiliary_classifier": auxiliary_classifier,
    "l1": l1,
    "l2": l2,
}
