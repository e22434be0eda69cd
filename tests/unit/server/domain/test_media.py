from __future__ import annotations

import asyncio
import base64
import errno
import io
import os
import shutil
import tempfile
from shutil import copyfileobj

import httpx
import pytest
from PIL import Image

from airflow_provider_kaizala.server.media_sweep import sweep_files

GROUP = "11111111-1111-4111-8111-111111111111@1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 5000


def test_upload_post_and_fetch(api, ravi) -> None:
    resource = api.ok("POST", "/media", files={"anything": ("site.png", PNG, "image/png")})["mediaResource"]
    posted = api.post_action("Image", {"mediaResource": resource, "caption": "Site"})
    assert set(posted) == {"referenceId"}
    [item] = ravi.feed()["items"]
    assert (item["kind"], item["mediaType"], item["text"]) == ("media", "Image", "Site")
    served = httpx.get(item["media"][0]["mediaUrl"])
    assert served.content == PNG
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["content-type"] == "image/png"
    [listed] = api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Image"})["actions"]
    assert listed["actionBody"]["imageUrl"] == item["media"][0]["mediaUrl"]


def fill_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let the store of files fail after some more files, in the middle of one."""
    left = iter([copyfileobj] * room)

    def copy(source, target, length) -> None:
        next(left, no_room)(source, target, length)

    def no_room(source, target, _length) -> None:
        target.write(source.read(100))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", copy)


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_refuses_an_upload_and_keeps_nothing_of_it(server, api, monkeypatch, room) -> None:
    fill_disk(monkeypatch, room)
    files = [(f"FileName{n}", (f"{n}.png", PNG, "image/png")) for n in range(2)]
    assert "disk is full" in api.refused(503, "POST", "/media", files=files)["message"]
    assert not list(server.state.media.folder.glob("*"))


def test_a_full_disk_refuses_a_file_inside_json(server, api, monkeypatch) -> None:
    fill_disk(monkeypatch, 0)
    body = {"fileName": "a.png", "fileContent": base64.b64encode(PNG).decode()}
    api.refused(503, "POST", "/media/attachment", json=body)
    assert not list(server.state.media.folder.glob("*"))


@pytest.mark.parametrize("method", ["write", "flush"])
def test_a_full_disk_of_temporary_files_refuses_an_upload(api, monkeypatch, method) -> None:
    def no_room(*_given) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, method, no_room)
    api.refused(503, "POST", "/media", files={"a": ("a.png", PNG, "image/png")})


def test_several_files_are_an_album(api, ravi) -> None:
    files = [(f"FileName{n}", (f"{n}.jpg", PNG, "image/jpeg")) for n in range(3)]
    resource = api.ok("POST", "/media", files=files)["mediaResource"]
    api.refused(
        400,
        "POST",
        f"/groups/{GROUP}/actions",
        json={"actionType": "Image", "actionBody": {"mediaResource": resource}},
    )
    api.post_action("Album", {"mediaResource": resource})
    assert [m["fileName"] for m in ravi.feed()["items"][0]["media"]] == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize("name", ["a.3gp", "a.3gpp"])
def test_a_video_of_the_type_python_guesses(api, name) -> None:
    resource = api.ok("POST", "/media", files={"files": (name, b"0000ftyp3gp4", "audio/3gpp")})[
        "mediaResource"
    ]
    api.post_action("Video", {"mediaResource": resource})


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.exe", "application/x-msdownload"),
        ("a.png", "text/html"),
        ("a.html", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.pdf", "image/png"),
        ("a.exe", "application/octet-stream"),
        ("a.pdf", "image/*"),
        ("a.pdf", "application/octet-stream"),
    ],
)
def test_415(server, api, name, mime) -> None:
    api.refused(415, "POST", "/media", files={"f": (name, PNG, mime)})


def test_a_part_without_a_type_is_415(api) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\nx\r\n--b--\r\n'
    api.refused(
        415, "POST", "/media", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )


@pytest.mark.parametrize(
    ("name", "mime", "kind", "served"),
    [
        ("a.JPG", "application/octet-stream", "Image", "image/jpeg"),
        ("upload", "application/octet-stream", "Image", "image/png"),
        ("a.jpeg", "multipart/form-data", "Image", "image/jpeg"),
        ("a.png", "image/*", "Image", "image/png"),
        ("a.png", "*/*", "Image", "image/png"),
        ("a.png", "image/jpeg", "Image", "image/jpeg"),
    ],
)
def test_a_type_that_says_little_is_told_by_name_and_content(api, ravi, name, mime, kind, served) -> None:
    resource = api.ok("POST", "/media", files={"f": (name, PNG, mime)})["mediaResource"]
    api.post_action(kind, {"mediaResource": resource})
    [media] = ravi.feed()["items"][0]["media"]
    got = httpx.get(media["mediaUrl"])
    assert (media["fileName"], got.content) == (name, PNG)
    assert got.headers["content-type"] == served


def test_a_name_tells_what_the_content_does_not(api, ravi) -> None:
    upload = {"f": ("a.xls", b"rows", "application/octet-stream")}
    api.post_action("Document", {"mediaResource": api.ok("POST", "/media", files=upload)["mediaResource"]})
    served = httpx.get(ravi.feed()["items"][0]["media"][0]["mediaUrl"])
    assert served.headers["content-type"] == "application/vnd.ms-excel"


def test_what_shows_no_type_is_415(api) -> None:
    api.refused(415, "POST", "/media", files={"f": ("upload", b"<html>", "application/octet-stream")})


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        # .NET, with a name outside of ASCII and without any, and older Python clients
        ("form-data; name=f; filename=\"=?utf-8?B?w6QuanBn?=\"; filename*=utf-8''%C3%A4.jpg", "ä.jpg"),
        ('form-data; name=f; filename="=?utf-8?B?w6QuanBn?="', "ä.jpg"),
        ('form-data; name=f; filename="=?utf-8?B?w?="', "=?utf-8?B?w?="),
        ('form-data; name=f; filename="=?utf-8?B?bv8uanBn?="', "=?utf-8?B?bv8uanBn?="),
        ("form-data; name=f", "file.jpg"),
        (None, "file.jpg"),
        ("form-data; name=\"f\"; filename*=utf-8''caf%C3%A9%22.jpg", "café.jpg"),
    ],
)
def test_names_as_clients_write_them(api, ravi, disposition, name) -> None:
    head = f"Content-Disposition: {disposition}\r\n" if disposition else ""
    text = '--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="t"\r\n\r\nx\r\n'
    body = f"{text}--b\r\n{head}Content-Type: image/jpeg\r\n\r\nabc\r\n--b--\r\n".encode()
    # A charset that is none for texts is none for names.
    headers = {"Content-Type": 'multipart/form-data; charset=hex; boundary="b"'}
    resource = api.ok("POST", "/media", content=body, headers=headers)["mediaResource"]
    api.post_action("Image", {"mediaResource": resource})
    [media] = ravi.feed()["items"][0]["media"]
    assert media["fileName"] == name
    assert httpx.get(media["mediaUrl"]).content == b"abc"


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary="]
)
def test_broken_multipart(api, kind) -> None:
    api.refused(400, "POST", "/media", content=b"nonsense", headers={"Content-Type": kind})


def test_the_limit_leaves_nothing_behind(make_server, call_with) -> None:
    server = make_server(max_media=100_000)
    api = call_with("demo-group-token", url=server.url)
    api.refused(413, "POST", "/media", files={"f": ("a.png", b"x" * 200_000, "image/png")})
    api.refused(415, "POST", "/media", files={"f": ("a.exe", b"x", "application/x-exe")})
    assert not server.state.media.folder.exists() or not list(server.state.media.folder.iterdir())


def test_documents_are_attachments_and_names_are_harmless(api, ravi) -> None:
    resource = api.ok("POST", "/media", files={"f": ('../../x"y\r\n.pdf', b"%PDF", "application/pdf")})[
        "mediaResource"
    ]
    api.post_action("Document", {"mediaResource": resource})
    served = httpx.get(ravi.feed()["items"][0]["media"][0]["mediaUrl"])
    assert served.status_code == 200
    assert served.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in served.headers["content-security-policy"]


def test_guessed_urls(server) -> None:
    for path in ("/media/x", "/media/x/a.png", "/media/../k.db", "/media/..%2f..%2fk.db"):
        assert httpx.get(server.url + path).status_code == 404


def test_announcement_with_media_in_a_comma_string(api, ravi) -> None:
    resources = [
        api.ok("POST", "/media", files={"f": ("a.png", PNG, "image/png")})["mediaResource"] for _ in range(2)
    ]
    api.post_action("Announcement", {"Title": "T", "message": "M", "MediaResources": ",".join(resources)})
    [item] = ravi.feed()["items"]
    assert (item["title"], item["text"], len(item["media"])) == ("T", "M", 2)


def test_a_file_is_shown_by_pages_elsewhere_and_answers_head(api) -> None:
    uploaded = api.ok("POST", "/media", files={"f": ("a.png", PNG, "image/png")})
    api.post_action("Image", uploaded)
    [listed] = api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Image"})["actions"]
    url = listed["actionBody"]["imageUrl"]
    head = httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(PNG))
    assert head.headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_image_of_a_choice_is_a_url_where_a_poll_is_read(api, ravi) -> None:
    resource = api.ok("POST", "/media", files={"files": ("yes.png", PNG, "image/png")})["mediaResource"]
    choices = [{"title": "Yes", "image": resource}, {"title": "No"}, {"title": "Maybe", "image": "of old"}]
    action_id = api.post_action("Poll", {"question": "Tea?", "choices": choices})["actionId"]
    [listed] = api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Poll"})["actions"]
    shown = listed["actionBody"]["choices"]
    assert httpx.get(shown[0].pop("image")).content == PNG
    assert shown == [{"title": "Yes"}, {"title": "No"}, {"title": "Maybe", "image": "of old"}]
    for choice in (api.details(action_id)["choices"][0], ravi.feed()["items"][0]["choices"][0]):
        assert httpx.get(choice["image"]).content == PNG
        assert set(choice) == {"title", "image", "count"}


def photo(size: tuple[int, int] = (1600, 1200)) -> bytes:
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = "Phone 12"
    Image.effect_noise(size, 60).convert("RGB").save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_an_uploaded_photo_is_served_without_metadata_and_in_a_smaller_copy(api, ravi) -> None:
    uploaded = api.ok("POST", "/media", files={"f": ("a.jpg", photo(), "image/jpeg")})
    api.post_action("Image", uploaded)
    url = ravi.feed()["items"][0]["media"][0]["mediaUrl"]
    whole, small, odd = (httpx.get(url + more) for more in ("", "&width=480", "&width=7"))
    assert b"Phone 12" not in whole.content
    assert (whole.headers["content-type"], small.headers["content-type"]) == ("image/jpeg", "image/webp")
    assert len(small.content) < len(whole.content) / 5
    assert odd.content == whole.content


def test_an_album_that_fails_leaves_no_files(server, api, monkeypatch) -> None:
    saved = server.state.media.save
    files = [("f", ("1.jpg", photo((64, 48)), "image/jpeg")), ("f", ("2.jpg", photo((64, 48)), "image/jpeg"))]

    def save_one(*given):
        monkeypatch.setattr(server.state.media, "save", fail)
        return saved(*given)

    def fail(*_given):
        raise OSError(28, "No space left on device")

    before = list(server.state.media.folder.glob("*"))
    monkeypatch.setattr(server.state.media, "save", save_one)
    api.refused(500, "POST", "/media", files=files)
    assert list(server.state.media.folder.glob("*")) == before


def test_a_person_uploads_no_more_than_their_quota_in_a_day(make_server, call_with) -> None:
    server = make_server(media_quota=100_000)
    api = call_with("demo-group-token", url=server.url)
    pdf = {"f": ("a.pdf", b"%PDF" + b"x" * 60_000, "application/pdf")}
    api.ok("POST", "/media", files=pdf)
    before = sorted(server.state.media.folder.glob("*"))
    said = api.refused(413, "POST", "/media", files=pdf)
    assert (said["errorCode"], "100000 bytes in 24 hours" in said["message"]) == ("QuotaExceeded", True)
    assert sorted(server.state.media.folder.glob("*")) == before
    httpx.post(f"{server.url}/_test/clock", json={"advance": 23 * 3600})
    api = call_with("demo-group-token", url=server.url)
    api.refused(413, "POST", "/media", files=pdf)
    httpx.post(f"{server.url}/_test/clock", json={"advance": 2 * 3600})
    call_with("demo-group-token", url=server.url).ok("POST", "/media", files=pdf)


def test_a_stopped_servers_files_are_removed_if_nothing_refers_to_them(server, api) -> None:
    media = server.state.media
    lost = media.save(io.BytesIO(b"%PDF"), "application/pdf").id
    api.ok("POST", "/media", files={"f": ("a.pdf", b"%PDF", "application/pdf")})
    [known] = {one.name for one in media.folder.iterdir()} - {lost, f"{lost}.new"}
    (media.folder / f"{known}.new").touch()
    for one in (lost, known):
        os.utime(media.folder / f"{one}.new", (1e9, 1e9))
    asyncio.run(sweep_files(server.state))
    assert [one.name for one in media.folder.iterdir()] == [known]
