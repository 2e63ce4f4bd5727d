"""The choice of the labelled examples."""

import numpy as np


def choose(labels: np.ndarray, count: int, classes: int, seed: int) -> np.ndarray:
    """Indices of examples whose labels are known: equally many of each class, chosen by a seed.

    If the count does not divide by the classes, the seed chooses which classes have one more. With the same seed, a
    larger count contains a smaller one, if both divide. `count == len(labels)` chooses all.

    Args:
      labels: [n], 0 to classes − 1.
      count: number of examples, at least one of each class.
      classes: K.
      seed: ≥ 0.

    Returns:
      [count] int64, increasing.

    Raises:
      ValueError: the count is below the number of classes, or a class has too few examples.
    """
    if count == len(labels):
        return np.arange(count)
    if count < classes:
        raise ValueError(f"{count} labelled examples are not one of each of {classes} classes")
    raw = np.random.Philox(key=np.array([seed, classes], np.uint64)).random_raw(classes + len(labels))
    more, order = np.argsort(raw[:classes], kind="stable"), np.argsort(raw[classes:], kind="stable")
    wanted = np.full(classes, count // classes)
    wanted[more[: count % classes]] += 1
    places = [order[labels[order] == label] for label in range(classes)]
    for label, (found, number) in enumerate(zip(places, wanted, strict=True)):
        if len(found) < number:
            most = classes * min(map(len, places))
            raise ValueError(
                f"{count} labelled examples are {number} of class {label}, and there are {len(found)} of "
                f"{len(labels)}: {most} at most, or all"
            )
    return np.sort(np.concatenate([found[:number] for found, number in zip(places, wanted, strict=True)]))
