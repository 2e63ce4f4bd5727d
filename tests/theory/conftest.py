"""The theory is tested in double precision, so that 1e-6 is a statement about the mathematics."""

import jax
import pytest


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield
