"""From a ConfigDict to checked values, and from them to the parts of a run. Nothing below this folder sees a config."""

from jaxgan.config.build import DataFacts, Experiment, build, build_evaluators, load_dataset
from jaxgan.config.checks import check, problems_of
from jaxgan.config.schema import complete, unread
from jaxgan.config.values import Problem

__all__ = [
    "DataFacts",
    "Experiment",
    "Problem",
    "build",
    "build_evaluators",
    "check",
    "complete",
    "load_dataset",
    "problems_of",
    "unread",
]
