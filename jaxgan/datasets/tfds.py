"""Image datasets of tensorflow-datasets, read without TensorFlow and without network access.

They must be prepared beforehand as array_record files. If TensorFlow is installed, TFRecord files work too.
"""

import contextlib
import difflib
import fnmatch
import glob
import importlib.util
import io
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan import extras
from jaxgan.datasets import cache, splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError
from jaxgan.io.atomic import local_path

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.\-]+))?(:(?P<version>[\d*]+\.[\d*]+\.[\d*]+))?")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # PIL's mode names, by number of channels
_BLOCK = 512  # examples read at once
_FEATURE = re.compile(r"tensorflow_datasets\.core\.features\.\w+\.\w+", re.ASCII)
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type")  # two spellings, and that before tensorflow-datasets 4.4
_LOCAL = ("mnist", "fashion_mnist", "kmnist")  # The datasets that `jaxgan.datasets.prepare` can write.


def load(
    *, path: str = "", tfds_name: str = "mnist", validation_examples: int = -1, memory_limit: int = 2**32
) -> Dataset:
    """Loads an image dataset of tensorflow-datasets, decoded to bytes.

    A split of at most `memory_limit` bytes is decoded as a whole and cached (`cache.directory`). A larger one becomes a
    `Source`, which decodes examples as they are read. The data's own validation split is used if `validation_examples`
    is −1. Otherwise one is cut off from the training split; so is a test split if there is none (`splits.assemble`).
    Splits contain the same examples in memory and streamed.

    Args:
      path: tensorflow-datasets' data_dir; "" means $TFDS_DATA_DIR, else ~/tensorflow_datasets.
      tfds_name: the dataset's name, with config and version if wanted ("mnist", "emnist/letters:3.1.0").
      validation_examples: as for every `Loader`, except −1.
      memory_limit: bytes.

    Returns:
      The dataset; uint8 images [n, height, width, channels], with the labels of its ClassLabel if it has one.

    Raises:
      DataError: the name is unknown; the dataset is not prepared, damaged, or readable only by TensorFlow; its features
        are custom classes, whose code would run; or it has no images, or they differ in size or are not of bytes.
    """
    data_dir = data_directory(path)
    directory = find_directory(tfds_name, data_dir)
    if directory is None:
        raise _not_prepared(tfds_name, data_dir)
    import tensorflow_datasets

    check_classes(directory)
    with reading(directory), contextlib.redirect_stdout(io.StringIO()):  # it prints which packages are missing
        builder = tensorflow_datasets.builder_from_directory(directory)
        layout = layout_of(builder.info.features, tfds_name)
        sizes = {name: split.num_examples for name, split in builder.info.splits.items() if split.num_examples}
    stored = _Stored(builder, directory, layout, memory_limit)
    if "train" not in sizes:
        raise DataError(
            f"cannot train on {tfds_name}",
            f"it has no split train, only {', '.join(sizes) or 'empty ones'}",
            "choose another dataset or config with tfds_name",
        )
    wanted = ["train", "test"] + ["validation"] * (validation_examples == -1)
    loaded = {name: _split(stored, name, sizes[name]) for name in wanted if name in sizes}
    return splits.assemble(
        "tfds",
        loaded["train"],
        loaded.get("test"),
        validation_examples,
        where=tfds_name,
        validation=loaded.get("validation"),
        num_classes=layout.num_classes,
    )


def data_directory(path: str) -> str:
    """The absolute path of tensorflow-datasets' data: `path`, or if empty $TFDS_DATA_DIR, else ~/tensorflow_datasets.

    A URL raises a UsageError.
    """
    place = path or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return os.path.abspath(local_path(place, "tensorflow-datasets' data_dir "))


def find_directory(name: str, data_dir: str) -> str | None:
    """data_dir/name[/config]/version of a prepared dataset, or None. Takes the newest version unless one is named.

    Args:
      name: "mnist", "emnist/letters", "emnist/letters:3.1.0", "mnist:3.*.*".
      data_dir: tensorflow-datasets' data_dir.

    Raises:
      DataError: the name is invalid, or several configs are prepared and none is named.
    """
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        why = "that is not a dataset's name"
        raise DataError(f"cannot load the dataset {name!r}", why, "write name[/config][:version]")
    root = os.path.join(glob.escape(data_dir), parsed["name"])
    pattern = [root, parsed["config"], "*"] if parsed["config"] else [root, "*"]
    found = _versions(os.path.join(*pattern), parsed["version"])
    if not found and not parsed["config"]:
        found = _versions(os.path.join(root, "*", "*"), parsed["version"])
        configs = sorted({os.path.basename(os.path.dirname(path)) for path in found})
        if len(configs) > 1:
            raise DataError(
                f"cannot tell which config of {name} to load",
                f"{data_dir} has {', '.join(configs)}",
                f"set tfds_name to {parsed['name']}/{configs[0]}, or to another of them",
            )
    return found[-1] if found else None


