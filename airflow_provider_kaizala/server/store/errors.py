"""What can go wrong between the server and its database, as the callers of :class:`~.database.Database` need to tell it apart."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(Exception):
    """The database failed."""


class Unavailable(StoreError):
    """The database does not answer, or the disk is full. Nothing was changed, so repeating is safe."""


class DiskFull(Unavailable):
    """The disk has no room for what was asked for. Nothing was changed."""


class WriterStopped(StoreError):
    """The thread that writes has ended, so no write succeeds until the process is restarted. Nothing was changed."""


class OutcomeUnknown(StoreError):
    """The connection was lost during COMMIT: what was asked for is either stored or not."""


@contextmanager
def needing_room() -> Iterator[None]:
    """Raise :class:`DiskFull` where a file cannot be written because the disk, or the quota on it, is used up."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull from error
