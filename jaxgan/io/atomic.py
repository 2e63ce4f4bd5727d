"""Writes files so that readers see them whole or not at all; and resolves local paths."""

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgan.errors import UsageError, WriteError


def local_path(path: str, name: str) -> Path:
    """Makes a path absolute, and expands ~.

    Raises:
      UsageError: the path is a URL such as gs://bucket/run, which would create a local directory `gs:`; or it begins
        with ~ but there is no home directory. The message names `name`.
    """
    if scheme := re.match(r"\w[\w+.-]*://", path):
        raise UsageError(
            f"{name}{path} is a URL",
            f"jaxgan writes to directories only, and knows no {scheme[0]}",
            "mount the bucket and give its directory, or give a local one and copy it afterwards",
        )
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(
            f"{name}{path}", "~ is the home directory, and there is none", "give the whole path"
        ) from error


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path to write to. It replaces `path` at the end of the block, or is deleted if the block raises.

    Args:
      path: the file, or symbolic link. Its directory is created if it does not exist.

    Yields:
      A path in the same directory, with the same suffix, that no other writer uses.

    Raises:
      OSError: it cannot be written. An existing file is kept.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder to write to. It replaces `path` at the end of the block, or is deleted if the block raises.

    Args:
      path: the folder. Its parent directory is created if it does not exist.

    Yields:
      A folder in the same parent that no other writer uses.

    Raises:
      OSError: it cannot be written. An existing folder is kept.
    """
    temporary, earlier = (path.with_name(f".{path.name}.{uuid.uuid4().hex}.{end}") for end in ("tmp", "old"))
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if os.path.lexists(path):
            os.replace(path, earlier)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if os.path.isdir(earlier) and not os.path.islink(earlier):
        shutil.rmtree(earlier)
    elif os.path.lexists(earlier):
        os.unlink(earlier)


def atomic_write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, even in a power cut; see `atomic_path`."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


OUTPUT = "name another directory by --output=DIRECTORY"
"""The remedy where a command takes --output."""


@contextlib.contextmanager
def reported(path: str | Path, another: str = "choose another directory") -> Iterator[None]:
    """Turns an OSError of the block into a WriteError which says that the path cannot be written.

    `another` is the remedy, beside making room if the disk is full.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = f"make room, or {another}" if full else another
        raise WriteError(f"cannot write {path}", error.strerror or str(error), remedy) from error


def made_folder(path: Path, another: str) -> Path:
    """Creates a folder if it does not exist; WriteError, before the work for its files, if it is not writable."""
    with reported(path, another):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    return path


def write_text(path: Path, text: str) -> None:
    """`atomic_write` for text; raises WriteError on failure."""
    with reported(path):
        atomic_write(path, text.encode(errors="replace"))  # file names may contain characters that UTF-8 cannot encode


def write_json(path: Path, content: Any) -> None:
    """`write_text` for anything that JSON can hold."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
