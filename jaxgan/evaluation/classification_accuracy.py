"""Classification accuracy score: how well a classifier trained on generated images classifies real ones."""

import jax
import numpy as np

from jaxgan.evaluation.base import Data, Examples, Score, share_error


def classification_accuracy(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray, classes: int
) -> float:
    """Accuracy on real test images of a classifier trained only on generated images.

    The classifier is the small network of `jaxgan.evaluation.classifier`; the source uses ResNet-50. So compare scores
    only within this library, and with the score of real images. The classifier cannot learn a class that samples lack
    or repeat.

    Args:
      images: [n, height, width, channels], generated; bytes, or floats in [0, 1].
      labels: [n] int, the classes for which they were generated, 0 to classes − 1.
      test_images, test_labels: real images and labels.
      classes: number of classes, ≥ 2.

    Raises:
      NonFiniteError: generated images are NaN or infinite.

    Source: Ravuri and Vinyals 2019 (arXiv:1905.10887), section 3.
    """
    # Imported here because flax takes a second to load.
    from jaxgan.evaluation import classifier
    from jaxgan.evaluation.inputs import check_finite

    check_finite("images", images)
    return classifier.train(images, labels, test_images, test_labels, num_classes=classes).accuracy


def unsupported(data: Data) -> str | None:
    """Why the evaluator cannot be used on this data, or None."""
    if data.classes is None:
        return "labels are not the condition"
    if data.classes < 2:
        return "there is one class only"
    return None if data.test.values.ndim == 4 else "the examples are not images"


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "classification_accuracy", on the test split."""
    if data.classes is None or samples.labels is None or data.test.labels is None:
        raise ValueError(f"the {samples.name} examples and the test examples need labels")
    images, labels = data.test.values, data.test.labels
    value = classification_accuracy(samples.values, samples.labels, images, labels, data.classes)
    counts, details = (len(samples), len(labels)), {"classes": data.classes}
    name, error = "classification_accuracy", share_error(value, len(labels))
    return [
        Score(name, value, error, features="raw", split="test", samples=counts[0], against=counts[1], details=details)
    ]
