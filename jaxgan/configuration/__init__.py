"""From a ConfigDict to checked values, and from them to the parts of a run. Nothing below this folder sees a config."""

from jaxgan.configuration.building import build, dataset_options
from jaxgan.configuration.checks import check, problems_of
from jaxgan.configuration.experiment import DataFacts, Experiment
from jaxgan.configuration.older import LATER, complete
from jaxgan.configuration.rules import RANGES, RULES
from jaxgan.configuration.unread import unread

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
