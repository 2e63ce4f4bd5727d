"""`jaxgan doctor`: the facts about this machine that a bug report needs, in aligned lines."""

import importlib.metadata
import os
import pathlib
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jaxgan
from jaxgan import config_files, extras
from jaxgan.datasets import cache
from jaxgan.errors import in_one_line
from jaxgan.runs import devices

CORE = ("jax", "jaxlib", "optax", "chex", "numpy")
"""Distributions that jaxgan requires."""

VARIABLES = (
    "JAX_PLATFORMS",
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_NUM_CPU_DEVICES",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "JAXGAN_CACHE_DIR",
    "XDG_CACHE_HOME",
    "TFDS_DATA_DIR",
    "PYTHONPATH",
    "OMP_NUM_THREADS",
)
"""Environment variables that affect what jaxgan does or finds."""

DEVICE_SECONDS = 10.0
"""Time limit for JAX's search for devices, which takes minutes on a machine that should have a TPU but has none."""

SIZE_SECONDS = 1.0
"""Time limit for computing the size of one directory."""


def main() -> int:
    """Prints the lines, and returns the exit code 0."""
    lines: list[tuple[str, Any]] = [
        ("jaxgan", lambda: f"{jaxgan.__version__} in {pathlib.Path(jaxgan.__file__).parent}"),
        ("configs", lambda: str(config_files.folder())),
        ("python", lambda: f"{platform.python_version()} ({sys.executable})"),
        ("system", lambda: f"{platform.platform()}, {_cores()} CPU cores"),
        ("memory", _memory),
        ("disk", lambda: f"{_size(shutil.disk_usage(os.getcwd()).free)} free in {os.getcwd()}"),
        ("devices", _devices),
        ("data cache", lambda: _directory(cache.directory())),
        ("compiled code", lambda: _directory(_compiled())),
    ]
    lines += [(name, lambda name=name: _version(name)) for name in CORE]
    lines += [(name, lambda name=name, extra=extra: _optional(name, extra)) for extra, name in _optionals()]
    lines += [(name, lambda name=name: os.environ[name]) for name in VARIABLES if name in os.environ]
    width = max(len(name) for name, _ in lines)
    for name, function in lines:
        for number, line in enumerate(_answers(function)):
            print(f"{'' if number else name:{width}}  {in_one_line(line)}", flush=True)
    return 0


def _answers(function: Callable[[], Any]) -> list[str]:
    """The lines that a function returns; if it fails, a line with the reason."""
    try:
        found = function()
        return [found] if isinstance(found, str) else list(found)
    except Exception as error:
        return [f"not known ({type(error).__name__}: {error})"]


def _devices() -> Iterator[str]:
    """The devices that JAX finds, one line per kind; waits at most `DEVICE_SECONDS`."""
    found: list[Any] = []

    def ask() -> None:
        import jax

        try:
            found.extend(jax.devices())
        except Exception as error:  # the exception depends on the platform
            found.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(DEVICE_SECONDS)
    if not found:
        yield f"none found in {DEVICE_SECONDS:g} s; set JAX_PLATFORMS=cpu to go without"
    for kind in dict.fromkeys(getattr(device, "device_kind", device) for device in found):
        if isinstance(kind, Exception):
            yield f"none: {devices.missing(kind)}"
        else:
            yield f"{sum(getattr(device, 'device_kind', None) == kind for device in found)} x {kind}"


def _memory() -> str:
    from jaxgan.datasets import feed

    return f"{_size(feed.host_memory())}, which this process may use"


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing: pip install jaxgan"


def _optionals() -> Iterator[tuple[str, str]]:
    for extra, modules in extras.EXTRAS.items():
        yield from ((extra, distribution) for distribution in modules.values())


def _optional(distribution: str, extra: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return f"missing: {extras.install(extra)}"


def _compiled() -> str:
    return os.environ.get("JAX_COMPILATION_CACHE_DIR") or os.path.join(cache.directory(), "compiled")


def _directory(path: str) -> str:
    """A directory and the total size of its content."""
    if not os.path.isdir(path):
        return f"{path}, which does not exist yet"
    size, count, until = 0, 0, time.monotonic() + SIZE_SECONDS
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # removed in the meantime
                continue
            count += 1
        if time.monotonic() > until:
            return f"{path}, more than {_size(size)} in {count:,} files"
    return f"{path}, {_size(size)} in {count:,} files"


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:,.1f} GiB"
