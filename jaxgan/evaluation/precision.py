"""Double precision for metrics that are small differences of large numbers."""

import contextlib
from collections.abc import Iterator

import jax


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Within it, JAX computes in float64, whatever the rest of the process does.

    A TPU has no float64 linear algebra, so there the computation goes to the host's CPU.
    """
    device = jax.devices("cpu")[0] if jax.default_backend() == "tpu" else None
    with jax.enable_x64(True), jax.default_device(device):
        yield
