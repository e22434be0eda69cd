"""Uploaded files on disk, each under its unguessable id."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

from airflow_provider_kaizala.server.hashing import new_token

_CHUNK = 1 << 20


class MediaFiles:
    """A folder of files that are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, source: BinaryIO) -> tuple[str, int]:
        """Copy a stream into the store; return the new file's id and size once it is on disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file_id = new_token()
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
        return file_id, size

    def path(self, file_id: str) -> Path:
        """Return where a file with a known id lies."""
        return self.folder / file_id

    def discard(self, file_id: str) -> None:
        """Remove a file that nothing refers to."""
        self.path(file_id).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
