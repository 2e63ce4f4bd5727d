"""Grids of images, as arrays of bytes and as files."""

import io
import math
from pathlib import Path

import numpy as np

from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_write

GREY = 128


def image_grid(
    images: np.ndarray,
    *,
    columns: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 1,
    scale: int | None = 1,
) -> np.ndarray:
    """Images in rows, with lines of mid grey between them, which set off both black images and white ones.

    Args:
      images: [n, height, width, 1, 3 or 4] or [n, height, width]; values outside [low, high] are clipped, NaN is grey,
        and a fourth channel, alpha, is left out.
      columns: how many in a row; None for a nearly square picture.
      low: the value shown black.
      high: the value shown white.
      padding: width of the lines between images, in pixels of the result.
      scale: every pixel becomes scale x scale; None to bring the grid near 600 pixels (never below 1).

    Returns:
      uint8 [H, W, 3], or [H, W] for images of one channel. The places left over in the last row are grey.

    Raises:
      ValueError: the shape is not that of images, or there are none.
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
    pixels = _to_uint8(images, low, high).repeat(scale, 1).repeat(scale, 2)
    height, width = height * scale, width * scale
    shape = (rows * (height + padding) + padding, columns * (width + padding) + padding, channels)
    grid = np.full(shape, GREY, np.uint8)
    for index, image in enumerate(pixels):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid[..., 0] if channels == 1 else grid


def save_png(path: str | Path, array: np.ndarray) -> None:
    """Writes a PNG; a reader of `path` sees the old file or the new one, and never half of it.

    Args:
      path: the file; its directory is made if it is not there.
      array: uint8 [height, width] or [height, width, 3].

    Raises:
      UsageError: it cannot be written.
    """
    from PIL import Image

    path = Path(path)
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(content, format="PNG")
    try:
        atomic_write(path, content.getvalue())
    except OSError as error:
        remedy = "make room, or choose another directory"
        raise UsageError(f"cannot write {path}", error.strerror or str(error), remedy) from error


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an example of this shape is drawn as an image: [height, width], or that with 1, 3 or 4 channels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))


def _to_uint8(images: np.ndarray, low: float, high: float) -> np.ndarray:
    values = np.clip((images.astype(np.float64) - low) / (high - low), 0, 1) * 255
    return np.where(np.isnan(values), GREY, np.rint(values)).astype(np.uint8)
