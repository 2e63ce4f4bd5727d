"""Turns a ConfigDict into checked values, then into the parts of a run. No code below this folder sees a config."""

from jaxgan.config.build import DataFacts as DataFacts
from jaxgan.config.build import Experiment as Experiment
from jaxgan.config.build import build as build
from jaxgan.config.build import build_evaluators as build_evaluators
from jaxgan.config.build import load_dataset as load_dataset
from jaxgan.config.build import minibatches_per_step as minibatches_per_step
from jaxgan.config.checks import check as check
from jaxgan.config.checks import problems_of as problems_of
from jaxgan.config.checks import unread as unread
from jaxgan.config.schema import complete as complete
from jaxgan.config.values import Problem as Problem
