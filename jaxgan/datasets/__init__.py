"""Datasets by name. A new one is a function from `DatasetOptions` to `Dataset`, and a line in the table below."""

from jaxgan.datasets import digits, idx, mixtures, npz, tfds
from jaxgan.datasets.base import Dataset, DatasetOptions, Loader, Mixture, Source, Split

DATASETS: dict[str, Loader] = {
    "ring": mixtures.ring,
    "grid": mixtures.grid,
    "gaussian": mixtures.gaussian,
    "digits": digits.load,
    "idx": idx.load,
    "tfds": tfds.load,
    "npz": npz.load,
}

__all__ = ["DATASETS", "Dataset", "DatasetOptions", "Loader", "Mixture", "Source", "Split"]
