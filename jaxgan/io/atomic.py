"""Files that a reader sees whole or not at all, and the paths that they have."""

import contextlib
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
    """A path as an absolute one, with ~ expanded.

    Raises:
      UsageError: which names `name`: it is a URL such as gs://bucket/run, which as a path would be a directory `gs:`
        here, or begins with ~ where there is no home directory.
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
    """A path to write to, which replaces `path` at the end of the block, or vanishes if the block raises.

    Args:
      path: the file, or symbolic link. Its directory is created if it does not exist.

    Yields:
      A path beside it that no other writer uses, with the same suffix.

    Raises:
      OSError: it cannot be written. An earlier file stays.
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
    """A new folder to write in, which replaces `path` at the end of the block, or vanishes if the block raises.

    Args:
      path: the folder. The directory above it is created if it does not exist.

    Yields:
      A folder beside it that no other writer uses.

    Raises:
      OSError: it cannot be written. An earlier folder stays.
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
    """Writes a file whole or not at all, see `atomic_path`; a power cut leaves it so, too."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def reported(path: str | Path, remedy: str = "make room, or choose another directory") -> Iterator[None]:
    """Turns an OSError of the block into a WriteError: the path cannot be written."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write {path}", error.strerror or str(error), remedy) from error


def made_folder(path: Path, remedy: str) -> Path:
    """A folder for files, made if it does not exist; WriteError, before the work for the files, if it takes none."""
    with reported(path, remedy):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    return path


def write_text(path: Path, text: str) -> None:
    """`atomic_write` of text; raises WriteError if it fails."""
    with reported(path):
        atomic_write(path, text.encode(errors="replace"))  # names of files may hold what UTF-8 does not


def write_json(path: Path, content: Any) -> None:
    """`write_text` of what JSON can hold."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
