"""Pictures of samples, of what a generator has learned, and of how its training went."""

from jaxgan.figures.images import class_sheet, image_grid, interpolation_sheet, is_image, nearest_sheet, save_png
from jaxgan.figures.plots import Curve, Density, SpreadRow, blank_figure, curves, pixels, save_samples, spread

__all__ = [
    "Curve",
    "Density",
    "SpreadRow",
    "blank_figure",
    "class_sheet",
    "curves",
    "image_grid",
    "interpolation_sheet",
    "is_image",
    "nearest_sheet",
    "pixels",
    "save_png",
    "save_samples",
    "spread",
]
