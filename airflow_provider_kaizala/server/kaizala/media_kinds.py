"""Which files Kaizala takes, by MIME type and extension (``x-media-types`` of the contract)."""

from __future__ import annotations

from pathlib import PurePosixPath

from airflow_provider_kaizala.server.wire.errors import unsupported_media

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
    "3gpp": ("Video", ("video/3gpp",)),
    "3gp": ("Video", ("video/3gpp",)),
}


def kind_of(name: str, mime_type: str | None) -> tuple[str, str]:
    """Return a file's kind (Image, Audio, Document, Video) and the MIME type to keep; 415 if it is not taken."""
    mime = (mime_type or "").partition(";")[0].strip().lower()
    if not mime:
        raise unsupported_media("Each file needs its own MIME Content-Type")
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    matching = [(kind, mimes[0]) for kind, mimes in _TYPES.values() if mime in mimes]
    if not matching:
        raise unsupported_media(f"Files of the type {mime[:80]} are not taken")
    if extension and extension not in _TYPES:
        raise unsupported_media(f"Files with the extension .{extension[:20]} are not taken")
    if extension and mime not in _TYPES[extension][1]:
        raise unsupported_media(f"A .{extension} file does not have the type {mime[:80]}")
    return matching[0]
