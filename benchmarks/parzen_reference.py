"""The score of real data under the paper's Parzen protocol: training images of MNIST in place of samples.

    python -m benchmarks.parzen_reference --data DIRECTORY_OF_IDX_FILES --out results/evaluation/mnist_reference.json

Published for the same protocol: 241.9 ± 2.3 nats. Here 10,000 of the 50,000 training images replace the samples, chosen
at random for each of 10 seeds. σ is chosen on the first 1,000 validation images; the mean is over the 10,000 test
images.
"""

import argparse
import math
import os

import numpy as np

from benchmarks import timing
from jaxgan.datasets import DATASETS
from jaxgan.evaluation import parzen

SAMPLES, SEEDS = 10_000, 10


def main() -> None:
    """Measures the score, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.path.join(os.environ.get("JAXGAN_DATA_DIR", "."), "mnist"))
    parser.add_argument("--out", default="results/evaluation/mnist_reference.json")
    arguments = parser.parse_args()
    dataset = DATASETS["idx"](path=arguments.data)
    train, validation, test = (
        split.examples.reshape(len(split), -1).astype(np.float32) / 255
        for split in (dataset.train, dataset.validation, dataset.test)
    )
    runs = []
    for seed in range(SEEDS):
        chosen = np.random.default_rng(seed).permutation(len(train))[:SAMPLES]
        runs.append(parzen.protocol(train[chosen], validation[: parzen.VALIDATION], test))
        print(seed, *runs[-1], flush=True)
    result: dict = {"published": "241.9 ± 2.3", "samples": SAMPLES, "test": len(test), "seeds": SEEDS}
    for name, estimates in zip(("paper", "fine"), zip(*runs, strict=True), strict=True):
        values = np.array([estimate.value for estimate in estimates])
        result[name] = {
            "mean": float(values.mean()),
            "standard_error_over_seeds": float(values.std(ddof=1) / math.sqrt(SEEDS)),
            "standard_error_over_test_images": float(np.mean([e.standard_error for e in estimates])),
            "sigma": sorted({round(e.sigma, 6) for e in estimates}),
            "values": values.round(4).tolist(),
        }
    timing.write(arguments.out, {**result, "machine": timing.machine("jaxgan", "jax", "jaxlib", "numpy")})


if __name__ == "__main__":
    main()
