"""From a ConfigDict to checked values, and from them to the parts of a run. Nothing below this folder sees a config."""

from jaxgan.config.build import build, dataset_options
from jaxgan.config.checks import check, problems_of
from jaxgan.config.experiment import DataFacts, Experiment
from jaxgan.config.older import LATER, complete
from jaxgan.config.rules import RANGES, RULES
from jaxgan.config.unread import unread

__all__ = [
    "LATER",
    "RANGES",
    "RULES",
    "DataFacts",
    "Experiment",
    "build",
    "check",
    "complete",
    "dataset_options",
    "problems_of",
    "unread",
]
