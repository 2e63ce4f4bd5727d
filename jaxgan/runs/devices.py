"""The devices of this process: which platform and how many of them, and where JAX keeps what it compiles for them."""

import math
import os
import platform
import sys
import zlib
from collections.abc import Mapping
from typing import Any

from jaxgan.errors import UsageError


def select_platform(name: str) -> None:
    """Makes JAX use a platform: "cpu", "gpu" or "tpu"; "" leaves JAX's choice."""
    import jax

    if name:
        jax.config.update("jax_platforms", "cuda" if name == "gpu" else name)


def check_devices(config: Mapping[str, Any]) -> None:
    """Checks, before any data is read, that the platform has devices and that the batch divides by their number.

    Raises:
      UsageError: the platform has no devices, or the mapping does not suit them.
    """
    import jax

    try:
        jax.local_device_count()
    except (RuntimeError, AssertionError) as error:  # the latter if JAX has no plugin for it at all
        reason = (str(error).splitlines() or ["no plugin for it is installed"])[0]
        raise UsageError(
            f"--config=...:{config['platform']}",
            f"JAX finds no such device ({reason})",
            "install JAX for it (BUILD.md), or use :cpu",
        ) from error
    several = jax.process_count() > 1
    if config["mapping"] == "jit" and several:
        raise UsageError(
            "a problem in the config",
            f"mapping=jit is for one device, and there are {jax.process_count()} processes",
            "choose auto or shard_map",
        )
    count = 1 if config["mapping"] == "jit" else jax.device_count()
    factors = {name: config[name] for name in ("accumulation_steps", "packing") if config[name] > 1}
    parts = math.prod(factors.values())
    if config["batch_size"] % (count * parts):
        times = "".join(f" times {name} {value}" for name, value in factors.items())
        raise UsageError(
            "a problem in the config",
            f"batch_size {config['batch_size']} does not divide by {count} device{'s' if count > 1 else ''}{times}",
            f"choose a multiple of {count * parts}"
            + ("" if several or count == 1 else ", or mapping=jit for one device"),
        )


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
