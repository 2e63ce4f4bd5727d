"""Every test runs on four CPU devices, and refuses implicit rank promotion: [n, 1] against [n] is an error here."""

import os
import pathlib

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
if not os.environ.get("JAXGAN_TEST_OPTIMIZE"):
    # Most programs here run once on little data: compiling them well takes longer than running them badly.
    os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is most of what the tests do. What one process has compiled, the others and the next run find here.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parent.parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled():
    """Compiled programs stay in memory, of which Linux allows a process some 65,000 parts: past that it dies."""
    yield
    jax.clear_caches()
