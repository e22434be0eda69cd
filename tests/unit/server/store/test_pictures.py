"""What is kept of a photo or a video, and how much of it a phone loads."""

from __future__ import annotations

import io
import os
import random

import pytest
from PIL import Image

from airflow_provider_kaizala.server.store import pictures
from airflow_provider_kaizala.server.store.media_files import MediaFiles

ORIENTATION, GPS = 0x0112, 0x8825


def taken(kind: str = "JPEG", size: tuple[int, int] = (64, 40), orientation: int = 6, **more) -> bytes:
    """Return a photo as a phone takes it: noisy, turned, with its place, its camera and a comment."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x0110] = "Phone 12"
    exif[GPS] = {1: "N", 2: (17.0, 22.0, 30.0), 3: "E", 4: (78.0, 28.0, 0.0)}
    content = io.BytesIO()
    image = Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))
    image.save(content, kind, exif=exif, **({"comment": b"at home"} if kind == "JPEG" else {}), **more)
    return content.getvalue()


@pytest.fixture
def stripped(tmp_path):
    def strip(content: bytes, mime_type: str) -> bytes:
        path = tmp_path / "file"
        path.write_bytes(content)
        pictures.strip(path, mime_type)
        return path.read_bytes()

    return strip


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("more", [{}, {"icc_profile": b"a profile " * 20}])
def test_a_photo_loses_its_place_and_keeps_how_it_is_turned(stripped, kind, more) -> None:
    before = taken(kind, **more)
    assert Image.open(io.BytesIO(before)).getexif().get_ifd(GPS)
    after = stripped(before, f"image/{kind.lower()}")
    for told in (b"Phone 12", b"at home"):
        assert told not in after
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        assert dict(new.getexif()) == {ORIENTATION: 6}
        assert new.info.get("icc_profile") == more.get("icc_profile")
        assert new.tobytes() == old.tobytes(), "not a pixel is encoded again"


@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_any_kind_of_jpeg(stripped, more) -> None:
    before = taken(**more)
    after = stripped(before, "image/jpeg")
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        assert new.tobytes() == old.tobytes()
        assert not new.getexif().get_ifd(GPS)


def test_what_stands_behind_the_picture_goes(stripped) -> None:
    assert b"location" not in stripped(taken() + b"a video with its location", "image/jpeg")


def test_a_photo_without_metadata_stays_as_it_is(stripped) -> None:
    content = io.BytesIO()
    Image.new("RGB", (32, 20), "#28536b").save(content, "JPEG")
    assert stripped(content.getvalue(), "image/jpeg") == content.getvalue()


@pytest.mark.parametrize("mime_type", ["image/jpeg", "image/png", "video/mp4"])
def test_odd_files_never_fail(stripped, tmp_path, mime_type) -> None:
    dice = random.Random(7)
    good = taken("PNG" if mime_type == "image/png" else "JPEG")
    odd = [
        b"",
        b"\xff",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        good[:50],
        good[:-30],
        b"\xff" * 5000,
    ]
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(dice.randrange(1, 20)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        odd.append(bytes(damaged))
    for content in odd:
        stripped(content, mime_type)
        pictures.make_copies(tmp_path / "file", lambda width: tmp_path / str(width))


def test_a_video_loses_its_place_and_keeps_its_length(stripped) -> None:
    def box(name: bytes, content: bytes) -> bytes:
        return (8 + len(content)).to_bytes(4) + name + content

    place = box(b"udta", box(b"\xa9xyz", b"+17.4+078.3/"))
    before = (
        box(b"ftyp", b"mp42")
        + box(b"moov", box(b"mvhd", b"1") + box(b"trak", box(b"tkhd", b"2") + place) + place)
        + box(b"mdat", b"udta stays here")
    )
    after = stripped(before, "video/mp4")
    assert b"+17.4" not in after
    assert len(after) == len(before)
    assert b"udta stays here" in after
    assert after.count(b"free") == 2


def test_copies_are_small_upright_and_of_the_right_width(tmp_path) -> None:
    store = MediaFiles(tmp_path / "media")
    saved = store.save(io.BytesIO(taken(size=(1600, 1200))), "image/jpeg")
    assert (saved.width, saved.height) == (1200, 1600), "as it is seen"
    for width in (480, 1080):
        with Image.open(store.path(saved.id, width)) as copy:
            assert (copy.width, copy.height) == (width, width * 4 // 3)
            assert not copy.getexif()
    assert store.path(saved.id, 480).stat().st_size < saved.size / 4
    store.discard(saved.id)
    assert not list(store.folder.iterdir())


def test_a_small_photo_has_no_copies(tmp_path) -> None:
    store = MediaFiles(tmp_path)
    saved = store.save(io.BytesIO(taken(size=(64, 40))), "image/jpeg")
    assert store.path(saved.id, 480) == store.path(saved.id)


def test_a_photo_of_very_many_pixels_is_kept_and_not_decoded(tmp_path, monkeypatch) -> None:
    content = io.BytesIO()
    Image.new("1", (9000, 8000)).save(content, "PNG")
    monkeypatch.setattr(pictures, "_SMALL", 0)
    monkeypatch.setattr(pictures, "_scale", lambda *_: pytest.fail("it was decoded"))
    saved = MediaFiles(tmp_path).save(content, "image/png")
    content.seek(0)
    saved = MediaFiles(tmp_path).save(content, "image/png")
    assert (saved.width, saved.height) == (9000, 8000)
    bomb = bytearray(content.getvalue())
    bomb[16:24] = (2**31 - 1).to_bytes(4) * 2
    assert MediaFiles(tmp_path).save(io.BytesIO(bytes(bomb)), "image/png").width is None


def test_files_of_a_server_that_was_killed_are_told_after_a_day(tmp_path) -> None:
    store = MediaFiles(tmp_path)
    kept, lost, new = (store.save(io.BytesIO(b"%PDF"), "application/pdf").id for _ in range(3))
    store.keep(kept)
    long_ago = 1_000_000_000
    os.utime(tmp_path / f"{lost}.new", (long_ago, long_ago))
    assert store.abandoned() == [lost]
    assert store.path(new).is_file()
