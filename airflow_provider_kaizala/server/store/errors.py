"""What can go wrong between the server and its database, as the callers of :class:`~.database.Database` need to tell it apart."""

from __future__ import annotations


class StoreError(Exception):
    """The database failed."""


class Unavailable(StoreError):
    """The database does not answer, or the disk is full. Nothing was changed, so repeating is safe."""


class WriterStopped(StoreError):
    """The thread that writes has ended, so no write succeeds until the process is restarted. Nothing was changed."""


class OutcomeUnknown(StoreError):
    """The connection was lost during COMMIT: what was asked for is either stored or not."""
