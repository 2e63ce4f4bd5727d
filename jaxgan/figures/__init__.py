"""Pictures of samples, of what a generator has learned, and of how its training went."""

from jaxgan.figures.curves import Curve, curves
from jaxgan.figures.images import image_grid, is_image, save_png
from jaxgan.figures.plots import Density, blank_figure, pixels, save_samples
from jaxgan.figures.sheets import class_sheet, interpolation_sheet, nearest_sheet
from jaxgan.figures.spread import SpreadRow, spread

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
