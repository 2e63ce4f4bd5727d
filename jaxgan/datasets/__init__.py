"""The datasets by name. To add one, write a `Loader` and add a line to the table below."""

from jaxgan.datasets import avatars, digits, idx, images, mixtures, npz, stacked, tfds
from jaxgan.datasets.base import RANGES as RANGES
from jaxgan.datasets.base import Dataset as Dataset
from jaxgan.datasets.base import Loader as Loader
from jaxgan.datasets.base import Mixture as Mixture
from jaxgan.datasets.base import Source as Source
from jaxgan.datasets.base import Split as Split
from jaxgan.datasets.base import ValueRange as ValueRange
from jaxgan.tables import Table

DATASETS: dict[str, Loader] = Table("dataset") | {
    "ring": mixtures.ring,
    "grid": mixtures.grid,
    "gaussian": mixtures.gaussian,
    "digits": digits.load,
    "idx": idx.load,
    "tfds": tfds.load,
    "npz": npz.load,
    "stacked": stacked.load,
    "images": images.load,
    "avatars": avatars.load,
}
