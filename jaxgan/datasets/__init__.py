"""Datasets by name. A new one is a `Loader` and a line in the table below."""

from jaxgan.datasets import digits, idx, mixtures, npz, tfds
from jaxgan.datasets.base import RANGES, Dataset, Loader, Mixture, Source, Split, ValueRange

DATASETS: dict[str, Loader] = {
    "ring": mixtures.ring,
    "grid": mixtures.grid,
    "gaussian": mixtures.gaussian,
    "digits": digits.load,
    "idx": idx.load,
    "tfds": tfds.load,
    "npz": npz.load,
}

__all__ = ["DATASETS", "RANGES", "Dataset", "Loader", "Mixture", "Source", "Split", "ValueRange"]
