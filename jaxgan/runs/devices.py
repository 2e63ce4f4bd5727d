"""Settings of JAX for this process: its CPU devices, and where it keeps what it compiles."""

import os
import platform
import sys
import zlib
from typing import Any


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


def cache_compiled_code() -> None:
    """Makes JAX cache what it compiles on disk, for later processes, unless its own settings name a place already."""
    import jax

    from jaxgan.datasets import cache

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # Code for one processor may not run on another, and a home directory may be that of many machines.
        processor = zlib.crc32("".join(sorted(set(_processor_flags()))).encode())
        place = os.path.join(cache.directory(), "compiled", f"{platform.machine()}-{processor:08x}")
        try:
            os.makedirs(place, exist_ok=True)
        except OSError:
            return  # only slower next time
        jax.config.update("jax_compilation_cache_dir", place)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor_flags() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.split(":")[1].split() for line in file if line.startswith(("flags", "Features"))), [])
    except OSError:
        return [platform.processor()]
