"""Which cases of a test the fast suite runs."""

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(fast: Iterable[Any], every: Iterable[Any]) -> list:
    """All cases of a test, for `parametrize`: the named ones in the fast suite, the others marked `slow`."""
    fast = list(fast)
    return [case if case in fast else pytest.param(case, marks=pytest.mark.slow) for case in every]
