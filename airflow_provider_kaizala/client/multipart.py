"""Files of an upload: reopened for each attempt and streamed, never read into memory as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_provider_kaizala.client import models
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 256 * 1024
_ESCAPES = str.maketrans({"\\": "\\\\", '"': "%22", "\r": "%0D", "\n": "%0A"})


class Part(Value):
    """One file.

    :param file_name: the name shown in the group
    :param content_type: its MIME type; Kaizala answers 415 without one
    :param opener: opens the file for reading, from its start, each time it is called
    """

    file_name: str
    content_type: str
    opener: Callable[[], IO[bytes]]

    @classmethod
    def from_path(cls, path: str | Path) -> Part:
        """Return a local file as a part, under its own name.

        :raises KaizalaInputError: if it does not exist, is empty, or is of a type that Kaizala does not accept
        """
        file = Path(path)
        if not file.is_file():
            raise KaizalaInputError(
                f"file {str(path)!r} does not exist, or is not a file; give a path that this process can read"
            )
        if file.stat().st_size == 0:
            raise KaizalaInputError(f"file {str(path)!r} is empty; Kaizala would show nothing")
        return cls(file.name, models.media_type(file.name)[1], lambda: file.open("rb"))


class Upload:
    """A ``multipart/form-data`` body that can be sent again: each iteration reads the files from their start."""

    def __init__(self, parts: tuple[Part, ...], boundary: str) -> None:
        self.parts = parts
        self._end = f"--{boundary}--\r\n".encode()
        self._heads = [self._head(part, boundary) for part in parts]
        self.content_type = f"multipart/form-data; boundary={boundary}"

    @staticmethod
    def _head(part: Part, boundary: str) -> bytes:
        name = part.file_name.translate(_ESCAPES)
        return (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            f"Content-Type: {part.content_type}\r\n\r\n"
        ).encode()

    def length(self) -> int:
        """Return the length of the whole body in bytes, which Kaizala requires as Content-Length."""
        total = len(self._end)
        for head, part in zip(self._heads, self.parts, strict=True):
            with part.opener() as file:
                total += len(head) + file.seek(0, os.SEEK_END) + len(b"\r\n")
        return total

    def __iter__(self) -> Iterator[bytes]:
        for head, part in zip(self._heads, self.parts, strict=True):
            yield head
            with part.opener() as file:
                while chunk := file.read(CHUNK):
                    yield chunk
            yield b"\r\n"
        yield self._end
