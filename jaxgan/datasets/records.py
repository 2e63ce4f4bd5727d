"""Images stored one by one in encoded form (PNG, JPEG), as tensorflow-datasets gives them."""

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.datasets.base import Split
from jaxgan.errors import DataError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # PIL's names, by number of channels
_BLOCK = 512


class Layout(NamedTuple):
    """Where an example has its image and its class.

    Attributes:
      image: name of the feature with the image.
      channels: 1, 3 or 4.
      images: names of all features that are images, so that the others are not decoded.
      label: name of the feature with the class, or None.
      num_classes: how many classes, or None.
    """

    image: str
    channels: int
    images: tuple[str, ...]
    label: str | None
    num_classes: int | None

    def decoders(self) -> dict[str, Any]:
        """What to pass tensorflow-datasets to get images as they are stored: `Records` decodes them."""
        import tensorflow_datasets

        return {name: tensorflow_datasets.decode.SkipDecoding() for name in self.images}


def layout_of(features: Any, name: str) -> Layout:
    """Finds the image and the class among the features of a dataset.

    The image is the feature `image`, or the only feature that is one; the class `label`, or the first
    ClassLabel by name.

    Args:
      features: a FeaturesDict of tensorflow-datasets.
      name: the dataset's name, for the message.

    Returns:
      The layout.

    Raises:
      DataError: no feature is such an image, or it is not of bytes with 1, 3 or 4 channels.
    """
    import tensorflow_datasets

    kinds = dict(sorted(features.items())) if hasattr(features, "items") else {}
    images = tuple(key for key, kind in kinds.items() if type(kind) is tensorflow_datasets.features.Image)
    if "image" not in images and len(images) != 1:
        listed = ", ".join(f"{key} ({type(kind).__name__})" for key, kind in kinds.items()) or type(features).__name__
        remedy = "choose a dataset with one image in each example"
        raise DataError(f"cannot train on {name}", f"its features are {listed}", remedy)
    image = "image" if "image" in images else images[0]
    channels, dtype = kinds[image].shape[-1], np.dtype(kinds[image].np_dtype)
    if channels not in _MODES or dtype != np.uint8:
        raise DataError(
            f"cannot train on {name}",
            f"its images are {dtype} with {channels} channels",
            "choose a dataset of uint8 images with 1, 3 or 4 channels",
        )
    labels = [key for key, kind in kinds.items() if type(kind) is tensorflow_datasets.features.ClassLabel]
    label = "label" if "label" in labels else next(iter(labels), None)
    return Layout(image, channels, images, label, kinds[label].num_classes if label else None)


class Records:
    """A `Source` that decodes the images it is asked for; safe to read from several threads.

    Args:
      examples: random-access examples, with `__getitems__`; images encoded, as `Layout.decoders` asks.
      layout: where the image and the class are.
      where: what holds them, for messages.

    Raises:
      DataError: the first example cannot be read.
    """

    def __init__(self, examples: Any, layout: Layout, where: str):
        self._examples, self._layout, self._where = examples, layout, where
        self.dtype = np.dtype(np.uint8)
        with reading(where):
            self.shape = decode(self._fetch(np.zeros(1, np.int64))[0], layout).shape

    def __len__(self) -> int:
        return len(self._examples)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """The images at int `indices` [n], as uint8 [n, height, width, channels]."""
        with reading(self._where):
            return stack(self._fetch(indices), self._layout, len(indices), self.shape, self._where)[0]

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """Their int32 classes [n], or None if there are none."""
        if (label := self._layout.label) is None:
            return None
        with reading(self._where):
            return np.array([example[label] for example in self._fetch(indices)], np.int32)

    def decoded(self) -> Split:
        """All images and labels, as arrays."""
        starts = range(0, len(self), _BLOCK)
        blocks = (self._fetch(np.arange(start, min(start + _BLOCK, len(self)))) for start in starts)
        examples = (example for block in blocks for example in block)
        with reading(self._where):
            return Split(*stack(examples, self._layout, len(self), self.shape, self._where))

    def _fetch(self, indices: np.ndarray) -> list[Mapping[str, Any]]:
        return self._examples.__getitems__(np.asarray(indices).tolist())


def decode(example: Mapping[str, Any], layout: Layout) -> np.ndarray:
    """The image of one example, as uint8 [height, width, channels]."""
    from PIL import Image

    with Image.open(io.BytesIO(example[layout.image])) as image:
        pixels = np.asarray(image.convert(_MODES[layout.channels]))
    return pixels.reshape(*pixels.shape[:2], layout.channels)


def stack(
    examples: Iterable[Mapping[str, Any]], layout: Layout, count: int, shape: tuple[int, ...], where: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Decodes `count` examples: uint8 images [count, *shape], all of this shape, and int32 classes [count] or None."""
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty(count, np.int32)
    number = -1
    for number, example in enumerate(examples):
        pixels = decode(example, layout)
        if pixels.shape != shape:
            raise uneven(where, shape, pixels.shape)
        images[number] = pixels
        if layout.label is not None:
            labels[number] = example[layout.label]
    if number + 1 != count:
        raise ValueError(f"it has {number + 1} examples and should have {count}")
    return images, None if layout.label is None else labels


def uneven(where: str, one: tuple[int, ...], other: tuple[int, ...]) -> DataError:
    """The error for images of different sizes, which jaxgan does not resize."""
    return DataError(
        f"cannot train on {where}",
        f"its images differ in size: one is {list(one)}, another {list(other)}",
        "choose a dataset of images of one size, or resize them first",
    )


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns any error of the block into a `DataError` about damaged data."""
    try:
        yield
    except (DataError, ImportError):
        raise
    except Exception as error:
        # array_record, protobuf and PIL raise RuntimeError, ValueError, OSError, SyntaxError and more of their own.
        why = str(error).strip() or type(error).__name__
        raise DataError(f"cannot read {where}", f"it is damaged: {why}", "remove it and prepare it again") from error
