"""Photos and videos as they are kept: without what tells where they were taken, and photos in sizes that a phone loads quickly.

Metadata is cut out of the file's structure: pixels are not encoded again, and a file that has no such structure stays as it is.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

log = logging.getLogger(__name__)
#: of smaller copies; a narrower photo has none
WIDTHS = (480, 1080)
COPY_TYPE = "image/webp"
#: larger photos are served as they are: to scale them would take too much memory
MAX_PIXELS = 50_000_000
#: a photo that loads at once needs no smaller copies
_SMALL = 60_000
_ORIENTATION = 0x0112
# One photo at a time is decoded, so that many uploads at once take no more memory than one.
_decoding = threading.Lock()


def strip(path: Path, mime_type: str) -> None:
    """Remove what a file tells besides its content: place, time, camera, author. The orientation stays."""
    match mime_type:
        case "image/jpeg" | "image/png":
            content = path.read_bytes()
            stripped = (_jpeg if mime_type == "image/jpeg" else _png)(content)
            if stripped is not None and stripped != content:
                path.write_bytes(stripped)
        case "video/mp4" | "video/3gpp":
            with path.open("r+b") as file:
                _blank_boxes(file, 0, file.seek(0, 2), _BLANKED)


def _exif(orientation: int) -> bytes:
    """Return the one Exif entry that is kept."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)


def _orientation(exif: bytes) -> int:
    """Return how a picture is to be turned, 1 if its Exif does not tell."""
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", exif, at)
            if tag == _ORIENTATION and value in range(1, 9):
                return int(value)
    except struct.error:
        pass
    return 1


# --- JPEG: segments -------------------------------------------------------------------------------------------------------
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_APPS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}


def _jpeg(content: bytes) -> bytes | None:
    kept, at, orientation, has_scan = [], 2, 1, False
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == 0xD9:  # the end of the picture; phones put others, or a video, behind it
            break
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        segment, at = content[at:end], end
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0" and orientation == 1:
            orientation = _orientation(segment[10:])
        if (0xE0 <= marker <= 0xEF and not segment[4:].startswith(_APPS.get(marker, b"-"))) or marker == 0xFE:
            continue
        kept.append(segment)
        if marker == 0xDA:
            has_scan = True
            found = _AFTER_SCAN.search(content, at)
            end = found.start() if found else len(content)
            kept.append(content[at:end])
            at = end
    if not has_scan:
        return None
    if orientation != 1:
        exif = b"Exif\0\0" + _exif(orientation)
        is_jfif = kept[0][1] == 0xE0
        kept.insert(1 if is_jfif else 0, b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif)
    return content[:2] + b"".join(kept) + b"\xff\xd9"


# --- PNG: chunks ----------------------------------------------------------------------------------------------------------
_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)


def _png(content: bytes) -> bytes | None:
    if content[12:16] != b"IHDR":
        return None
    kept, at, orientation = [content[:8]], 8, 1
    while at + 8 <= len(content):
        name = content[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(content[at : at + 4])
        if name == b"eXIf":
            orientation = _orientation(content[at + 8 : end - 4])
        if name in _CHUNKS:
            kept.append(content[at:end])
        if name == b"IEND":
            break
        at = end
    if orientation != 1:
        exif = b"eXIf" + _exif(orientation)
        kept.insert(2, (len(exif) - 4).to_bytes(4) + exif + zlib.crc32(exif).to_bytes(4))
    return b"".join(kept)


# --- MP4 and 3GPP: boxes --------------------------------------------------------------------------------------------------
_BLANKED = (b"udta", b"meta", b"uuid")
_ZEROS = bytes(1 << 16)


def _blank_boxes(file: BinaryIO, start: int, end: int, names: tuple[bytes, ...]) -> None:
    """Turn boxes of metadata into free space of the same size, as positions in the file must not move."""
    for name, at, body, after in list(_boxes(file, start, end)):
        if name in names:
            file.seek(at + 4)
            file.write(b"free")
            file.seek(body)
            file.writelines(_ZEROS[: after - begin] for begin in range(body, after, len(_ZEROS)))
        elif name in (b"moov", b"trak"):
            _blank_boxes(file, body, after, names)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield name, start, start of the content, and end of each box."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, body = int.from_bytes(head[:4]), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16]), start + 16
        after = end if size == 0 else start + size
        if not body <= after <= end:
            return
        yield head[4:8], start, body, after
        start = after


# --- Smaller copies -------------------------------------------------------------------------------------------------------
def make_copies(path: Path, copy: Callable[[int], Path]) -> tuple[int, int] | None:
    """Write smaller copies of a photo, and return its width and height as it is seen; None if it is no photo that can be read.

    :param copy: tells where the copy of a width goes
    """
    with path.open("rb") as file:
        if not file.read(4).startswith((b"\xff\xd8\xff", b"\x89PNG")):
            return None
    try:
        with _decoding, Image.open(path, formats=("JPEG", "PNG")) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5
            width, height = image.size[::-1] if turned else image.size
            wanted = [one for one in WIDTHS if one < width]
            if wanted and width * height <= MAX_PIXELS and path.stat().st_size > _SMALL:
                _scale(image, wanted, copy)
            return width, height
    except Exception as error:  # noqa: BLE001 - whatever Pillow cannot read may still be shown by a browser
        log.info("an uploaded photo has no smaller copies: %s", error)
        return None


def _scale(image: Image.Image, widths: list[int], copy: Callable[[int], Path]) -> None:
    image.draft("RGB", (2 * widths[-1], 2 * widths[-1]))
    upright = ImageOps.exif_transpose(image)
    upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    profile = image.info.get("icc_profile")
    for width in reversed(widths):
        upright = upright.resize(
            (width, max(1, round(upright.height * width / upright.width))),
            Image.Resampling.LANCZOS,
            reducing_gap=2,
        )
        upright.save(copy(width), "WEBP", quality=78, method=2, icc_profile=profile)
