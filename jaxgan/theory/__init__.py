"""The theory of Goodfellow et al. 2014 as functions: information measures, the game, its solution for every loss, and
the dynamics of toy games.

Functions of distributions are pure and differentiable, and take probability vectors or densities on a grid.
"""

from jaxgan.theory.distributions import distribution, expectation
from jaxgan.theory.dynamics import (
    ToyGame,
    bilinear_game,
    dirac_gan,
    flow,
    flow_behaviour,
    jacobian,
    loss_gradients,
    make_toy_step,
    step_behaviour,
    step_jacobian,
    toy_state,
    trajectory,
)
from jaxgan.theory.game import (
    Estimate,
    MinimaxTerms,
    NonSaturatingTerms,
    criterion,
    estimate_value,
    js_lower_bound,
    minimax_terms,
    non_saturating_terms,
    optimal_discriminator,
    optimal_logits,
    value,
    value_of_logits,
)
from jaxgan.theory.information import (
    F_DIVERGENCES,
    FDivergence,
    cross_entropy,
    entropy,
    f_divergence,
    js_divergence,
    kl_divergence,
    self_information,
    total_variation,
)
from jaxgan.theory.nonparametric import Descent, descend
from jaxgan.theory.solutions import SOLUTIONS, Solution, expected_loss

__all__ = [
    "F_DIVERGENCES",
    "SOLUTIONS",
    "Descent",
    "Estimate",
    "FDivergence",
    "MinimaxTerms",
    "NonSaturatingTerms",
    "Solution",
    "ToyGame",
    "bilinear_game",
    "criterion",
    "cross_entropy",
    "descend",
    "dirac_gan",
    "distribution",
    "entropy",
    "estimate_value",
    "expectation",
    "expected_loss",
    "f_divergence",
    "flow",
    "flow_behaviour",
    "jacobian",
    "js_divergence",
    "js_lower_bound",
    "kl_divergence",
    "loss_gradients",
    "make_toy_step",
    "minimax_terms",
    "non_saturating_terms",
    "optimal_discriminator",
    "optimal_logits",
    "self_information",
    "step_behaviour",
    "step_jacobian",
    "total_variation",
    "toy_state",
    "trajectory",
    "value",
    "value_of_logits",
]
