"""Uploaded files on disk, each under its unguessable id."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import IO

from airflow_provider_kaizala.server.hashing import new_token

_CHUNK = 1 << 20
_NAME = re.compile(r"[\w-]{48}(\.partial)?", re.ASCII)


class MediaFiles:
    """A folder of files that are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, source: IO[bytes]) -> tuple[str, int]:
        """Copy a stream into the store; return the new file's id and size once it is on disk."""
        file_id = new_token()
        return file_id, self.put(file_id, source)

    def put(self, file_id: str, source: IO[bytes]) -> int:
        """Copy a stream into the store under an id; return its size once it is on disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{file_id}.partial"
        try:
            with partial.open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            partial.rename(self.folder / file_id)
            self._sync_folder()
        finally:
            partial.unlink(missing_ok=True)
        return size

    def path(self, file_id: str) -> Path:
        """Return where a file with a known id lies."""
        return self.folder / file_id

    def discard(self, file_id: str) -> None:
        """Remove a file that nothing refers to."""
        self.path(file_id).unlink(missing_ok=True)

    def make_folder(self) -> None:
        """Make the folder, so that one that cannot be used shows at once; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def clear(self) -> None:
        """Remove all files of the store; the folder may be one that holds others too."""
        for path in self.folder.glob("*"):
            if _NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
