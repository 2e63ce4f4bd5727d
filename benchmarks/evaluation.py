"""Parzen windows compared with scikit-learn, and the Fréchet distance with scipy.

    python -m benchmarks.evaluation --out results/benchmarks/evaluation.json

Parzen: the paper's whole protocol (10,000 samples, 1,000 validation examples for each of 10 widths, 10,000 test points,
784 dimensions). scikit-learn is timed on a fraction of the points, since its time is proportional to their number, with
its default settings and with a single leaf (otherwise its values are wrong here); the faster one counts.
Memory: the peak above the memory of the process with the data already loaded.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import scipy.linalg
from sklearn.neighbors import KernelDensity

from benchmarks import timing
from jaxgan.evaluation import frechet, parzen

SAMPLES, VALIDATION, TEST, DIM = 10_000, 1_000, 10_000, 784
POINTS = VALIDATION * len(parzen.PAPER_SIGMAS) + TEST
"""Number of densities that the protocol evaluates."""

FEATURES, DIM_FEATURES = 4_096, 2_048


def images(count: int, seed: int) -> np.ndarray:
    """[count, 784] in [0, 1]; like digits, four fifths are black."""
    random = np.random.default_rng(seed)
    values = random.random((count, DIM), np.float32)
    return values * (random.random((count, DIM), np.float32) < 0.2)


def paper_protocol(samples, validation, test):
    """Chooses σ on the coarse grid, then evaluates the test points, like the authors' code."""
    sigma, _ = parzen.select_sigma(samples, validation, parzen.PAPER_SIGMAS)
    return parzen.mean_log_likelihoods(samples, test, [sigma])


def parzen_windows(fraction: int, repeats: int) -> dict:
    """Seconds of the protocol, and of scikit-learn for as many points, extrapolated from `fraction` points."""
    samples, validation, test = (images(count, seed) for seed, count in enumerate((SAMPLES, VALIDATION, TEST)))
    settings = {"default settings": {}, "one leaf": {"algorithm": "kd_tree", "leaf_size": SAMPLES, "rtol": 0}}
    fitted = {name: KernelDensity(bandwidth=0.2, **options).fit(samples) for name, options in settings.items()}
    seconds = timing.in_turn(
        {"jaxgan": lambda: paper_protocol(samples, validation, test)}
        | {"jaxgan, paper and fine": lambda: parzen.protocol(samples, validation, test)}
        | {name: lambda f=f: f.score_samples(test[:fraction]) for name, f in fitted.items()},
        repeats,
    )
    whole = {name: [s * POINTS / fraction for s in seconds[name]] for name in settings}
    faster = min(whole, key=lambda name: timing.summary(whole[name])["median"])
    ours = {name: s for name, s in seconds.items() if name.startswith("jaxgan")}
    peak = subprocess.run([sys.executable, "-m", "benchmarks.evaluation", "--memory"], capture_output=True, check=True)
    return {
        "protocol": f"{SAMPLES} samples, {VALIDATION} x 10 validation, {TEST} test points, {DIM} dimensions",
        "seconds": {name: timing.summary(s) for name, s in ours.items()},
        "scikit_learn_points_timed": fraction,
        "scikit_learn_points_in_all": POINTS,
        "scikit_learn_seconds_for_all": {name: timing.summary(s) for name, s in whole.items()},
        "times_as_fast_as_the_faster": timing.ratio(whole[faster], seconds["jaxgan"]),
        "memory": json.loads(peak.stdout),
    }


def memory() -> dict[str, int]:
    """Peak memory of the protocol in MiB, above the process with its data."""
    arrays = [jax.numpy.asarray(images(count, seed)) for seed, count in enumerate((SAMPLES, VALIDATION, TEST))]
    jax.block_until_ready([array + 0 for array in arrays])
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the peak, which includes making the data
    before = _status("VmRSS")
    parzen.protocol(*arrays)
    return {"before_mib": before // 1024, "above_mib": (_status("VmHWM") - before) // 1024}


def _status(name: str) -> int:
    """A value in KiB, as reported by Linux."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def frechet_distance(repeats: int) -> dict:
    """Seconds at 2,048 dimensions; scipy's matrix root as in the usual implementations."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(DIM_FEATURES, DIM_FEATURES)) / DIM_FEATURES**0.5
    a, b = (np.maximum(random.normal(size=(FEATURES, DIM_FEATURES)) @ mixing + s, 0) for s in (0.0, 0.1))

    def with_scipy():
        means, covariances = zip(*((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b)), strict=True)
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
        gap = means[0] - means[1]
        return gap @ gap + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real

    seconds = timing.in_turn(
        {
            "jaxgan": lambda: frechet.frechet_distance(a, b),
            "jaxgan, with its standard error": lambda: frechet.frechet_estimate(a, b),
            "scipy": with_scipy,
        },
        repeats,
    )
    ours, theirs = frechet.frechet_distance(a, b), with_scipy()
    return {
        "features": f"{FEATURES} x {DIM_FEATURES} in each set",
        "seconds": {name: timing.summary(s) for name, s in seconds.items()},
        "times_as_fast_as_scipy": timing.ratio(seconds["scipy"], seconds["jaxgan"]),
        "with_standard_error_times_as_fast": timing.ratio(seconds["scipy"], seconds["jaxgan, with its standard error"]),
        "relative_difference": abs(ours - theirs) / theirs,
    }


def main() -> None:
    """Runs both comparisons, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/evaluation.json")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--fraction", type=int, default=100, help="points that scikit-learn is timed on")
    parser.add_argument("--memory", action="store_true", help="only print the peak memory of the protocol")
    arguments = parser.parse_args()
    if arguments.memory:
        print(json.dumps(memory()))
        return
    result = {
        "parzen": parzen_windows(arguments.fraction, arguments.repeats),
        "frechet": frechet_distance(max(3, arguments.repeats // 2)),
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "numpy", "scipy", "scikit-learn"),
    }
    print(json.dumps(result, indent=2))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
