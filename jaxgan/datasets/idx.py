"""Images in IDX files, plain or gzipped: MNIST, Fashion-MNIST, KMNIST, EMNIST, QMNIST.

Format: http://yann.lecun.com/exdb/mnist/: two zero bytes, the type, the number of dimensions, the dimensions as
big-endian uint32, then the values, big-endian.
"""

import gzip
import math
import os
import re
import struct
import zlib
from typing import BinaryIO, cast

import numpy as np

from jaxgan.datasets import splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(
    r"(?P<prefix>(?:[^.].*[-_.])?)(?P<split>train|test|t10k)-(?P<kind>images|labels)[-.]idx\d-\w+(\.gz)?"
)
_PIECE = 2**20


def load(*, path: str, transpose: bool = False, validation_examples: int = -1) -> Dataset:
    """Loads the images of a directory of IDX files, which have their canonical names with any prefix.

    Without label files, the splits have no labels. Without a test set (`test-…` or `t10k-…`), a test split is cut off
    (see `splits.assemble`). If a file exists both plain and gzipped, the plain one is read.

    Args:
      path, validation_examples: as for every `Loader`.
      transpose: whether to exchange the rows and columns of each image. EMNIST's files store every image transposed;
        without this option its letters lie on their side and are mirrored.

    Returns:
      The dataset; uint8 images [n, height, width, 1], or float32 if the files hold floats.
    """
    files = find(path)
    train = read_split(files, "train", transpose=transpose)
    test = read_split(files, "test", transpose=transpose) if ("test", "images") in files else None
    notes = []
    if os.path.basename(files["train", "images"]).startswith("emnist") and not transpose:
        notes.append("EMNIST's files hold images transposed: set dataset.transpose=True to see them upright")
    return splits.assemble("idx", train, test, validation_examples, where=f"the images in {path}", notes=tuple(notes))


def find(directory: str) -> dict[tuple[str, str], str]:
    """The paths of a directory's IDX files, by ("train" or "test", "images" or "labels").

    Raises:
      DataError: there is no such directory, it has no training images, or it has files of several datasets.
    """
    place = os.path.expanduser(directory)
    if not os.path.isdir(place):
        state = "a file" if os.path.exists(place) else "missing"
        why = f"{directory} is {state}" if directory else "the path is empty"
        raise DataError("cannot load IDX files", why, "give the directory that holds train-images-idx3-ubyte.gz")
    # In sorted order, plain names precede gzipped ones, and t10k precedes test. The first match wins.
    matches = [match for name in sorted(os.listdir(place)) if (match := _NAME.fullmatch(name))]
    matches = [match for match in matches if os.path.isfile(os.path.join(place, match[0]))]
    prefixes = sorted({match["prefix"] for match in matches})
    if len(prefixes) > 1:
        raise DataError(
            f"cannot tell which IDX files of {directory} to load",
            f"they have the prefixes {', '.join(repr(prefix) for prefix in prefixes)}",
            "put each dataset in a directory of its own",
        )
    files: dict[tuple[str, str], str] = {}
    for match in matches:
        slot = ("train" if match["split"] == "train" else "test", match["kind"])
        files.setdefault(slot, os.path.join(place, match[0]))
    if ("train", "images") not in files:
        raise DataError(
            f"cannot load IDX files from {directory}",
            "it has no training images",
            "put train-images-idx3-ubyte or train-images-idx3-ubyte.gz there (a prefix before train is fine), "
            "or read a folder of pictures with dataset.name=images",
        )
    return files


def read_split(files: dict[tuple[str, str], str], split: str, *, transpose: bool = False) -> Split:
    """Reads "train" or "test" from the files that `find` returned; uint8 or float32 images [n, height, width, 1].

    QMNIST has int32 labels [n, 8]. The first column is the class; the others say who wrote the digit.

    Raises:
      DataError: a file is damaged or does not hold images, or the numbers of images and labels differ.
    """
    path = files[split, "images"]
    images = read_idx(path)
    if images.ndim != 3 or images.dtype.kind not in "uf" or 0 in images.shape:
        raise DataError(
            f"cannot use {path} as images",
            f"it holds {images.dtype} {list(images.shape)}",
            "give uint8 or float images [number, height, width]",
        )
    if images.dtype.kind == "f":
        images = splits.check_finite(images, path)
    images = np.ascontiguousarray(images.swapaxes(1, 2)) if transpose else images
    labels = None
    if (split, "labels") in files:
        labels = read_idx(files[split, "labels"])
        labels = labels[:, 0] if labels.dtype == np.int32 and labels.shape[1:] == (8,) else labels
        labels = splits.check_labels(labels, len(images), files[split, "labels"])
    return Split(images[..., None], labels)


def read_idx(path: str) -> np.ndarray:
    """Reads the array of one IDX file, in native byte order: uint8, int8, int16, int32, float32 or float64.

    Raises:
      DataError: the file is missing, unreadable, truncated or corrupt, not IDX, or its size contradicts its header.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"  # a gzip file, whatever its name is
            file.seek(0)
            if not packed:
                return _parse(file, path)
            with gzip.GzipFile(fileobj=file) as content:
                return _parse(cast(BinaryIO, content), path)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        # Includes gzip's errors (bad header or checksum, truncated file) and numpy's error for an impossible shape.
        raise _damaged(path, str(error) or type(error).__name__) from error


def _parse(content: BinaryIO, path: str) -> np.ndarray:
    magic = content.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise DataError(
            f"cannot read {path}",
            f"it is not an IDX file (it starts with the bytes {magic.hex(' ') or 'of nothing at all'})",
            "check that this is the right file, or download it again",
        )
    header = content.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise _damaged(path, "it ends within its header")
    shape = struct.unpack(f">{magic[3]}I", header)
    dtype = np.dtype(_TYPES[magic[2]])
    claimed = math.prod(shape) * dtype.itemsize
    values = bytearray()
    # Reads in pieces: a single read would allocate whatever size a damaged header claims.
    while piece := content.read(min(_PIECE, claimed + 1 - len(values))):
        values += piece
    if len(values) != claimed:
        actual = f"only {len(values)}" if len(values) < claimed else "more"
        raise _damaged(path, f"its header claims {claimed} bytes of values ({list(shape)}) and there are {actual}")
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _damaged(path: str, why: str) -> DataError:
    return DataError(f"cannot read {path}", why, "the file is missing or damaged: download it again")
