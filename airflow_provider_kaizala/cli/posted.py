"""What a command says if it has posted something, but cannot write its output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_kaizala.cli.errors import UnwrittenResultError
from airflow_provider_kaizala.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def saying_what_was_posted(what: str, reference_id: str) -> Iterator[None]:
    """Say which post was made if the output of the commands in this context cannot be written.

    :param what: such as ``the message``
    :raises UnwrittenResultError: if the output cannot be written
    :raises BrokenPipeError: if the program that reads the output has ended
    """
    try:
        yield
    except BrokenPipeError:
        note(f"{what} was sent: reference id {reference_id}")
        raise
    except OSError as error:
        raise UnwrittenResultError(
            f"{what} was sent (reference id {reference_id}), but the output cannot be written: {error.strerror or error}; do not send "
            "it again"
        ) from error
