"""Small labelled images, and a cache of classifiers of their own for these tests."""

import numpy as np
import pytest


def bars(count, seed):
    """[count, 10, 10, 1] uint8: a bright row, column or diagonal on noise; and which of the three."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 80, (count, 10, 10, 1), dtype=np.uint8)
    labels = random.integers(0, 3, count).astype(np.int32)
    for image, label, place in zip(images, labels, random.integers(0, 10, count), strict=True):
        if label < 2:
            image[(place, slice(None)) if label == 0 else (slice(None), place)] = 255
        else:
            image[np.arange(10), (np.arange(10) + place) % 10] = 255
    return images, labels


@pytest.fixture(scope="package")
def bars_file(tmp_path_factory):
    """An .npz of 600 training and 200 test images of bars."""
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    (x_train, y_train), (x_test, y_test) = bars(600, 0), bars(200, 1)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="package")
def quick_classifier(tmp_path_factory):
    """Classifiers that train for a moment, and a cache for them."""
    from jaxgan.evaluation import classifier

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "STEPS", 200)
        patch.setattr(classifier, "BATCH", 32)
        patch.setenv("JAXGAN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield classifier
