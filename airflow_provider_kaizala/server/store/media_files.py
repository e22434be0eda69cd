"""Uploaded files on disk, each under its unguessable id, and smaller copies of photos beside them.

While the database does not know a file yet, an empty ``{id}.new`` lies beside it; where that lies for a day, the file belongs to
nothing.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from pathlib import Path
from typing import IO, NamedTuple

from airflow_provider_kaizala.server.hashing import new_token
from airflow_provider_kaizala.server.store import pictures
from airflow_provider_kaizala.server.store.errors import needing_room

_CHUNK = 1 << 20
_NEW = ".new"
_NAME = re.compile(r"[\w-]{48}(\.new|\.\d+)?", re.ASCII)
_ABANDONED_AFTER = 24 * 3600


class Saved(NamedTuple):
    """A file in the store.

    :param width: of a photo, in pixels, as it is seen; with its height
    """

    id: str
    size: int
    width: int | None = None
    height: int | None = None


class MediaFiles:
    """A folder of files that are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, source: IO[bytes], mime_type: str) -> Saved:
        """Copy a stream into the store, on disk when this returns. To be kept, or else discarded.

        :raises DiskFull: and leaves nothing behind
        """
        with needing_room():
            self.folder.mkdir(parents=True, exist_ok=True)
            file_id = new_token()
            self._mark(file_id).touch()
            return self._store(file_id, source, mime_type)

    def put(self, file_id: str, source: IO[bytes]) -> None:
        """Copy a file of a backup into the store, under its id."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._store(file_id, source, "")

    def _store(self, file_id: str, source: IO[bytes], mime_type: str) -> Saved:
        path = self.folder / file_id
        try:
            with path.open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
            pictures.strip(path, mime_type)
            seen = pictures.make_copies(path, lambda width: self._copy(file_id, width))
            with path.open("rb+") as target:
                os.fsync(target.fileno())
                size = target.seek(0, os.SEEK_END)
            self._sync_folder()
        except BaseException:
            self.discard(file_id)
            raise
        return Saved(file_id, size, *(seen or (None, None)))

    def keep(self, file_id: str) -> None:
        """Note that the database knows a file."""
        self._mark(file_id).unlink(missing_ok=True)

    def path(self, file_id: str, width: int | None = None) -> Path:
        """Return where a file with a known id lies, or its smaller copy if there is one."""
        copy = None if width is None else self._copy(file_id, width)
        return copy if copy is not None and copy.is_file() else self.folder / file_id

    def _mark(self, file_id: str) -> Path:
        return self.folder / f"{file_id}{_NEW}"

    def _copy(self, file_id: str, width: int) -> Path:
        return self.folder / f"{file_id}.{width}"

    def discard(self, file_id: str) -> None:
        """Remove a file that nothing refers to."""
        for ending in ("", _NEW, *(f".{width}" for width in pictures.WIDTHS)):
            (self.folder / f"{file_id}{ending}").unlink(missing_ok=True)

    def abandoned(self) -> list[str]:
        """Return the ids of files that have not been kept for a day."""
        before = time.time() - _ABANDONED_AFTER
        found = [one for one in self.folder.glob(f"*{_NEW}") if _NAME.fullmatch(one.name)]
        return [one.stem for one in found if one.stat().st_mtime < before]

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
