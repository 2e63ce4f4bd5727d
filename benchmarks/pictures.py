"""How fast the dataset `images` decodes JPEGs, and reads the decoded data.

    python -m benchmarks.pictures

The JPEGs are noise with the spectrum of photographs, at quality 90. Times include all threads.
"""

import argparse
import io
import os
import pathlib
import shutil
import tempfile
import time

import numpy as np
from PIL import Image

from benchmarks import timing
from jaxgan.datasets import images

SIDE, SIZE = 256, 64
"""Pixels per side, stored and resized."""

DISTINCT = 100
"""Number of distinct JPEGs; the files are copies of them."""


def jpeg(number: int) -> bytes:
    """Noise like photographs: amplitudes fall as one over the frequency, and channels are strongly correlated."""
    noise = np.random.default_rng(number).normal(size=(4, SIDE, SIDE))
    noise = np.fft.rfft2(noise[:1] + noise[1:] / 4)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    pixels = np.fft.irfft2(noise / np.maximum(frequency, 1 / SIDE))
    pixels = 128 + 50 * (pixels - pixels.mean()) / pixels.std()
    content = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy()).save(content, "JPEG", quality=90)
    return content.getvalue()


def main() -> None:
    """Decodes into an empty cache, reads from it, and resizes the same pictures with Pillow only, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/pictures.json")
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    contents = [jpeg(number) for number in range(DISTINCT)]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["JAXGAN_CACHE_DIR"] = f"{directory}/cache"
        for number in range(arguments.count):
            place = pathlib.Path(directory, "pictures", str(number % 10), f"{number}.jpg")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(contents[number % DISTINCT])

        def load():
            images.load(path=f"{directory}/pictures", size=SIZE)

        def decode():
            shutil.rmtree(f"{directory}/cache", ignore_errors=True)
            load()

        def pillow():
            for number in range(arguments.count):
                with Image.open(io.BytesIO(contents[number % DISTINCT])) as image:
                    np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))

        functions = {"decoded": decode, "from_the_cache": load, "pillow": pillow}
        seconds = timing.in_turn(functions, arguments.repeats, time.process_time)
    result = {
        "machine": timing.machine("jaxgan", "pillow", "numpy"),
        "pictures": {"count": arguments.count, "side": SIDE, "size": SIZE, "bytes": np.mean([*map(len, contents)])},
        "in_a_processor_second": timing.summary([arguments.count / each for each in seconds["decoded"]]),
        "times_as_long_as_pillow": timing.ratio(seconds["decoded"], seconds["pillow"]),
        "processor_seconds": {name: timing.summary(each) for name, each in seconds.items()},
    }
    rate, ratio = (result[name]["median"] for name in ("in_a_processor_second", "times_as_long_as_pillow"))
    print(f"{rate:.0f} pictures in a processor second, {ratio:.2f} times as long as Pillow's resizing only")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
