"""Curves as SVG: places worked by hand, bounded points, and anything that a run may have logged."""

import re

import numpy as np
import pytest

from jaxgan import figures
from jaxgan.figures import Curve
from jaxgan.figures.charts import POINTS, ticks


def polylines(svg):
    found = re.findall(r'<polyline class="([^"]+)" points="([^"]+)"', svg)
    return {name: [tuple(map(float, point.split(","))) for point in points.split()] for name, points in found}


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 10, 4, [0, 5, 10]),  # 2.5 apart at least: 5
        (0, 15_000, 3, [0, 5_000, 10_000, 15_000]),
        (-0.3, 0.3, 4, [-0.2, 0, 0.2]),  # 0.15 apart at least: 0.2
        (9.5, 10.5, 4, [9.5, 10, 10.5]),
    ],
)
def test_ticks_are_round(low, high, most, expected):
    np.testing.assert_allclose(ticks(low, high, most), expected, atol=1e-12)


def test_places_worked_by_hand():
    svg = figures.chart({"a": Curve([0, 50, 100], [0.0, 1.0, 0.5]), "b": Curve([100], [1.0])}, "a < b")
    # 298 pixels wide from 52 on, 168 high up to 176; 0 to 1 with 6 % more at both ends: 168 / 1.12 = 150 for 1, and
    # 0 is 9 above the axis.
    assert polylines(svg) == {"line c0": [(52, 167), (201, 17), (350, 92)], "line c1": [(350, 17)]}
    assert 'aria-label="a &lt; b"' in svg and svg.count('class="mark c0"') == 3 and svg.count('class="mark c1"') == 1
    assert ">0</text>" in svg and ">0.5</text>" in svg and ">100</text>" in svg


def test_errors_and_the_level_of_real_data_are_drawn():
    svg = figures.chart({"score": Curve([0, 10], [2.0, 1.0], [0.5, 0.0], reference=0.5)}, "")
    # From 0.5 to 2.5, with 0.12 more at both ends: 168 / 2.24 = 75 for 1.
    assert polylines(svg)["line c0"] == [(52, 54.5), (350, 129.5)]
    assert 'class="real c0" d="M52 167.0H350"' in svg
    assert 'class="line c0" d="M52.0 92.0V17.0M350.0 129.5V129.5"' in svg


def test_long_curves_keep_their_extremes():
    values = np.sin(np.arange(100_000) / 50)
    values[51_234], values[70_001] = 40.0, np.nan
    points = polylines(figures.chart({"a": Curve(np.arange(100_000), values)}, ""))["line c0"]
    assert len(points) <= POINTS
    # From -1 to 40 with 6 % of 41 more at both ends: the highest point is 6 / 112 of 168 below the top.
    x, y = min(points, key=lambda point: point[1])
    assert y == pytest.approx(8 + 168 * 6 / 112, abs=0.06) and x == pytest.approx(52 + 298 * 0.51234, abs=0.06)
    assert max(y for _, y in points) == pytest.approx(176 - 168 * 6 / 112, abs=0.06)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[], [np.nan], [1e308, -1e308], [0.0, 0.0], [1e-320, 0.0], [np.inf, 3.0], [-1e301]])
@pytest.mark.parametrize("first", [0, 2**62, -5])
def test_anything_is_drawn(values, first):
    curve = Curve(first + np.arange(len(values)), values, [np.inf] * len(values), reference=np.nan)
    svg = figures.chart({"a": curve}, figures.in_words({"a": curve}))
    assert svg.startswith("<svg") and svg.endswith("</svg>") and "nan" not in svg and "inf" not in svg


def test_more_curves_than_colours_have_dashes():
    svg = figures.chart({str(i): Curve([0, 1], [0, i]) for i in range(10)}, "")
    assert "line c7" in polylines(svg) and "line c0 again" in polylines(svg)
    assert figures.key(9) != figures.key(1) and 'class="line c1 again"' in figures.key(9)


def test_a_curve_in_words():
    lines = {
        "d_loss": Curve([100, 200, 15_000], [1.38629, 9.0, 1.25]),
        "one": Curve([5], [2]),
        "none": Curve([1], [np.nan]),
    }
    assert figures.in_words(lines) == "d_loss 1.386 at step 100, 1.25 at step 15,000; one 2 at step 5; none "
