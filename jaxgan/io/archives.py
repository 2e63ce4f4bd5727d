"""Reads arrays of untrusted .npz files: runs no code from them, and allocates no more memory than they really hold."""

import contextlib
import io
import lzma
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

MOST_DIRECTORY = 2**20
"""Maximum size of a zip file's directory in bytes. An entry takes some 60, and ten times as many in memory."""

DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, ValueError, KeyError, IndexError, TypeError, SyntaxError, OverflowError, MemoryError),
    *(RuntimeError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""Exceptions of zipfile and numpy for files that are damaged, or of an unsupported kind."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class UnreadableError(Exception):
    """Why a file is not an .npz file of numbers, worded as the end of a sentence that begins with "it"."""


class Pieces(io.BufferedReader):
    """A file whose reads return at most `most` bytes, whatever sizes the file claims."""

    def __init__(self, raw: io.RawIOBase, most: int = MOST_DIRECTORY):
        super().__init__(raw)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


class Archive:
    """An open .npz file.

    Attributes:
      names: names of its arrays.
    """

    def __init__(self, archive: zipfile.ZipFile):
        self._archive = archive
        self.names = [name.removesuffix(".npy") for name in archive.namelist()]

    def read(self, name: str) -> np.ndarray:
        """The array of that name. Its claimed size is compared with the file's before memory is allocated."""
        with self._member(name) as (file, *_):
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)

    def map(self, name: str) -> np.ndarray:
        """A read-only memory map of an array stored uncompressed, in C order. Its checksum is not verified."""
        with self._member(name) as (file, info, shape, dtype):
            offset, raw = file.tell(), self._archive.fp
            if info.compress_type != zipfile.ZIP_STORED or raw is None:
                raise UnreadableError(f"is damaged: {name} is compressed")
            raw.seek(info.header_offset)
            name_length, extra_length = struct.unpack("<26x2H", raw.read(30))
            offset += info.header_offset + 30 + name_length + extra_length
            return np.memmap(raw.name, dtype, "r", offset, shape)

    @contextlib.contextmanager
    def _member(self, name: str) -> Iterator[tuple[IO[bytes], zipfile.ZipInfo, tuple[int, ...], np.dtype]]:
        """An array's file after its header, its entry in the zip file's directory, its shape and its dtype."""
        info = self._archive.getinfo(f"{name}.npy")
        if info.flag_bits & 1:
            raise UnreadableError("is encrypted")
        if info.compress_type not in _METHODS:
            raise UnreadableError(f"is compressed by method {info.compress_type}, which numpy does not write")
        with self._archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version not in _HEADERS:
                raise UnreadableError(f"has an array of version {version}")
            shape, _, dtype = _HEADERS[version](file)
            if dtype.hasobject:
                raise UnreadableError("holds Python objects, which could run any code when they are read")
            claimed, held = math.prod(shape) * dtype.itemsize, info.file_size - file.tell()
            if claimed != held or min(shape, default=0) < 0:
                raise UnreadableError(f"is damaged: {name} is {dtype} {list(shape)}, and has {held} bytes")
            yield file, info, shape, dtype


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Opens an .npz file.

    Raises:
      UnreadableError: the file is missing, damaged or not an .npz file; or an array read within the block is damaged.
    """
    try:
        with warnings.catch_warnings(), open(path, "rb", buffering=0) as raw, zipfile.ZipFile(Pieces(raw)) as archive:
            warnings.simplefilter("ignore")  # about headers written by Python 2
            yield Archive(archive)
    except DAMAGE as error:
        raise UnreadableError(f"is damaged: {error}") from error
