"""The theory of Goodfellow et al. 2014 as functions: information measures, the game, its solution for every loss, and
the dynamics of toy games.

Functions of distributions are pure and differentiable, and take probability vectors or densities on a grid.
"""

from jaxgan.theory.distributions import distribution as distribution
from jaxgan.theory.distributions import expectation as expectation
from jaxgan.theory.dynamics import ToyGame as ToyGame
from jaxgan.theory.dynamics import bilinear_game as bilinear_game
from jaxgan.theory.dynamics import dirac_gan as dirac_gan
from jaxgan.theory.dynamics import flow as flow
from jaxgan.theory.dynamics import flow_behaviour as flow_behaviour
from jaxgan.theory.dynamics import jacobian as jacobian
from jaxgan.theory.dynamics import loss_gradients as loss_gradients
from jaxgan.theory.dynamics import make_toy_step as make_toy_step
from jaxgan.theory.dynamics import step_behaviour as step_behaviour
from jaxgan.theory.dynamics import step_jacobian as step_jacobian
from jaxgan.theory.dynamics import toy_state as toy_state
from jaxgan.theory.dynamics import trajectory as trajectory
from jaxgan.theory.game import Estimate as Estimate
from jaxgan.theory.game import MinimaxTerms as MinimaxTerms
from jaxgan.theory.game import NonSaturatingTerms as NonSaturatingTerms
from jaxgan.theory.game import criterion as criterion
from jaxgan.theory.game import estimate_value as estimate_value
from jaxgan.theory.game import js_lower_bound as js_lower_bound
from jaxgan.theory.game import minimax_terms as minimax_terms
from jaxgan.theory.game import non_saturating_terms as non_saturating_terms
from jaxgan.theory.game import optimal_discriminator as optimal_discriminator
from jaxgan.theory.game import optimal_logits as optimal_logits
from jaxgan.theory.game import value as value
from jaxgan.theory.game import value_of_logits as value_of_logits
from jaxgan.theory.information import F_DIVERGENCES as F_DIVERGENCES
from jaxgan.theory.information import FDivergence as FDivergence
from jaxgan.theory.information import cross_entropy as cross_entropy
from jaxgan.theory.information import entropy as entropy
from jaxgan.theory.information import f_divergence as f_divergence
from jaxgan.theory.information import js_divergence as js_divergence
from jaxgan.theory.information import kl_divergence as kl_divergence
from jaxgan.theory.information import self_information as self_information
from jaxgan.theory.information import total_variation as total_variation
from jaxgan.theory.nonparametric import Descent as Descent
from jaxgan.theory.nonparametric import descend as descend
from jaxgan.theory.solutions import SOLUTIONS as SOLUTIONS
from jaxgan.theory.solutions import Solution as Solution
from jaxgan.theory.solutions import expected_loss as expected_loss
