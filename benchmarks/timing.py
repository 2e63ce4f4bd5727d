"""Times several functions in turn, so that the noise of a shared machine affects all of them alike."""

import datetime
import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from jaxgan.io.atomic import atomic_write


def in_turn(
    functions: Mapping[str, Callable[[], Any]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each call: after one warm-up call of each function, all are called in turn, `repeats` times.

    Args:
      functions: by name; each returns when its work is finished.
      repeats: ≥ 1.
      clock: `time.process_time` counts processor seconds of all threads, which depend less on other processes.

    Returns:
      [repeats] seconds, by name.
    """
    for function in functions.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            started = clock()
            function()
            seconds[name].append(clock() - started)
    return seconds


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"median": statistics.median(seconds), "least": min(seconds), "largest": max(seconds), "runs": len(seconds)}


def ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    """How many times as long the first takes: the median of the pairs' ratios, and their range."""
    return summary([a / b for a, b in zip(slow, fast, strict=True)])


def machine(*packages: str) -> dict[str, Any]:
    """The machine and software of the timings."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    facts = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    flags = facts.get("flags", "").split()
    return {
        "cpu": facts.get("model name", platform.machine()),
        "units": [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def processor() -> str:
    """The processor's name in a form for file names, such as "intel-xeon-processor-amx", to keep results apart."""
    found = machine()
    words = "".join(c if c.isalnum() else " " for c in found["cpu"].lower().replace("(r)", "").replace("(tm)", ""))
    return "-".join([*words.split()[:5], *(["amx"] if "amx_bf16" in found["units"] else [])])


def write(path: str, result: Mapping[str, Any]) -> None:
    """Writes a result as JSON, whole or not at all."""
    target = pathlib.Path(path)
    atomic_write(target, (json.dumps(result, indent=2) + "\n").encode())
    print(f"Written: {target}")
