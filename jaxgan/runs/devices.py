"""JAX settings for this process: its devices, and where it caches compiled code."""

import contextlib
import importlib
import json
import os
import pathlib
import platform
import stat
import sys
import zlib
from typing import Any

from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_write

ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""Magic number of data compressed by Zstandard, which JAX prefers to zlib."""

CHECKED = "checked.json"
"""{entry: [bytes, modification time]} of the entries in a compilation cache that were found to be whole."""


def use_all_cores() -> None:
    """Makes one single-threaded CPU device per core, since threads do not speed up a sweep's small products.

    XLA reads these flags when JAX starts; later calls have no effect. The caller's own flags are kept.
    """
    if "jax" in sys.modules:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wanted: dict[str, Any] = {"--xla_cpu_multi_thread_eigen": "false"}
    if "JAX_NUM_CPU_DEVICES" not in os.environ:  # JAX accepts only one of the two
        wanted["--xla_force_host_platform_device_count"] = cores
    added = [f"{name}={value}" for name, value in wanted.items() if name not in flags]
    os.environ["XLA_FLAGS"] = " ".join(filter(None, [flags, *added]))


def check(wanted: str = "", location: str = "") -> None:
    """Selects the platform of JAX's devices.

    Args:
      wanted: "cpu", "gpu" or "tpu"; "" for JAX's own choice.
      location: the config location as given, for the message.

    Raises:
      UsageError: JAX finds no device of that kind.
    """
    import jax

    if wanted:
        jax.config.update("jax_platforms", "cuda" if wanted == "gpu" else wanted)
    try:
        jax.local_device_count()
    except (RuntimeError, AssertionError) as error:  # AssertionError if JAX has no plugin for the platform at all
        raise missing(error, wanted, location) from error


def missing(error: Exception, wanted: str = "", location: str = "") -> UsageError:
    """The error for a platform without devices.

    Args:
      error: the exception that JAX raised when asked for its devices.
      wanted, location: as for `check`.
    """
    import jax

    reason = (str(error).splitlines() or ["no plugin for it is installed"])[0]
    what, instead = f"JAX_PLATFORMS={jax.config.values['jax_platforms'] or ''}", "or set JAX_PLATFORMS=cpu"
    if wanted:
        given = location.endswith(f":{wanted}")
        what = f"--config={location}" if given else f"--config.platform={wanted}"
        instead = f"or use {location.removesuffix(wanted)}cpu" if given else "or use cpu"
    return UsageError(what, f"JAX finds no such device ({reason})", f"install JAX for it (BUILD.md), {instead}")


def cache_compiled_code() -> None:
    """Makes JAX cache compiled code on disk for later processes, unless its own settings already name a cache.

    JAX runs a cached program without any check, so the cache and its entries must belong to us alone.
    """
    import jax

    from jaxgan.datasets import cache

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # Code for one processor may not run on another, and several machines may share a home directory.
        processor = zlib.crc32("".join(sorted(set(_processor_flags()))).encode())
        place = os.path.join(cache.directory(), "compiled", f"{platform.machine()}-{processor:08x}")
        place = os.path.realpath(place)
        usual = os.umask(0o077)
        try:
            os.makedirs(place, exist_ok=True)
            loose = os.stat(place).st_mode & 0o022  # earlier versions may have created it that way
            if loose:
                os.chmod(place, 0o700)
            if not cache.private(place):
                why = f"others can write to {place}, or to a directory above it"
                print(f"jaxgan: warning: compiled code is not kept; {why}; chmod go-w it", file=sys.stderr, flush=True)
                return
            _clean(pathlib.Path(place), None if loose else 0o022 & usual)
        except OSError:
            return  # the next run is only slower
        finally:
            os.umask(usual)
        jax.config.update("jax_compilation_cache_dir", place)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _clean(place: pathlib.Path, foreign: int | None) -> None:
    """Removes cache entries that are not ours alone, or torn: JAX writes them in place, and does not repair them.

    Each entry is checked once, when it is new, since JAX never changes entries.

    Args:
      place: the cache directory, which is ours.
      foreign: mode bits that JAX's own entries do not have; None if no entry can be trusted.
    """
    try:
        before = dict(json.loads((place / CHECKED).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        before = {}
    after = {}
    for path in place.iterdir():
        if path.name == CHECKED:
            continue
        found = path.lstat()
        ours = foreign is not None and stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
        ours = ours and not found.st_mode & (foreign or 0)
        known = [found.st_size, found.st_mtime_ns]
        if ours and (before[path.name] == known if path.name in before else _is_whole(path)):
            after[path.name] = known
        else:
            with contextlib.suppress(OSError):  # a directory
                path.unlink()
    if after != before:
        atomic_write(place / CHECKED, json.dumps(after).encode())


def _is_whole(path: pathlib.Path) -> bool:
    """Whether a cache entry can be decompressed."""
    content = path.read_bytes()
    unpack: Any = zlib
    if content.startswith(ZSTANDARD):
        try:
            unpack = importlib.import_module("compression.zstd")  # in Python 3.14 or later
        except ImportError:
            unpack = importlib.import_module("zstandard")
    try:
        unpack.decompress(content)
    except (zlib.error, getattr(unpack, "ZstdError", zlib.error)):
        return False
    return True


def _processor_flags() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.split(":")[1].split() for line in file if line.startswith(("flags", "Features"))), [])
    except OSError:
        return [platform.processor()]
