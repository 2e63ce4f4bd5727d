"""Packs the output of avatars.mjs into the two files of the dataset: `python -m jaxgan.datasets.avatars.pack OUT`."""

import json
import pathlib
import sys

import numpy as np
from PIL import Image

from jaxgan.datasets.avatars import ATTRIBUTES, COLUMNS, PICTURES, SIDE

NAMES = {
    **{name: name for name in ("mouth", "hair", "glasses", "hat", "beard", "accessories", "clothing", "eyes")},
    **{f"{name}Color": f"{name}_color" for name in ("hair", "clothing", "mouth", "eyes", "hat")},
    "skinColor": "skin",
    "primaryBackgroundColor": "background",
}
"""The attributes that are kept: DiceBear's name, then ours."""


def pack(out: str, directory: pathlib.Path) -> None:
    """Writes avatars.webp and attributes.npz.

    Args:
      out: OUT of avatars.mjs, its output directory.
      directory: where to write.

    Raises:
      ValueError: the pixels of the pictures are not doubled.
    """
    pixels = np.fromfile(f"{out}.rgb", np.uint8).reshape(-1, 2 * SIDE, 2 * SIDE, 3)
    small = pixels[:, ::2, ::2]
    if not np.array_equal(small.repeat(2, 1).repeat(2, 2), pixels):
        raise ValueError("the pictures are not of doubled pixels")
    sheet = small.reshape(-1, COLUMNS, SIDE, SIDE, 3).swapaxes(1, 2).reshape(-1, COLUMNS * SIDE, 3)
    Image.fromarray(sheet).save(directory / PICTURES, lossless=True, quality=100, method=6)

    rows = [json.loads(line) for line in pathlib.Path(f"{out}.jsonl").read_text().splitlines()]
    arrays = {}
    for given, attribute in NAMES.items():
        values = [row.get(given, "none").removeprefix("variant") for row in rows]
        # "none" becomes the first class.
        classes = sorted(set(values), key=lambda value: (value != "none", value))
        arrays[attribute] = np.array([classes.index(value) for value in values], np.uint8)
        arrays[f"{attribute} classes"] = np.array(classes)
    np.savez_compressed(directory / ATTRIBUTES, allow_pickle=False, **arrays)


if __name__ == "__main__":
    pack(sys.argv[1], pathlib.Path(__file__).parent)
