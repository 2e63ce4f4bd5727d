"""Semi-supervised learning: the discriminator classifies data of which only a few labels are known."""

import functools
import math
from typing import Annotated

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.evaluation.base import compare
from jaxgan.fields import Count, Decay, Field, Weight
from jaxgan.losses.terms import weigh_discriminator
from jaxgan.optimizers import Averaged, keep_average
from jaxgan.tasks.base import Labelled, ScoreInputs, Scores, Task
from jaxgan.training.init import check_floats
from jaxgan.types import DiscriminatorOutput, Latent, Network, Term, TermInputs
from jaxgan.wrappers.conditions import unconditional

STEPS = 300
"""Number of L-BFGS steps; a few hundred parameters per class converge in far fewer."""

MEANING = (
    "test_errors: of argmax_k of D's class logits over all test examples, ± √(n p (1 − p)), the error of the test set; "
    "seeds and labelled examples vary more. probe: logistic regression on D's features of the {labelled:,} labelled "
    "examples; pixels: on these examples themselves."
)
NO_FEATURES = "Left out: the probe, which needs discriminator.features=True."
NO_AVERAGE = "Left out: D's moving average, which semi_supervised.average_decay keeps."
NO_LABELS = "The test examples have no labels, or are too many to read: there are no scores."


def choose(labels: np.ndarray, count: int, classes: int, seed: int) -> np.ndarray:
    """Indices of the examples whose labels are known: equally many per class, chosen by a seed.

    If the number of classes does not divide the count, the seed decides which classes get one more. With the same seed,
    a larger count includes a smaller one, if both are divisible. `count == len(labels)` chooses all examples.

    Args:
      labels: [n], 0 to classes − 1.
      count: number of examples, at least one per class.
      classes: K.
      seed: ≥ 0.

    Returns:
      [count] int64, increasing.

    Raises:
      ValueError: the count is below the number of classes, or a class has too few examples.
    """
    if count == len(labels):
        return np.arange(count)
    if count < classes:
        raise ValueError(f"{count} labelled examples are not one of each of {classes} classes")
    raw = np.random.Philox(key=np.array([seed, classes], np.uint64)).random_raw(classes + len(labels))
    more, order = np.argsort(raw[:classes], kind="stable"), np.argsort(raw[classes:], kind="stable")
    wanted = np.full(classes, count // classes)
    wanted[more[: count % classes]] += 1
    places = [order[labels[order] == label] for label in range(classes)]
    for label, (found, number) in enumerate(zip(places, wanted, strict=True)):
        if len(found) < number:
            most = classes * min(map(len, places))
            raise ValueError(
                f"{count} labelled examples are {number} of class {label}, and there are {len(found)} of "
                f"{len(labels)}: {most} at most, or all"
            )
    return np.sort(np.concatenate([found[:number] for found, number in zip(places, wanted, strict=True)]))


def classifying(discriminator: Network) -> Network:
    """A discriminator of K + 1 classes: its logit is log Z, with Z = Σ_{k ≤ K} e^{l_k}.

    Class K + 1 means "generated", with l_{K+1} = 0 without loss of generality: D(x) = 1 − p(K + 1 | x) = Z/(Z + 1) =
    sigmoid(log Z), and p(k | x, k ≤ K) = e^{l_k}/Z.

    Args:
      discriminator: its `DiscriminatorOutput` must have the class logits l [batch, K]; its own logits are not used.

    Raises:
      ValueError: on use, if there are no class logits.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 5.
    """

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        judged, model_state = discriminator.apply(variables, inputs, condition=condition, key=key, train=train)
        if not isinstance(judged, DiscriminatorOutput) or judged.class_logits is None:
            raise ValueError(
                "semi_supervised needs the discriminator's class logits: in a config discriminator.class_logits, else "
                "a DiscriminatorOutput(logits, class_logits=...)"
            )
        return judged._replace(logits=jax.nn.logsumexp(judged.class_logits, axis=-1)), model_state

    return discriminator._replace(apply=apply)


def supervised(inputs: TermInputs) -> chex.Array:
    """−E log p(y | x, y ≤ K): the cross-entropy of the class logits on the labelled examples in the condition.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 5, L_supervised.
    """
    given = inputs.condition
    if not isinstance(given, Labelled) or inputs.discriminate is None:
        raise ValueError(
            "semi_supervised needs labelled examples: give the task its `given`, and the step to `prepared`"
        )
    outputs = inputs.discriminate(given.examples).class_logits
    return optax.softmax_cross_entropy_with_integer_labels(outputs, given.labels).mean()


def conditional_entropy(weight: chex.Numeric) -> Term:
    """λ E H(p(k | x, k ≤ K)) on data, in nats, added to D's loss: favours confident classes for data.

    Source: Springenberg 2016 (arXiv:1511.06390), section 3; with feature matching, Dai et al. 2017
    (arXiv:1705.09783), section 5.
    """

    def discriminator(inputs: TermInputs) -> chex.Array:
        assert inputs.real_output.class_logits is not None  # `classifying` has required them
        nats = jax.nn.log_softmax(inputs.real_output.class_logits)
        return -weight * (jnp.exp(nats) * nats).sum(-1).mean()

    return Term(discriminator=discriminator)


def semi_supervised(
    *,
    example_shape: tuple[int, ...],
    latent: Latent,
    labelled: Count = 100,
    seed: Annotated[int, Field(low=0, high=2**32 - 1)] = 0,
    unsupervised: Weight = 0.5,
    entropy: Weight = 0.0,
    average_decay: Decay = 0.0,
    given: Labelled | None = None,
) -> Task:
    """The task of training a classifier: L_D = −E log p(y | x, y ≤ K) + λ (E sp(−log Z(x)) + E sp(log Z(G(z)))).

    For each minibatch, as many labelled examples are drawn with replacement. The generator's loss is unchanged; the
    source uses feature matching.

    Args:
      example_shape: shape of one example.
      latent: the prior p_z(z).
      labelled: number of labelled examples, chosen by `choose`.
      seed: seed of that choice.
      unsupervised: λ ≥ 0, ½ in the source's code; 0 to use only the labelled examples.
      entropy: weight ≥ 0 of `conditional_entropy`, in nats; 0 for none.
      average_decay: β in [0, 1) of a moving average of the discriminator, which is scored too; 0 for none.
      given: the labelled examples; None if nothing is trained.

    Raises:
      ValueError: the labelled examples have the wrong shape; in `Task.loss`, if λ is negative.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 4; Salimans et al. 2016 (arXiv:1606.03498),
    section 5.
    """
    if given is not None and given.examples.shape[1:] != tuple(example_shape):
        raise ValueError(f"labelled examples must be {list(example_shape)}, got {list(given.examples.shape[1:])}")
    if given is not None:
        check_floats(given.examples, "labelled examples")

    def prepare(keys, batch):
        assert given is not None
        drawn = jax.vmap(jax.vmap(lambda key: jax.random.randint(key, (), 0, len(given.labels))))(keys)
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
    return isinstance(number, int | float) and number == 0  # a traced number is never 0


def measure(trained: ScoreInputs) -> Scores:
    """ "test_errors" of the class logits, and of linear classifiers trained on the labelled examples."""
    labels, given, discriminate = trained.test_labels, trained.labelled, trained.discriminate
    if labels is None:
        return Scores((), (NO_LABELS,))
    assert trained.discriminator is not None and given is not None and discriminate is not None
    players = {"this run": trained.discriminator.variables}
    notes = [MEANING.format(labelled=len(given.labels))]
    if isinstance(trained.discriminator.opt_state, Averaged):
        average = {"params": trained.discriminator.opt_state.average, **trained.discriminator.model_state}
        players["its average"] = average
    else:
        notes.append(NO_AVERAGE)
    predicted, probes = {}, {}
    for name, variables in players.items():
        judged, known = discriminate(variables, trained.test), discriminate(variables, np.asarray(given.examples))
        assert judged.class_logits is not None
        predicted[name] = judged.class_logits.argmax(1)
        classes = judged.class_logits.shape[1]
        if known.features is not None and judged.features is not None:
            probe = "probe" if name == "this run" else "the average's probe"
            probes[probe] = linear_classes(known.features, given.labels, judged.features, classes)
    notes += [] if probes else [NO_FEATURES]
    predicted |= probes
    predicted["pixels"] = linear_classes(given.examples, given.labels, trained.test, classes)
    values = {name: errors(each, labels) for name, each in predicted.items()}
    return Scores((compare("test_errors", values, "lower", len(labels)),), tuple(notes))


def errors(predicted: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The number of wrong predictions among n, and its standard error √(n p (1 − p)) with p = wrong/n."""
    wrong, count = int((predicted != labels).sum()), len(labels)
    return float(wrong), math.sqrt(wrong * (count - wrong) / count)


def linear_classes(examples: chex.Array, labels: chex.Array, tested: chex.Array, classes: int) -> np.ndarray:
    """The classes [m] that a logistic regression on labelled examples [n, ...] predicts for `tested` [m, ...].

    Each value is centred by its own mean and scaled by the deviation of all values, over the labelled examples.
    """
    examples, tested = (np.asarray(part, np.float32).reshape(len(part), -1) for part in (examples, tested))
    mean = examples.mean(0, keepdims=True)
    scale = max(float((examples - mean).std()), 1e-12)
    weights, biases = logistic_regression((examples - mean) / scale, np.asarray(labels), classes)
    return np.asarray(((tested - mean) / scale @ weights + biases[None]).argmax(1))


def logistic_regression(examples: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """W [dim, K] and b [K] that minimise Σ_i −log softmax(W x_i + b)_{y_i} + ½‖W‖², by L-BFGS."""
    weights, biases = _minimum(jnp.asarray(examples), jnp.asarray(labels), classes)
    return np.asarray(weights), np.asarray(biases)


@functools.partial(jax.jit, static_argnums=2)
def _minimum(examples, labels, classes):
    def loss(params):
        weights, biases = params
        logits = examples @ weights + biases[None]
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()
        return (nats + jnp.square(weights).sum() / 2) / len(labels)

    tx, start = optax.lbfgs(), (jnp.zeros((examples.shape[1], classes)), jnp.zeros(classes))
    value_and_grad = optax.value_and_grad_from_state(loss)

    def step(carry, _):
        params, state = carry
        value, grads = value_and_grad(params, state=state)
        updates, state = tx.update(grads, state, params, value=value, grad=grads, value_fn=loss)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (start, tx.init(start)), None, length=STEPS)[0][0]
