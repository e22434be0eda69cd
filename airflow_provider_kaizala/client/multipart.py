"""Files of an upload: opened anew for each try, streamed, never held in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One file.

    :param file_name: the name the group sees
    :param content_type: its MIME type; Kaizala answers 415 without one
    :param opener: opens the file for reading, from its start, each time it is called
    """

    file_name: str
    content_type: str
    opener: Callable[[], IO[bytes]]


class Upload:
    """A ``multipart/form-data`` body that can be sent again: each iteration reads the files from their start."""

    def __init__(self, parts: tuple[Part, ...], boundary: str) -> None:
        self.parts = parts
        self._end = f"--{boundary}--\r\n".encode()
        self._heads = [self._head(part, boundary) for part in parts]
        self.content_type = f"multipart/form-data; boundary={boundary}"

    @staticmethod
    def _head(part: Part, boundary: str) -> bytes:
        name = (
            part.file_name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        )
        return (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            f"Content-Type: {part.content_type}\r\n\r\n"
        ).encode()

    def length(self) -> int:
        """Return the whole body's length in bytes, which the service wants announced."""
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
