"""Every test runs on four CPU devices, and refuses implicit rank promotion: [n, 1] against [n] is an error here."""

import gc
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
if not os.environ.get("JAXGAN_TEST_OPTIMIZE"):
    # Most programs here run once on little data, so compiling them well takes longer than running them badly.
    # JAXGAN_TEST_OPTIMIZE=1 tests what users run.
    os.environ["XLA_FLAGS"] += " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    if importlib.metadata.version("jaxlib").startswith("0.10."):
        os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"  # 0.7 times the CPU time of a cold run
    else:
        os.environ["XLA_FLAGS"] += " --xla_cpu_opt_preset=FAST_COMPILE"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What one process has compiled, the others and the next run find in this cache.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parent.parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import jax
import pytest

from jaxgan import extras

jax.config.update("jax_numpy_rank_promotion", "raise")
# Tracing makes many small objects. Collecting them after each file (see below) takes 0.9 times the CPU time.
gc.set_threshold(100_000, 20, 50)


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled():
    """Frees a file's compiled programs: Linux allows a process some 65,000 memory maps, and ends it beyond that."""
    yield
    jax.clear_caches()  # collects garbage too


# With jaxgan's core alone (`make test-core`), what needs more is skipped, and says what to install.
if importlib.util.find_spec("flax") is None:

    def _lacks(error):
        """What to install, if a package is missing; None for other errors."""
        error = error.__cause__ if isinstance(error, pytest.Collector.CollectError) else error
        if not isinstance(error, ModuleNotFoundError) or (error.name or "").startswith(("jaxgan", "tests")):
            return None
        package = (error.name or "").partition(".")[0]
        return f"{package} is not installed: {extras.install(extras.of(package) or 'test')}"

    def _skipped(report, item, error):
        if (why := _lacks(error)) is not None:
            report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {why}")
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(collector):
        report = yield
        return _skipped(report, collector, report.call.excinfo.value) if report.outcome == "failed" else report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        return report if call.excinfo is None else _skipped(report, item, call.excinfo.value)


BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
BROWSER += ["--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, of Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        pytest.skip("playwright is not installed: pip install playwright")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=BROWSER)
