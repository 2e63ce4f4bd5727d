"""Files that a reader sees whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its place and moves it there, so that no reader, and no crash, meets half of it.

    Args:
      path: the file; its directory is made if it is not there.
      content: all of it.

    Raises:
      OSError: it cannot be written; what was there stays, and nothing is left beside it.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")  # of nobody else's
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
