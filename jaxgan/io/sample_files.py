"""Writes samples to files that readers see whole or not at all, part by part, so that not all are in memory."""

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.io.atomic import atomic_folder, atomic_path


class Parts(NamedTuple):
    """An array given in consecutive parts.

    Attributes:
      name: name in the file.
      shape: total shape, which the parts must fill.
      dtype: dtype of the parts.
      parts: arrays [n, ...].
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype | type
    parts: Iterable[np.ndarray]


def write_arrays(path: Path, arrays: Iterable[Parts]) -> None:
    """Writes an .npz file, byte for byte like `numpy.savez_compressed` for whole arrays.

    Args:
      path: the file.
      arrays: written in order; all parts of an array are consumed before those of the next.

    Raises:
      OSError: it cannot be written. An existing file is kept.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, shape, dtype, parts in arrays:
                header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False}
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, {**header, "shape": tuple(shape)})
                    for part in parts:
                        member.write(np.ascontiguousarray(part, dtype).tobytes())
        file.flush()
        os.fsync(file.fileno())


def write_images(folder: Path, images: Iterable[tuple[str, np.ndarray]], lines: Iterable[str] = ()) -> None:
    """Writes a folder of PNG files.

    Args:
      folder: an existing folder is replaced.
      images: file names without their ending, and uint8 [height, width, 1, 3 or 4] or [height, width].
      lines: lines of `metadata.jsonl`, which is written after the images; no lines, no file.

    Raises:
      OSError: it cannot be written. An existing folder is kept.
    """
    from PIL import Image

    with atomic_folder(folder) as temporary:
        made = set[Path]()
        for name, image in images:
            path = temporary / f"{name}.png"
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image).save(path)
        if text := "".join(f"{line}\n" for line in lines):
            (temporary / "metadata.jsonl").write_text(text)
