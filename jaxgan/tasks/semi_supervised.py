"""Semi-supervised learning: a discriminator that tells the classes of data, of which few labels are known."""

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.losses.terms import weigh_discriminator
from jaxgan.optimizers import keep_average
from jaxgan.tasks.base import Labelled, Task
from jaxgan.tasks.semi_supervised_scores import measure
from jaxgan.types import DiscriminatorOutput, Latent, Network, Seen, Term, inner_apply, wrapped
from jaxgan.wrappers.conditions import unconditional


def classifying(discriminator: Network) -> Network:
    """The discriminator of K + 1 classes: its logit is log Z, Z = Σ_{k ≤ K} e^{l_k}.

    The class K + 1 is that of samples, with l_{K+1} = 0, which takes nothing from the model: D(x) = 1 − p(K + 1 | x) =
    Z/(Z + 1) = sigmoid(log Z), and p(k | x, k ≤ K) = e^{l_k}/Z.

    Args:
      discriminator: one whose `Judgement` has the class logits l [batch, K]; its own logits are not used.

    Returns:
      A `Network` like it.

    Raises:
      ValueError: on use, there are no class logits.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 5.
    """
    inner = inner_apply(discriminator)

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        judged, model_state = inner(variables, inputs, condition=condition, key=key, train=train)
        if not isinstance(judged, DiscriminatorOutput) or judged.class_logits is None:
            raise ValueError(
                "semi_supervised needs the discriminator's class logits: in a config discriminator.class_logits, else "
                "a Judgement(logits, class_logits=...)"
            )
        return judged._replace(logits=jax.nn.logsumexp(judged.class_logits, axis=-1)), model_state

    return wrapped(discriminator, discriminator.init, apply)


def supervised(seen: Seen) -> chex.Array:
    """−E log p(y | x, y ≤ K) of the labelled examples, which are the condition: the cross-entropy of the class logits.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 5, L_supervised.
    """
    given = seen.condition
    if not isinstance(given, Labelled) or seen.discriminate is None:
        raise ValueError(
            "semi_supervised needs labelled examples: give the task its `given`, and the step to `prepared`"
        )
    outputs = seen.discriminate(given.examples).class_logits
    return optax.softmax_cross_entropy_with_integer_labels(outputs, given.labels).mean()


def conditional_entropy(weight: chex.Numeric) -> Term:
    """λ E H(p(k | x, k ≤ K)) of the data, in nats, added to D's loss: it is to be sure of a class wherever data are.

    Args:
      weight: λ ≥ 0.

    Source: Springenberg 2016 (arXiv:1511.06390), section 3; beside feature matching, Dai et al. 2017
    (arXiv:1705.09783), section 5.
    """

    def discriminator(seen: Seen) -> chex.Array:
        assert seen.real_output.class_logits is not None  # `classifying` has asked for them
        nats = jax.nn.log_softmax(seen.real_output.class_logits)
        return -weight * (jnp.exp(nats) * nats).sum(-1).mean()

    return Term(discriminator=discriminator)


def semi_supervised(
    *,
    example_shape: tuple[int, ...],
    latent: Latent,
    labelled: int = 100,
    seed: int = 0,
    unsupervised: float = 0.5,
    entropy: float = 0.0,
    average_decay: float = 0.0,
    given: Labelled | None = None,
) -> Task:
    """The task of a classifier: L_D = −E log p(y | x, y ≤ K) + λ (E sp(−log Z(x)) + E sp(log Z(G(z)))).

    Of every minibatch as many labelled examples are drawn, with replacement. The generator's loss stays: feature
    matching alone in the source.

    Args:
      example_shape: of one example.
      latent: the prior p_z(z).
      labelled: how many labelled examples there are to be; they are chosen before, by `jaxgan.tasks.labelled.choose`.
      seed: of that choice.
      unsupervised: λ ≥ 0, ½ in the source's code; 0: the labelled examples alone.
      entropy: weight ≥ 0 of `conditional_entropy`, in nats; 0 for none.
      average_decay: β in [0, 1) of the discriminator's moving average, whose errors are measured too; 0: none.
      given: the labelled examples; None where nothing is to be trained.

    Returns:
      A `Task`.

    Raises:
      ValueError: the labelled examples have another shape; of `loss`, once it is asked for: λ is negative.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 4; Salimans et al. 2016 (arXiv:1606.03498),
    section 5.
    """
    if given is not None and given.examples.shape[1:] != tuple(example_shape):
        raise ValueError(f"labelled examples must be {list(example_shape)}, got {list(given.examples.shape[1:])}")

    def prepare(keys, batch):
        assert given is not None
        draw = jax.vmap(jax.vmap(lambda key: jax.random.randint(key, (), 0, len(given.labels))))
        drawn = draw(keys)
        return {**batch, "condition": Labelled(*[jnp.asarray(part)[drawn] for part in given])}

    return Task(
        generator=lambda network, axis_name: unconditional(network),
        discriminator=lambda network, axis_name: unconditional(classifying(network)),
        prepare=None if given is None else prepare,
        terms=(Term(discriminator=supervised), *(() if _is_zero(entropy) else (conditional_entropy(entropy),))),
        loss=lambda loss: weigh_discriminator(loss, unsupervised),
        discriminator_tx=lambda tx: tx if _is_zero(average_decay) else keep_average(tx, average_decay),
        measure=measure,
        judges=True,
    )


def _is_zero(number: chex.Numeric) -> bool:
    return isinstance(number, int | float) and number == 0  # one that is traced is not


__all__ = ["classifying", "conditional_entropy", "semi_supervised", "supervised"]
