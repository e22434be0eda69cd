"""Which files Kaizala takes, by MIME type and extension (``x-media-types`` of the contract)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import BinaryIO

from airflow_provider_kaizala.server.domain.errors import unsupported_media

_OFFICE = "application/vnd.openxmlformats-officedocument."
# extension: kind, MIME types it may come with; the first is the one it is served with
_TYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "jpg": ("Image", ("image/jpeg", "image/jpg", "image/pjpeg")),
    "jpeg": ("Image", ("image/jpeg", "image/jpg", "image/pjpeg")),
    "png": ("Image", ("image/png", "image/x-png")),
    "mp3": ("Audio", ("audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg-3", "audio/x-mp3")),
    "wav": ("Audio", ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")),
    "doc": ("Document", ("application/msword",)),
    "docx": ("Document", (_OFFICE + "wordprocessingml.document",)),
    "xls": ("Document", ("application/vnd.ms-excel",)),
    "xlsx": ("Document", (_OFFICE + "spreadsheetml.sheet",)),
    "ppt": ("Document", ("application/vnd.ms-powerpoint",)),
    "pptx": ("Document", (_OFFICE + "presentationml.presentation",)),
    "pdf": ("Document", ("application/pdf", "application/x-pdf")),
    "mp4": ("Video", ("video/mp4", "application/mp4")),
    # Python guesses audio/3gpp for these names.
    "3gpp": ("Video", ("video/3gpp", "audio/3gpp")),
    "3gp": ("Video", ("video/3gpp", "audio/3gpp")),
}


# What clients write who do not know a file's type; Android's write the last one.
UNTOLD = ("application/octet-stream", "binary/octet-stream", "*/*", "multipart/form-data")


def kind_of(name: str, mime_type: str | None, content: BinaryIO | None = None) -> tuple[str, str]:
    """Return a file's kind (Image, Audio, Document, Video) and the MIME type to keep; 415 if it is not taken.

    A type that says nothing (:data:`UNTOLD`, or ``image/*``) is told by the name's extension if the content does not
    contradict, or else by the content.
    """
    mime = (mime_type or "").partition(";")[0].strip().lower()
    if not mime:
        raise unsupported_media("Each file needs its own MIME Content-Type")
    extension = _extension(name)
    if extension and extension not in _TYPES:
        raise unsupported_media(f"Files with the extension .{extension[:20]} are not taken")
    if mime in UNTOLD or mime.endswith("/*"):
        shown = recognize(content) if content else None
        if extension and (shown is None or _matching(shown)[0][0] == _TYPES[extension][0]):
            shown = _TYPES[extension][1][0]
        if shown is None or not (mime in UNTOLD or shown.startswith(mime[:-1])):
            raise unsupported_media(
                f"Neither the type {mime[:80]} nor the content shows a file that is taken"
            )
        mime = shown
    matching = _matching(mime)
    if not matching:
        raise unsupported_media(f"Files of the type {mime[:80]} are not taken")
    if extension and matching[0][0] != _TYPES[extension][0]:
        raise unsupported_media(f"A .{extension} file does not have the type {mime[:80]}")
    return matching[0]


def _matching(mime_type: str) -> list[tuple[str, str]]:
    return [(kind, mimes[0]) for kind, mimes in _TYPES.values() if mime_type in mimes]


def has_taken_extension(name: str) -> bool:
    """Tell whether files with the extension of a name are taken."""
    return _extension(name) in _TYPES


def is_taken(mime_type: str) -> bool:
    """Tell whether files of a MIME type are taken."""
    return bool(_matching(mime_type.partition(";")[0].strip().lower()))


def _extension(name: str) -> str:
    return PurePosixPath(name).suffix.lower().removeprefix(".")


def named_for(name: str, mime_type: str) -> str:
    """Return a name with an extension that fits its type; what a URL ends with need not be one."""
    extension = _extension(name)
    if extension in _TYPES and mime_type in _TYPES[extension][1]:
        return name
    fitting = next(extension for extension, (_, mimes) in _TYPES.items() if mime_type in mimes)
    return f"{name or 'file'}.{fitting}"


_BEGINNINGS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    # Old Office files look alike outside; Word's are the most common.
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
)
_INSIDE_ZIP = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
_SEEN = 64 * 1024


def recognize(content: BinaryIO) -> str | None:
    """Return the MIME type a file's content shows, None for what is not taken."""
    content.seek(0)
    head = content.read(_SEEN)
    for offset, beginning, mime_type in _BEGINNINGS:
        if head[offset : offset + len(beginning)] == beginning:
            return mime_type
    if head.startswith(b"PK\x03\x04"):
        # New Office files are archives; the names inside stand at the begin or in the directory at the end.
        size = content.seek(0, 2)
        content.seek(max(0, size - _SEEN))
        names = head + content.read(_SEEN)
        for folder, extension in _INSIDE_ZIP:
            if folder in names:
                return _TYPES[extension][1][0]
    return None
