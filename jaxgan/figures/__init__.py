"""Pictures of samples, of what a generator has learned, and of the course of training."""

from jaxgan.figures.charts import chart as chart
from jaxgan.figures.charts import in_words as in_words
from jaxgan.figures.charts import key as key
from jaxgan.figures.images import ANIMATIONS as ANIMATIONS
from jaxgan.figures.images import as_bytes as as_bytes
from jaxgan.figures.images import class_sheet as class_sheet
from jaxgan.figures.images import image_grid as image_grid
from jaxgan.figures.images import interpolation_sheet as interpolation_sheet
from jaxgan.figures.images import is_image as is_image
from jaxgan.figures.images import nearest_sheet as nearest_sheet
from jaxgan.figures.images import save_animation as save_animation
from jaxgan.figures.images import save_png as save_png
from jaxgan.figures.plots import Curve as Curve
from jaxgan.figures.plots import Density as Density
from jaxgan.figures.plots import SpreadRow as SpreadRow
from jaxgan.figures.plots import blank_figure as blank_figure
from jaxgan.figures.plots import curves as curves
from jaxgan.figures.plots import pixels as pixels
from jaxgan.figures.plots import save_samples as save_samples
from jaxgan.figures.plots import spread as spread
