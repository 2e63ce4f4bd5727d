"""Files that a reader sees whole or not at all."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


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


def atomic_write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Args:
      path: the file. Its directory is created if it does not exist.
      content: all of it.

    Raises:
      OSError: it cannot be written. An earlier file stays.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