def file_format(directory: str) -> str:
    """The format of a prepared dataset's files, "array_record" or "tfrecord". DataError if it cannot be read."""
    with reading(directory), open(os.path.join(directory, "dataset_info.json"), encoding="utf-8") as file:
        return json.load(file).get("fileFormat") or "tfrecord"


def check_classes(directory: str) -> None:
    """DataError if a prepared dataset's description names a class that is not one of tensorflow-datasets' features.

    tensorflow-datasets imports the module of every class named there, which runs the module's code.
    """
    for name in ("features.json", "dataset_info.json"):
        with reading(directory), open(os.path.join(directory, name), encoding="utf-8") as file:
            content = json.load(file)
            classes = list(_class_names(content if name == "features.json" else content.get("features")))
        for found in classes:
            if not _FEATURE.fullmatch(found):
                raise DataError(
                    f"cannot read {directory}",
                    f"its {name} names the class {found}, whose code would run; nothing was run",
                    "prepare it again with features of tensorflow-datasets only",
                )


def _class_names(content: Any) -> Iterator[str]:
    """The class names in a JSON value, at any depth, including texts that are themselves JSON."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str) and "{" in part:
            with contextlib.suppress(ValueError):
                waiting.append(json.loads(part))
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            yield from (part[key] for key in _CLASS_KEYS if isinstance(part.get(key), str))
            waiting += part.values()


class Layout(NamedTuple):
    """Which features of an example are its image and its class."""

    image: str  # name of the image feature
    channels: int
    images: tuple[str, ...]  # names of all image features
    label: str | None  # name of the class feature
    num_classes: int | None

    def decoders(self) -> dict[str, Any]:
        """Decoders that make tensorflow-datasets leave images encoded; `Records` decodes them."""
        import tensorflow_datasets

        return {name: tensorflow_datasets.decode.SkipDecoding() for name in self.images}


def layout_of(features: Any, name: str) -> Layout:
    """Finds the image and the class among the features (a FeaturesDict) of the named dataset.

    The image is the feature `image`, or the only image feature. The class is `label`, or the first ClassLabel by name.
    DataError if there is no such image, or if it does not have bytes and 1, 3 or 4 channels.
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
    """A `Source` that decodes images as they are read, from random-access `examples` with `__getitems__`.

    Safe for several threads. `where` names the source of the examples in DataErrors.
    """

    def __init__(self, examples: Any, layout: Layout, where: str):
        self._examples, self._layout, self._where = examples, layout, where
        self.dtype = np.dtype(np.uint8)
        with reading(where):
            self.shape = decode(self._fetch(np.zeros(1, np.int64))[0], layout).shape

    def __len__(self) -> int:
        return len(self._examples)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read`: uint8 [n, height, width, channels]."""
        with reading(self._where):
            return stack(self._fetch(indices), self._layout, len(indices), self.shape, self._where)[0]

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """As `Source.read_labels`."""
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
    """Decodes `count` examples with images of one shape into uint8 images [count, *shape] and int32 classes [count].

    Raises:
      DataError: the images differ in size.
      ValueError: the number of examples is not `count`.
    """
    images = np.empty((count, *shape), np.uint8)
    labels = np.empty(count, np.int32)
    number = -1
    for number, example in enumerate(examples):
        pixels = decode(example, layout)
        if pixels.shape != shape:
            raise DataError(
                f"cannot train on {where}",
                f"its images differ in size: one is {list(shape)}, another {list(pixels.shape)}",
                "choose a dataset of images of one size, or resize them first",
            )
        images[number] = pixels
        if layout.label is not None:
            labels[number] = example[layout.label]
    if number + 1 != count:
        raise ValueError(f"it has {number + 1} examples and should have {count}")
    return images, None if layout.label is None else labels


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns any exception raised inside it into a `DataError` about damaged data."""
    try:
        yield
    except DataError:
        raise
    except ImportError as error:
        remedy = f"prepare it again, or install what is missing ({extras.install('tensorflow')} for TensorFlow)"
        raise DataError(f"cannot read {where}", f"it is damaged or needs more packages: {error}", remedy) from error
    except Exception as error:
        # array_record, protobuf and PIL raise RuntimeError, ValueError, OSError, SyntaxError and their own exceptions.
        why = str(error).strip() or type(error).__name__
        raise DataError(f"cannot read {where}", f"it is damaged: {why}", "remove it and prepare it again") from error


class _Stored(NamedTuple):
    """A prepared dataset: its tensorflow-datasets builder, and how to read it."""

    builder: Any
    directory: str
    layout: Layout
    memory_limit: int


def _split(stored: _Stored, name: str, count: int) -> Split:
    """One stored split: as arrays if it fits the memory limit (from the cache if possible), else as a `Source`."""
    source = None
    if (kind := file_format(stored.directory)) == "array_record":
        with reading(stored.directory):
            examples = stored.builder.as_data_source(split=name, decoders=stored.layout.decoders())
            source = Records(examples, stored.layout, stored.directory)
        if count * math.prod(source.shape) > stored.memory_limit:
            return Split(source)
    elif importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"cannot read {stored.directory}",
            f"its files are {kind}, which only TensorFlow can read",
            f"run: {extras.install('tensorflow')}, or prepare it elsewhere with file_format='array_record'",
        )
    path = _cached(stored, name)
    shape = source.shape if source else (None, None, stored.layout.channels)
    if (split := cache.read(path, count, shape, labelled=stored.layout.label is not None)) is None:
        split = source.decoded() if source else _with_tensorflow(stored, name, count)
        cache.write(path, split)
    return split


def _cached(stored: _Stored, name: str) -> str:
    """The cache file of one split."""
    described = [os.path.join(stored.directory, file) for file in ("dataset_info.json", "features.json")]
    with reading(stored.directory):
        mark = cache.fingerprint(described, map(os.fspath, stored.builder.info.splits[name].filepaths))
    full = stored.builder.info.full_name.replace("/", "-")
    return os.path.join(cache.directory(), f"{full}-{name}-{mark}.npz")


def _with_tensorflow(stored: _Stored, name: str, count: int) -> Split:
    """Reads a whole split through TensorFlow, in stored order."""
    import tensorflow
    import tensorflow_datasets

    with contextlib.suppress(RuntimeError):  # Too late if TensorFlow is already initialised.
        tensorflow.config.set_visible_devices([], "GPU")  # TensorFlow would take the whole GPU, which JAX needs.
    with reading(stored.directory):
        # One shard at a time, rather than sixteen at once.
        ordered = tensorflow_datasets.ReadConfig(interleave_cycle_length=1)
        data = stored.builder.as_dataset(split=name, decoders=stored.layout.decoders(), read_config=ordered)
        shape = decode(next(iter(data.take(1).as_numpy_iterator())), stored.layout).shape
        if count * math.prod(shape) > stored.memory_limit:
            raise DataError(
                f"cannot read {stored.directory}",
                f"its split {name} is larger than {stored.memory_limit} bytes and its files allow no random access",
                "prepare the dataset in another directory with file_format='array_record'",
            )
        return Split(*stack(data.as_numpy_iterator(), stored.layout, count, shape, stored.directory))


def _versions(pattern: str, wanted: str | None) -> list[str]:
    """The prepared directories that match a pattern ending in a version, oldest version first."""
    numbered = []
    for path in glob.glob(os.path.join(pattern, "dataset_info.json")):
        directory = os.path.dirname(path)
        version = os.path.basename(directory)
        if re.fullmatch(r"\d+\.\d+\.\d+", version) and fnmatch.fnmatch(version, wanted or "*"):
            numbered.append((tuple(int(part) for part in version.split(".")), directory))
    return [directory for _, directory in sorted(numbered)]


def _not_prepared(name: str, data_dir: str) -> DataError:
    """The error for a dataset that is not found: the name is wrong, or the dataset must be prepared first."""
    import tensorflow_datasets

    base = re.split("[/:]", name)[0]
    known = set(tensorflow_datasets.list_builders(with_community_datasets=False))
    here = {os.path.basename(os.path.dirname(os.path.dirname(path))) for path in
            glob.glob(os.path.join(glob.escape(data_dir), "*", "*.*.*", "dataset_info.json"))}  # fmt: skip
    if base not in known | here:
        near = difflib.get_close_matches(base, sorted(known | here), 3, 0.5)
        remedy = f"the nearest names are {', '.join(near)}" if near else "see the catalog of tensorflow-datasets"
        raise DataError(f"cannot load the dataset {name}", "tensorflow-datasets has none of that name", remedy)
    if base in _LOCAL:
        remedy = f"run: jaxgan prepare {base} --from DIR --to {data_dir}, with DIR the directory of its IDX files"
    else:
        call = f"tfds.builder({name!r}, data_dir=DATA_DIR, file_format='array_record').download_and_prepare()"
        remedy = (
            f'on a machine with a network and TensorFlow run: python -c "import tensorflow_datasets as tfds; {call}", '
            f"and put what it writes in {data_dir}"
        )
    return DataError(f"cannot load the dataset {name}", f"it is not prepared in {data_dir}", remedy)
