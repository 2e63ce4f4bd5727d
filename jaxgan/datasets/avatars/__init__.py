"""Twenty thousand pixel-art avatars in colour, with attributes. They come with the package: no download, no extra.

Art: DiceBear 9.4.3, style Pixel Art, CC0 1.0 (LICENSE). avatars.mjs draws them, and pack.py packs them.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from jaxgan.datasets import splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError, UsageError
from jaxgan.io import archives

PICTURES, ATTRIBUTES = "avatars.webp", "attributes.npz"
"""A lossless sheet of pictures, `COLUMNS` per row; and for each attribute the classes' numbers and names."""

COUNT, COLUMNS, SIDE = 20_000, 100, 16
"""Number of pictures, pictures per row of the sheet, and pixels per side there (each is 2 × 2 pixels of an example)."""

COARSE = {"mouth": ("happy", "sad"), "hair": ("long", "short"), "glasses": ("none", "dark", "light")}
"""Labels that group the classes of an attribute by the beginning of their names. `mouth_shape` keeps all classes."""

LABELS = {
    **{name: len(kinds) for name, kinds in COARSE.items()},
    **{"hat": 11, "beard": 9, "accessories": 5, "background": 5, "skin": 8, "clothing": 23, "eyes": 12},
    **{"mouth_shape": 23, "hair_shape": 45, "glasses_shape": 15},
    **{"hair_color": 11, "clothing_color": 12, "mouth_color": 4, "eyes_color": 6, "hat_color": 7},
}
"""The labels, with the number of classes of each."""

HELD_OUT = 2_000


def load(*, label: str = "mouth", validation_examples: int = -1) -> Dataset:
    """16,000 / 2,000 / 2,000 distinct avatars, labelled by one or several attributes.

    Args:
      label: see `labels`; "" means "mouth".
      validation_examples: as for every `Loader`; −1 means 2,000.

    Returns:
      The dataset; uint8 images [n, 32, 32, 3], in which every pixel of the art is doubled.

    Raises:
      UsageError: there is no such label.
      DataError: the package's files are damaged.
    """
    from PIL import Image

    numbers, names = labels(label or "mouth")
    with _reading(), Image.open(_path(PICTURES), formats=("WEBP",)) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).reshape(-1, SIDE, COLUMNS, SIDE, 3).swapaxes(1, 2)
        images = pixels.reshape(COUNT, SIDE, SIDE, 3).repeat(2, axis=1).repeat(2, axis=2)
    train, test = splits.cut(Split(images, numbers), HELD_OUT)
    held_out = splits.held_out(len(train), HELD_OUT if validation_examples < 0 else validation_examples)
    train, validation = splits.cut(train, held_out)  # by position for every label, since the file is in random order
    dataset = Dataset("avatars", train, validation, test, train.example_shape, len(names))
    return dataclasses.replace(dataset, class_names=names)


def labels(label: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of each avatar, and the names of the classes.

    The classes of several attributes are all combinations of their classes, in order: "mouth,hair" gives "happy long",
    "happy short", "sad long" and "sad short". A hat may hide the hair. `hat_color` is the colour of the hat that an
    avatar would have.

    Args:
      label: one of `LABELS`, or several separated by commas.

    Returns:
      int32 [20000], and a name per class.

    Raises:
      UsageError: there is no such label.
      DataError: the package's file is damaged.
    """
    numbers, combined = np.zeros(COUNT, np.int64), [""]
    for name in (part.strip() for part in label.split(",")):
        if name not in LABELS:
            remedy = f"choose from {', '.join(LABELS)}, or several with commas"
            raise UsageError(f"dataset.label={label}", f"{name!r} is not an attribute of avatars", remedy)
        attribute = name.removesuffix("_shape")
        with _reading(), archives.opened(_path(ATTRIBUTES)) as archive:
            codes, classes = archive.read(attribute), archive.read(f"{attribute} classes").tolist()
        if kinds := COARSE.get(name):
            codes = np.array([[value.startswith(kind) for kind in kinds].index(True) for value in classes])[codes]
            classes = list(kinds)
        if len(combined) * len(classes) > COUNT:
            why = f"it has more than {COUNT:,} classes"
            raise UsageError(f"dataset.label={label}", why, "combine fewer attributes")
        numbers = numbers * len(classes) + codes
        combined = [f"{before} {value}".strip() for before in combined for value in classes]
    return numbers.astype(np.int32), tuple(combined)


def _path(name: str) -> str:
    return os.path.join(os.path.dirname(__file__), name)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Turns the exceptions that damaged files raise into a DataError."""
    try:
        yield
    except (OSError, ValueError, SyntaxError, archives.UnreadableError) as error:
        remedy = "install jaxgan again"
        raise DataError("cannot load the dataset avatars", f"its files are damaged: {error}", remedy) from error
