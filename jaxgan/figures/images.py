"""Grids and sheets of images, as byte arrays and as files.

Images are [n, height, width] or [n, height, width, 1, 3 or 4]. Pictures are uint8 [H, W] or [H, W, 3].
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.io.atomic import atomic_write, reported

GREY = 128

GAP = 6
"""Width of the line that separates the training images, in pixels of the unscaled grid."""


def image_grid(
    images: np.ndarray,
    *,
    columns: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 1,
    scale: int | None = 1,
) -> np.ndarray:
    """Arranges images in rows, separated by grey lines.

    Args:
      images: values outside [low, high] are clipped, NaN becomes grey, and a fourth channel (alpha) is dropped.
      columns: images per row; None for a nearly square picture.
      low: the value shown as black.
      high: the value shown as white.
      padding: width of the lines between images, in pixels of the result.
      scale: each pixel becomes scale × scale pixels; None for a grid of about 600 pixels.

    Returns:
      The picture; [H, W] for images with one channel. Empty cells of the last row are grey.

    Raises:
      ValueError: the array does not have the shape of images, or is empty.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    images = images[..., :3] if images.shape[-1] == 4 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"images are [n, height, width, 1, 3 or 4] or [n, height, width], not {list(images.shape)}")
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n * height / width))
    rows = -(-n // columns)
    scale = scale or max(1, round(600 / max(columns * width, rows * height)))
    pixels = as_bytes(images, low, high).repeat(scale, 1).repeat(scale, 2)
    height, width = height * scale, width * scale
    shape = (rows * (height + padding) + padding, columns * (width + padding) + padding, channels)
    grid = np.full(shape, GREY, np.uint8)
    for index, image in enumerate(pixels):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid[..., 0] if channels == 1 else grid


def as_bytes(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as bytes: low becomes 0, high 255, and NaN grey; values outside the range are clipped."""
    values = np.clip((images.astype(np.float64) - low) / (high - low), 0, 1) * 255
    return np.where(np.isnan(values), GREY, np.rint(values)).astype(np.uint8)


def save_png(path: str | Path, array: np.ndarray) -> None:
    """Writes a picture as PNG, atomically; creates the directory if necessary. WriteError on failure."""
    from PIL import Image

    path = Path(path)
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(content, format="PNG")
    with reported(path):
        atomic_write(path, content.getvalue())


ANIMATIONS = ("webp", "gif")
"""The file name endings that `save_animation` supports."""


def save_animation(path: str | Path, frames: Sequence[np.ndarray], milliseconds: int) -> None:
    """Writes pictures of one size as an endless animation, atomically; WriteError on failure.

    Args:
      path: a file name that ends in one of `ANIMATIONS`. WebP is lossless, and so is GIF for grey pictures; otherwise a
        GIF uses the 256 colours that suit each picture best.
      frames: uint8 [H, W] or [H, W, 3].
      milliseconds: duration of each frame; GIF stores multiples of ten.
    """
    from PIL import Image

    path = Path(path)
    first, *others = map(Image.fromarray, frames)
    options: dict[str, Any] = {"lossless": True, "quality": 0, "method": 0} if path.suffix == ".webp" else {}
    content = io.BytesIO()
    first.save(
        content,
        format=path.suffix.removeprefix("."),
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
        **options,
    )
    with reported(path):
        atomic_write(path, content.getvalue())


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape are drawn as images: [height, width], or with 1, 3 or 4 channels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))


def nearest_sheet(samples: np.ndarray, nearest: np.ndarray, *, columns: int = 6, scale: int = 3) -> np.ndarray:
    """The paper's figure 2: samples; the rightmost column shows the training image nearest to the sample beside it.

    Args:
      samples: [rows·columns, ...] images in [0, 1], row by row.
      nearest: [rows, ...], the training image nearest to the last sample of each row.
      columns: number of sample columns.
      scale: as for `image_grid`.

    Raises:
      ValueError: the numbers of images do not match.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), figure 2.
    """
    if len(samples) != columns * len(nearest):
        raise ValueError(f"{len(nearest)} rows of {columns} samples are {columns * len(nearest)}, got {len(samples)}")
    left, right = image_grid(samples, columns=columns, scale=scale), image_grid(nearest, columns=1, scale=scale)
    gap = np.full((left.shape[0], GAP, *left.shape[2:]), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def interpolation_sheet(linear: np.ndarray, spherical: np.ndarray, *, scale: int = 3) -> np.ndarray:
    """The paper's figure 3: each row is a path between two latents: straight lines at the top, arcs at the bottom.

    Args:
      linear: [rows, count, ...] images in [0, 1].
      spherical: [rows, count, ...], between the same latents.
      scale: as for `image_grid`.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), figure 3.
    """
    count = linear.shape[1]
    parts = (part.reshape(-1, *part.shape[2:]) for part in (linear, spherical))
    top, bottom = (image_grid(part, columns=count, scale=scale) for part in parts)
    return np.concatenate([top, np.full((GAP, *top.shape[1:]), 255, np.uint8), bottom], axis=0)


def class_sheet(
    images: np.ndarray, labels: np.ndarray, num_classes: int, *, columns: int = 12, scale: int = 3
) -> np.ndarray:
    """One row per class with its first `columns` images. Empty cells are grey.

    Args:
      images: values in [0, 1].
      labels: [n] int, 0 to num_classes − 1: the condition, or a classifier's prediction.
      num_classes: number of rows.
      columns, scale: as for `image_grid`.
    """
    sheet = np.full((num_classes, columns, *images.shape[1:]), GREY / 255, np.float32)
    for row in range(num_classes):
        chosen = images[labels == row][:columns]
        sheet[row, : len(chosen)] = chosen
    return image_grid(sheet.reshape(-1, *images.shape[1:]), columns=columns, scale=scale)
