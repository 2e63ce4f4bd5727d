"""The theory of Goodfellow et al. 2014 as functions: information measures.

Every function is pure and differentiable, and works on probability vectors or on densities on a grid.
"""

from jaxgan.theory.distributions import distribution
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

__all__ = [
    "F_DIVERGENCES",
    "FDivergence",
    "cross_entropy",
    "distribution",
    "entropy",
    "f_divergence",
    "js_divergence",
    "kl_divergence",
    "self_information",
    "total_variation",
]
