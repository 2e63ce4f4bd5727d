"""Named streams of random numbers, so that two parts of a run never draw from the same key by accident."""

import zlib

import chex
import jax

STREAMS = {
    "task": 2,  # of a step's key, which the step itself splits into 0 and 1
    "sample_pictures": 4,  # of the run's key, which `init_state` splits into 0 to 3
    "alarms": 5,  # of the run's key
    "condition_grid": 2**31,  # of a key whose numbers from 0 on are batches of samples
    "interpolations": 2**31,  # likewise
    "task_scores": 2**31,  # of an evaluation's key
}
"""Streams with fixed numbers: changing one changes the numbers of published runs. Other names are hashed."""


def stream(key: chex.PRNGKey, name: str) -> chex.PRNGKey:
    """A key for the draws of one purpose.

    Args:
      key: one typed key.
      name: of the purpose; different names give independent keys.

    Returns:
      `fold_in(key, number)`, with the number of `STREAMS` or the CRC-32 of the name.
    """
    return jax.random.fold_in(key, STREAMS.get(name, zlib.crc32(name.encode())))
