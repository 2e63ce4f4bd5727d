"""Caches decoded splits on disk, so a dataset is decoded once and not at the start of every run."""

import contextlib
import functools
import hashlib
import os
import pathlib
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from jaxgan.datasets.base import Split
from jaxgan.io import archives
from jaxgan.io.atomic import atomic_path, local_path


def directory() -> str:
    """The cache directory: $JAXGAN_CACHE_DIR, else $XDG_CACHE_HOME/jaxgan, else ~/.cache/jaxgan. Never a URL.

    Without a home directory, the cache is a private directory in the temporary directory.
    """
    if place := os.environ.get("JAXGAN_CACHE_DIR"):
        return str(local_path(place, "JAXGAN_CACHE_DIR="))
    place = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return own_temporary() if place.startswith("~") else os.path.join(place, "jaxgan")


@functools.cache
def own_temporary() -> str:
    """A private directory in the temporary directory; a new one each time if another user holds its usual name."""
    place = os.path.join(tempfile.gettempdir(), f"jaxgan-{os.getuid()}")
    with contextlib.suppress(OSError):
        os.mkdir(place, 0o700)
    return place if private(place) else tempfile.mkdtemp(prefix="jaxgan-")


def private(place: str) -> bool:
    """Whether we own a directory, and nobody else can write to it or replace it."""
    try:
        found = [os.lstat(path) for path in (place, *map(str, pathlib.Path(os.path.realpath(place)).parents))]
    except OSError:
        return False
    own, *above = found
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.getuid() or own.st_mode & 0o022:
        return False
    closed = False  # whether a directory above admits only us
    for each in reversed(above):
        sticky = each.st_mode & stat.S_ISVTX  # as for /tmp, where nobody may move another user's files
        if each.st_uid not in (0, os.getuid()) or (each.st_mode & 0o022 and not sticky and not closed):
            return False
        closed = closed or not each.st_mode & 0o077
    return True


def fingerprint(descriptions: Iterable[str], shards: Iterable[str]) -> str:
    """16 hexadecimal digits: a hash of the content of `descriptions` and of the name, size and time of `shards`.

    Raises:
      OSError: one of these files is missing.
    """
    digest = hashlib.sha256(b"jaxgan 1")
    for path in descriptions:
        with open(path, "rb") as file:
            digest.update(file.read())
    for path in shards:
        state = os.stat(path)
        digest.update(f"{os.path.basename(path)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def read(path: str, count: int, shape: tuple[int | None, ...], *, labelled: bool) -> Split | None:
    """Reads a split from its file; None if the file is missing, damaged (each array has a checksum) or does not match.

    Args:
      path: the file.
      count: number of examples.
      shape: shape of an example; None for a side of unknown length.
      labelled: whether the examples have labels.
    """
    try:
        with archives.opened(path) as archive:
            examples, labels = archive.read("examples"), archive.read("labels") if labelled else None
    except archives.UnreadableError:
        return None
    fits = examples.dtype == np.uint8 and examples.ndim == 4 and len(examples) == count
    fits &= all(known in (None, size) for known, size in zip(shape, examples.shape[1:], strict=False))
    fits &= labels is None or (labels.dtype == np.int32 and labels.shape == (count,))
    return Split(examples, labels) if fits else None


def write(path: str, split: Split) -> None:
    """Writes a split of arrays to its file, whole or not at all. A full or read-only disk only makes runs slower."""
    arrays = {"examples": split.examples} | ({} if split.labels is None else {"labels": split.labels})
    with contextlib.suppress(OSError), atomic_path(pathlib.Path(path)) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)  # type: ignore[arg-type]


def write_pieces(
    path: str, shape: tuple[int, ...], pieces: Iterable[np.ndarray], others: Callable[[], Mapping[str, np.ndarray]]
) -> None:
    """Writes uint8 `examples` in pieces, and further arrays, to an .npz file, whole or not at all.

    Args:
      path: the file.
      shape: shape of all examples together.
      pieces: uint8 [m, ...]; concatenated, they are the examples.
      others: returns the further arrays; called after the last piece.

    Raises:
      OSError: the file cannot be written.
    """
    with atomic_path(pathlib.Path(path)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("examples.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for piece in pieces:
                file.write(np.ascontiguousarray(piece).data)
        for name, array in others().items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
