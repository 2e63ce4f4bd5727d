"""Sheets of images that say what a generator has learned: beside the nearest training images, and by class."""

import numpy as np

from jaxgan.figures.images import GREY, image_grid

GAP = 6
"""Width of the line that sets training images apart, in pixels of the unscaled grid."""


def nearest_sheet(samples: np.ndarray, nearest: np.ndarray, *, columns: int = 6, scale: int = 3) -> np.ndarray:
    """The paper's figure 2: samples, and in the rightmost column the training image nearest to the sample beside it.

    Args:
      samples: [rows·columns, height, width] or [..., channels], in [0, 1]; filled in by rows.
      nearest: [rows, ...], the training image nearest to the last sample of each row, likewise.
      columns: of samples.
      scale: every pixel becomes scale x scale.

    Returns:
      uint8 [H, W] or [H, W, 3].

    Raises:
      ValueError: the numbers do not fit.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), figure 2.
    """
    if len(samples) != columns * len(nearest):
        raise ValueError(f"{len(nearest)} rows of {columns} samples are {columns * len(nearest)}, got {len(samples)}")
    left, right = image_grid(samples, columns=columns, scale=scale), image_grid(nearest, columns=1, scale=scale)
    gap = np.full((left.shape[0], GAP, *left.shape[2:]), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def interpolation_sheet(linear: np.ndarray, spherical: np.ndarray, *, scale: int = 3) -> np.ndarray:
    """The paper's figure 3: each row goes from one latent to another; above along lines, below along arcs.

    Args:
      linear: [rows, count, height, width] or [..., channels], in [0, 1].
      spherical: [rows, count, ...], between the same latents.
      scale: every pixel becomes scale x scale.

    Returns:
      uint8 [H, W] or [H, W, 3].

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), figure 3.
    """
    count = linear.shape[1]
    top, bottom = (
        image_grid(part.reshape(-1, *part.shape[2:]), columns=count, scale=scale) for part in (linear, spherical)
    )
    return np.concatenate([top, np.full((GAP, *top.shape[1:]), 255, np.uint8), bottom], axis=0)


def class_sheet(
    images: np.ndarray, labels: np.ndarray, num_classes: int, *, columns: int = 12, scale: int = 3
) -> np.ndarray:
    """A row of images for each class, the first `columns` of them; places without an image are grey.

    Args:
      images: [n, height, width] or [..., channels], in [0, 1].
      labels: [n] int, 0 to num_classes − 1: the condition, or what a classifier sees.
      num_classes: rows.
      columns: images in a row, at most.
      scale: every pixel becomes scale x scale.

    Returns:
      uint8 [H, W] or [H, W, 3].
    """
    sheet = np.full((num_classes, columns, *images.shape[1:]), GREY / 255, np.float32)
    for row in range(num_classes):
        chosen = images[labels == row][:columns]
        sheet[row, : len(chosen)] = chosen
    return image_grid(sheet.reshape(-1, *images.shape[1:]), columns=columns, scale=scale)
