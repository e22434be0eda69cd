"""The parts of a ``multipart/form-data`` body as they come: texts are kept, files go to disk, what is too large is passed over.

A form is read to its end even where a file of it is refused, so that what was typed beside it is not lost.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import BinaryIO, Self, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request, too_large
from airflow_provider_kaizala.server.store.errors import needing_room

#: the name and the headers of one part; browsers send some hundred bytes
_MAX_HEADERS = 16 * 1024
_IN_MEMORY = 1 * MEBIBYTE


@dataclass(frozen=True)
class Bounds:
    """What a form may hold.

    :param files: how many files; with 0 files are passed over
    :param files_size: bytes of all files together
    :param texts_size: bytes of all texts together, names included
    """

    file_size: int
    files_size: int
    files: int
    fields: int = 1000
    texts_size: int = 1 * MEBIBYTE


class Upload:
    """A file of a form.

    :param name: as the browser says it
    :param mime_type: what the browser takes it for
    """

    def __init__(self, name: str, mime_type: str | None) -> None:
        self.name = name
        self.mime_type = mime_type
        self.size = 0
        self.file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - Form.close()

    def add(self, data: bytes) -> None:
        """Write a further piece: into memory, or into a file that the system holds in memory."""
        self.file.write(data)
        self.size += len(data)


class _Part:
    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.headers_size = 0
        self.name = ""
        self.text = bytearray()
        self.upload: Upload | None = None
        self.is_file = False


class Parts:
    """Takes a body apart."""

    #: browsers send a file without a name for a field where none was chosen
    skips_unnamed = True

    def __init__(self, content_type: str, bounds: Bounds) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary or len(boundary) > 70:
            raise _unreadable()
        self.values: dict[str, list[str]] = {}
        self.files: dict[str, list[Upload]] = {}
        #: why a file was not taken
        self.problem: ApiError | None = None
        self._bounds = bounds
        self._part = _Part()
        self._header, self._header_value = b"", b""
        self._parts = self._texts = self._file_bytes = self._file_count = 0
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_header,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._name_part,
                "on_part_data": self._take,
                "on_part_end": self._end,
                "on_end": self._end_all,
            },
        )

    async def read(self, body: AsyncIterable[bytes]) -> Self:
        """Read a body to its end; raises :class:`ApiError`, or :class:`DiskFull`."""
        with needing_room():
            try:
                async for piece in body:
                    self._parser.write(piece)
                if not self._is_whole:
                    raise _unreadable()
            except BaseException as error:
                self.close()
                if isinstance(error, FormParserError):
                    raise _unreadable() from None
                raise
        return self

    def close(self) -> None:
        """Drop the files."""
        for upload in [*(one for some in self.files.values() for one in some), self._part.upload]:
            if upload is not None:
                upload.file.close()

    # --- What the parser tells ----------------------------------------------------------------------------------------
    def _begin(self) -> None:
        self._parts += 1
        # More no form has, and each costs something.
        if self._parts > self._bounds.fields + 100:
            raise too_large(self._bounds.fields)
        self._part = _Part()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._part.headers_size += size
        if self._part.headers_size > _MAX_HEADERS:
            raise _unreadable()

    def _end_header(self) -> None:
        self._part.headers[self._header.lower()] = self._header_value
        self._header, self._header_value = b"", b""

    def _name_part(self) -> None:
        part = self._part
        mime_type = part.headers.get(b"content-type", b"").decode("latin-1")[:100]
        name, filename = self.names(part.headers.get(b"content-disposition", b""), mime_type)
        part.name = plain(name)
        self._count_text(len(name))
        if filename is None:
            return
        part.is_file = True
        if not self._bounds.files or (self.skips_unnamed and not filename):
            return
        self._file_count += 1
        if self._file_count > self._bounds.files:
            self.problem = self.problem or too_large(self._bounds.files_size)
            return
        part.upload = Upload(plain(filename), mime_type or None)

    def names(self, disposition: bytes, _mime_type: str) -> tuple[bytes | str, bytes | str | None]:
        """Return the names of a part and, if it is a file, of that."""
        _, options = parse_options_header(disposition)
        if b"name" not in options:
            raise _unreadable()
        return options[b"name"], options.get(b"filename")

    def _take(self, data: bytes, start: int, end: int) -> None:
        part, size, bounds = self._part, end - start, self._bounds
        if not part.is_file:
            self._count_text(size)
            part.text += data[start:end]
        elif part.upload is not None:
            self._file_bytes += size
            if part.upload.size + size > bounds.file_size:
                told = {"name": part.upload.name[:80], "megabytes": bounds.file_size // MEBIBYTE}
                self._pass_over(too_large(bounds.file_size, "file_size", **told))
            elif self._file_bytes > bounds.files_size:
                self._pass_over(too_large(bounds.files_size))
            else:
                part.upload.add(data[start:end])

    def _pass_over(self, problem: ApiError) -> None:
        self.problem = self.problem or problem
        if self._part.upload is not None:
            self._file_bytes -= self._part.upload.size
            self._part.upload.file.close()
        self._part.upload = None

    def _end(self) -> None:
        part = self._part
        if part.upload is not None:
            part.upload.file.flush()
            self.files.setdefault(part.name, []).append(part.upload)
        elif not part.is_file:
            self.values.setdefault(part.name, []).append(plain(part.text))
        self._part = _Part()

    def _end_all(self) -> None:
        self._is_whole = True

    def _count_text(self, size: int) -> None:
        self._texts += size
        if self._texts > self._bounds.texts_size:
            raise too_large(self._bounds.texts_size)


def _unreadable() -> ApiError:
    return bad_request("The multipart body cannot be read", "form")


def plain(text: bytes | bytearray | str) -> str:
    """Return a text as the database takes it, with the line ends of everywhere else."""
    if not isinstance(text, str):
        text = text.decode("utf-8", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "replace").decode()
