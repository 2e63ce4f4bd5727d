"""How well a discriminator classifies, beside what the labelled examples are good for without it."""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.evaluation.base import compare
from jaxgan.optimizers import Averaged
from jaxgan.tasks.base import Scores, Trained

STEPS = 300
"""Of L-BFGS, which a few hundred parameters for each class have long converged in."""

MEANING = (
    "test_errors: of argmax_k of D's class logits over all test examples, ± √(n p (1 − p)), this test set's own error; "
    "seeds and labelled examples vary more. probe: logistic regression on D's features of the {labelled:,} labelled "
    "examples; pixels: on these examples themselves."
)
NO_FEATURES = "Left out: the probe, for which discriminator.features must be True."
NO_AVERAGE = "Left out: D's moving average, which semi_supervised.average_decay keeps."
NO_LABELS = "The test examples have no labels, or are too many to be read: nothing was measured."


def measure(trained: Trained) -> Scores:
    """Test errors of the class logits and of linear classifiers of the labelled examples.

    Args:
      trained: the discriminator, the labelled examples and the data.

    Returns:
      "test_errors" by method.
    """
    labels, given, judge = trained.test_labels, trained.labelled, trained.judge
    if labels is None:
        return Scores((), (NO_LABELS,))
    assert trained.discriminator is not None and given is not None and judge is not None
    players = {"this run": trained.discriminator.variables}
    notes = [MEANING.format(labelled=len(given.labels))]
    if isinstance(trained.discriminator.opt_state, Averaged):
        average = {"params": trained.discriminator.opt_state.average, **trained.discriminator.model_state}
        players["its average"] = average
    else:
        notes.append(NO_AVERAGE)
    found, probes = {}, {}
    for name, variables in players.items():
        judged, known = judge(variables, trained.test), judge(variables, np.asarray(given.examples))
        assert judged.class_logits is not None
        found[name] = judged.class_logits.argmax(1)
        classes = judged.class_logits.shape[1]
        if known.features is not None and judged.features is not None:
            said = "probe" if name == "this run" else "the average's probe"
            probes[said] = linear_classes(known.features, given.labels, judged.features, classes)
    notes += [] if probes else [NO_FEATURES]
    found |= probes
    found["pixels"] = linear_classes(given.examples, given.labels, trained.test, classes)
    values = {name: errors(predicted, labels) for name, predicted in found.items()}
    return Scores((compare("test_errors", values, "lower", len(labels)),), tuple(notes))


def errors(predicted: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """How many of n predictions are wrong, and the standard error √(n p (1 − p)), p = wrong/n, of that number."""
    wrong, count = int((predicted != labels).sum()), len(labels)
    return float(wrong), math.sqrt(wrong * (count - wrong) / count)


def linear_classes(examples: chex.Array, labels: chex.Array, tested: chex.Array, classes: int) -> np.ndarray:
    """The classes of some examples by a logistic regression on others.

    Values are centred and scaled before, by the mean of each and the deviation of all over the labelled examples.

    Args:
      examples: [n, ...].
      labels: [n], whole numbers in 0, …, classes − 1.
      tested: [m, ...].
      classes: K.

    Returns:
      [m].
    """
    examples, tested = (np.asarray(part, np.float32).reshape(len(part), -1) for part in (examples, tested))
    mean = examples.mean(0, keepdims=True)
    scale = max(float((examples - mean).std()), 1e-12)
    weights, biases = logistic_regression((examples - mean) / scale, np.asarray(labels), classes)
    return np.asarray(((tested - mean) / scale @ weights + biases[None]).argmax(1))


def logistic_regression(examples: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The minimum of Σ_i −log softmax(W x_i + b)_{y_i} + ½‖W‖², by L-BFGS.

    Args:
      examples: x [n, dim].
      labels: y [n].
      classes: K.

    Returns:
      W [dim, K] and b [K].
    """

    def loss(params, examples, labels):
        weights, biases = params
        logits = examples @ weights + biases[None]
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()
        return (nats + jnp.square(weights).sum() / 2) / len(labels)

    def search(examples, labels):
        of = lambda params: loss(params, examples, labels)  # noqa: E731
        tx, start = optax.lbfgs(), (jnp.zeros((examples.shape[1], classes)), jnp.zeros(classes))
        value_and_grad = optax.value_and_grad_from_state(of)

        def step(carry, _):
            params, state = carry
            value, grads = value_and_grad(params, state=state)
            updates, state = tx.update(grads, state, params, value=value, grad=grads, value_fn=of)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (start, tx.init(start)), None, length=STEPS)[0][0]

    weights, biases = jax.jit(search)(jnp.asarray(examples), jnp.asarray(labels))
    return np.asarray(weights), np.asarray(biases)
