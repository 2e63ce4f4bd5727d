"""Settings of JAX for this process: its devices, and where it keeps what it compiles."""

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
"""How what JAX has compressed by Zstandard begins, which it prefers to zlib."""

CHECKED = "checked.json"
"""{entry: [bytes, time of change]} of the entries of a cache of compiled code that were whole."""


def use_all_cores() -> None:
    """Makes a CPU one device per core, without threads, which do not speed up the small products of a sweep's members.

    XLA reads this when JAX starts, so it has no effect afterwards. Flags that the caller has set stay as they are.
    """
    if "jax" in sys.modules:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wanted: dict[str, Any] = {"--xla_cpu_multi_thread_eigen": "false"}
    if "JAX_NUM_CPU_DEVICES" not in os.environ:  # JAX takes one or the other
        wanted["--xla_force_host_platform_device_count"] = cores
    added = [f"{name}={value}" for name, value in wanted.items() if name not in flags]
    os.environ["XLA_FLAGS"] = " ".join(filter(None, [flags, *added]))


def check(wanted: str = "", location: str = "") -> None:
    """Selects the platform of JAX's devices.

    Args:
      wanted: "cpu", "gpu" or "tpu"; "" for JAX's own choice.
      location: the config as it was given, for the message.

    Raises:
      UsageError: JAX finds no device of that kind.
    """
    import jax

    if wanted:
        jax.config.update("jax_platforms", "cuda" if wanted == "gpu" else wanted)
    try:
        jax.local_device_count()
    except (RuntimeError, AssertionError) as error:  # the latter if JAX has no plugin for it at all
        raise missing(error, wanted, location) from error


def missing(error: Exception, wanted: str = "", location: str = "") -> UsageError:
    """The error of a platform without devices.

    Args:
      error: that JAX raised when it was asked for its devices.
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
    """Makes JAX cache what it compiles on disk, for later processes, unless its own settings name a place already.

    An entry is a program that JAX runs without asking, so the place must be ours alone, and so must the entries.
    """
    import jax

    from jaxgan.datasets import cache

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # Code for one processor may not run on another, and a home directory may be that of many machines.
        processor = zlib.crc32("".join(sorted(set(_processor_flags()))).encode())
        place = os.path.join(cache.directory(), "compiled", f"{platform.machine()}-{processor:08x}")
        place = os.path.realpath(place)
        usual = os.umask(0o077)
        try:
            os.makedirs(place, exist_ok=True)
            loose = os.stat(place).st_mode & 0o022  # as earlier versions may have made it
            if loose:
                os.chmod(place, 0o700)
            if not cache.private(place):
                why = f"others can write to {place}, or to a directory above it"
                print(f"jaxgan: warning: compiled code is not kept; {why}; chmod go-w it", file=sys.stderr, flush=True)
                return
            _clean(pathlib.Path(place), None if loose else 0o022 & usual)
        except OSError:
            return  # only slower next time
        finally:
            os.umask(usual)
        jax.config.update("jax_compilation_cache_dir", place)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _clean(place: pathlib.Path, foreign: int | None) -> None:
    """Removes the entries of a cache that are not ours alone, or torn: JAX writes them in place, and never mends one.

    An entry is read once, when it is new. JAX never changes one.

    Args:
      place: the cache, which is ours.
      foreign: bits of the mode that JAX's own entries do not have; None if none can be trusted.
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
    """Whether an entry of the cache can be unpacked."""
    content = path.read_bytes()
    unpack: Any = zlib
    if content.startswith(ZSTANDARD):
        try:
            unpack = importlib.import_module("compression.zstd")  # since Python 3.14
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
