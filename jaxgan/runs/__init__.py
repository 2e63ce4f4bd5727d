"""One host loop per mode of `launch.py`; each is imported when it runs."""

import os
import platform
import zlib
from collections.abc import Mapping
from typing import Any

from jaxgan.errors import UsageError

OPTIONS: dict[str, tuple[str, ...]] = {
    "train": ("profile", "coordinator_address", "num_processes", "process_id"),
    "sample": ("count", "seed", "step"),
    "evaluate": ("seed", "step"),
}
"""Each mode's own: a trace of some steps, and how several processes meet; how many examples, the seed of their latents,
the step of the checkpoint."""

_INSTEAD = {
    "count": "pictures in training have --config.sample_count, evaluations --config.evaluation.samples",
    "seed": "a run's own seed is --config.seed, and its pictures' size --config.sample_count",
    "step": "a run goes on from its newest checkpoint",
    "profile": "a trace is of training steps",
    **dict.fromkeys(("coordinator_address", "num_processes", "process_id"), "several processes only train"),
}


def run(
    mode: str, location: str | None, overrides: Mapping[str, str], workdir: str, options: Mapping[str, Any]
) -> None:
    """Runs one mode.

    Args:
      mode: "train", "sample" or "evaluate".
      location: the config's file, with `:argument` behind it if wanted; None for the run's own config.
      overrides: fields of the config to set, as text.
      workdir: the run's directory.
      options: the mode's own, those that were given; see `OPTIONS`.

    Raises:
      JaxganError: any expected failure, as one line.
    """
    for name in options:
        if name not in OPTIONS[mode]:
            raise UsageError("the command line", f"--{name} does not go with --mode={mode}", _INSTEAD[name])
    _keep_compiled_code()
    if mode == "train":
        if location is None:
            raise UsageError(
                "the command line", "--config is missing", "name one, such as --config=configs/quickstart.py"
            )
        from jaxgan.configuration import check
        from jaxgan.runs import command_line
        from jaxgan.runs.train import train

        config = command_line.load_config(location)
        check(config, tuple(command_line.override(config, dict(overrides))))
        from jaxgan.runs import hosts

        hosts.join(**{name: options[name] for name in hosts.FLAGS if name in options})
        train(config, workdir, profile=options.get("profile", False))
        return
    if location is not None or (overrides and mode == "sample"):
        raise UsageError(
            "the command line", f"--mode={mode} uses the run's own config", "leave out --config" + _FIELDS[mode]
        )
    if mode == "sample":
        from jaxgan.runs.sample import sample

        sample(workdir, **options)
    else:
        from jaxgan.runs.evaluate import evaluate

        evaluate(workdir, overrides=overrides, **options)


def _keep_compiled_code() -> None:
    """Lets JAX keep what it compiles, for the next process; what its own variables or the caller set, stays so."""
    import jax

    from jaxgan.datasets import cache

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # Code for one processor may not run on another, and a home directory may be that of many machines.
        processor = zlib.crc32("".join(sorted(set(_processor_flags()))).encode())
        place = os.path.join(cache.directory(), "compiled", f"{platform.machine()}-{processor:08x}")
        try:
            os.makedirs(place, exist_ok=True)
        except OSError:
            return  # without it all is as right, and slower next time
        jax.config.update("jax_compilation_cache_dir", place)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor_flags() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.split(":")[1].split() for line in file if line.startswith(("flags", "Features"))), [])
    except OSError:
        return [platform.processor()]


_FIELDS = {"sample": " and its fields", "evaluate": "; fields such as --config.evaluation.samples=2000 may be given"}
