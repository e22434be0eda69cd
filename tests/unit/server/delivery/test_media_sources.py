"""Media fetched from a URL, and media inside the JSON of a call."""

from __future__ import annotations

import base64
import io
import zipfile

import httpx
import pytest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 3000


def serving(content=PNG, status=200, **headers):
    def answer(request, _token):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def posted(api, ravi, resource, kind="Image"):
    """Post a resource and return name, content and type as a member gets them."""
    api.post_action(kind, {"mediaResource": resource})
    media = ravi.feed()["items"][-1]["media"][0]
    served = httpx.get(media["mediaUrl"])
    return media["mediaFileName"], served.content, served.headers["content-type"]


def fetched(api, url):
    return api.ok("POST", "/media/url", json={"mediaUrl": url})["mediaResource"]


class TestUrl:
    @pytest.mark.parametrize(
        ("path", "mime", "name"),
        [
            ("/folder/site.png?size=2", "image/png", "site.png"),
            ("/picture.php", "image/png; charset=binary", "picture.php.png"),
            ("/", "image/x-png", "file.png"),
            ("/a%2F..%2Fb.png", "application/octet-stream", "b.png"),
            ("/blob", "application/octet-stream", "blob.png"),
        ],
    )
    def test_fetch(self, api, ravi, listener, path, mime, name) -> None:
        listener.answer_get = serving(Content_Type=mime)
        url = f"http://127.0.0.1:{listener.port}{path}"
        assert posted(api, ravi, fetched(api, url)) == (name, PNG, "image/png")

    @pytest.mark.parametrize("name", ["report.xls", "song.mp3"])
    def test_a_name_tells_what_the_content_does_not(self, api, ravi, listener, name) -> None:
        content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" if name == "report.xls" else b"\xff\xf3"
        listener.answer_get = serving(content, Content_Type="application/octet-stream")
        resource = fetched(api, f"http://127.0.0.1:{listener.port}/{name}")
        kind = "Document" if name == "report.xls" else "Audio"
        api.post_action(kind, {"mediaResource": resource})
        assert ravi.feed()["items"][0]["media"][0]["fileName"] == name

    def test_redirects_are_followed_a_little(self, api, ravi, listener, listen) -> None:
        final = listen()
        final.answer_get = serving(Content_Type="image/png")
        listener.answer_get = serving(b"", 302, Location=final.url + "/x.png")
        assert posted(api, ravi, fetched(api, listener.url))[1] == PNG
        listener.answer_get = serving(b"", 302, Location="/again")
        error = api.refused(400, "POST", "/media/url", json={"mediaUrl": listener.url})
        assert "too many redirects" in error["message"]

    @pytest.mark.parametrize(
        "location", ["ftp://x/y", "file:///etc/passwd", "http://u:p@127.0.0.1/", "http://[", ""]
    )
    def test_redirects_to_nowhere(self, api, listener, location) -> None:
        listener.answer_get = serving(b"", 302, Location=location)
        api.refused(400, "POST", "/media/url", json={"mediaUrl": listener.url})

    def test_no_private_address_not_even_behind_a_redirect(
        self, make_server, call_with, listener, listen, monkeypatch
    ) -> None:
        server = make_server(test_mode=False)
        api = call_with("demo-group-token", url=server.url)
        listener.answer_get = serving(Content_Type="image/png")
        error = api.refused(400, "POST", "/media/url", json={"mediaUrl": listener.url})
        assert "public internet" in error["message"]
        assert listener.asked == []
        # 127.0.0.1 plays a public address that leads to a private one.
        monkeypatch.setattr(
            "airflow_provider_kaizala.server.delivery.calls.is_public", lambda address: address == "127.0.0.1"
        )
        inner = f"http://127.0.0.2:{listener.port}/"
        listener.answer_get = serving(b"", 302, Location=inner)
        error = api.refused(400, "POST", "/media/url", json={"mediaUrl": listener.url})
        assert "public internet" in error["message"]
        assert len(listener.asked) == 1

    def test_refusals_leave_nothing_behind(self, make_server, call_with, listener) -> None:
        server = make_server(max_media=100_000)
        api = call_with("demo-group-token", url=server.url)
        for answer, status in (
            (serving(Content_Type="text/html"), 415),
            (serving(Content_Type="image/svg+xml"), 415),
            (serving(b"<html>", Content_Type="application/octet-stream"), 400),
            (serving(b"", Content_Type="image/png"), 400),
            (serving(status=404, Content_Type="image/png"), 400),
            (serving(status=206, Content_Type="image/png"), 400),
            (serving(Content_Type="image/png", Content_Encoding="gzip"), 400),
            (serving(b"x" * 200_000, Content_Type="image/png"), 413),
            (serving(b"x", Content_Type="image/png", Content_Length="99999999999"), 413),
            (lambda request, _token: request.connection.close(), 400),
        ):
            listener.answer_get = answer
            api.refused(status, "POST", "/media/url", json={"mediaUrl": listener.url})
            assert not server.state.media.folder.exists() or not list(server.state.media.folder.iterdir())

    @pytest.mark.parametrize(
        "url", [None, "", "x", "ftp://x/", "http://u:p@x/", "http://nowhere.invalid/x.png", 7]
    )
    def test_urls_that_are_none(self, api, url) -> None:
        assert api.refused(400, "POST", "/media/url", json={"mediaUrl": url})["message"].startswith(
            "mediaUrl"
        )

    def test_a_dripping_server_is_left(self, api, listener, monkeypatch) -> None:
        monkeypatch.setattr("airflow_provider_kaizala.server.delivery.fetching.FETCH_SECONDS", 0.5)

        def drip(request, _token):
            import time

            request.send_response(200)
            request.end_headers()
            for _ in range(30):
                time.sleep(0.1)
                request.wfile.write(b"x")

        listener.answer_get = drip
        assert "timeout" in api.refused(400, "POST", "/media/url", json={"mediaUrl": listener.url})["message"]

    def test_needs_a_token(self, server, listener) -> None:
        reply = httpx.post(server.url + "/v1/media/url", json={"mediaUrl": listener.url})
        assert (reply.status_code, listener.asked) == (401, [])


def archive(folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("[Content_Types].xml", "x" * 100)
        made.writestr(folder + "document.xml", "x" * 200_000)
    return content.getvalue()


class TestAttachment:
    @pytest.mark.parametrize(
        "content",
        [
            {"$content-type": "image/png", "$content": base64.b64encode(PNG).decode()},
            {"$Content-Type": "image/png;x=y", "$CONTENT": base64.encodebytes(PNG).decode()},
            {"$content": base64.b64encode(PNG).decode()},
            base64.b64encode(PNG).decode(),
            "data:image/png;base64," + base64.b64encode(PNG).decode(),
        ],
    )
    def test_forms(self, api, ravi, content) -> None:
        resource = api.ok("POST", "/media/attachment", json={"fileContent": content})["mediaResource"]
        assert posted(api, ravi, resource) == ("file.png", PNG, "image/png")

    @pytest.mark.parametrize(
        ("content", "kind", "extension"),
        [
            (b"\xff\xd8\xff\xe0" + b"x" * 50, "Image", "jpg"),
            (b"%PDF-1.4 x", "Document", "pdf"),
            (b"ID3xxxx", "Audio", "mp3"),
            (b"RIFF\0\0\0\0WAVEfmt ", "Audio", "wav"),
            (b"\0\0\0\x18ftypmp42", "Video", "mp4"),
            (b"\0\0\0\x18ftyp3gp4", "Video", "3gpp"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 50, "Document", "doc"),
            (archive("word/"), "Document", "docx"),
            (archive("xl/"), "Document", "xlsx"),
            (archive("ppt/"), "Document", "pptx"),
        ],
    )
    def test_what_the_content_shows(self, api, ravi, content, kind, extension) -> None:
        body = {"fileContent": base64.b64encode(content).decode(), "fileName": "given"}
        resource = api.ok("POST", "/media/attachment", json=body)["mediaResource"]
        assert posted(api, ravi, resource, kind)[:2] == (f"given.{extension}", content)

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (None, 400),
            ("", 400),
            ("====", 400),
            ("not base64!", 400),
            ("0000", 400),
            (base64.b64encode(archive("other/")).decode(), 400),
            (7, 400),
            ([], 400),
            ({}, 400),
            ({"$content-type": "image/png"}, 400),
            ({"$content": {"a": 1}, "$content-type": "image/png"}, 400),
            ({"$content": "AAAA", "$content-type": 7}, 415),
            ({"$content": "AAAA", "$content-type": "text/html"}, 415),
        ],
    )
    def test_refusals(self, api, content, status) -> None:
        error = api.refused(status, "POST", "/media/attachment", json={"fileContent": content})
        if status == 400:
            assert error["message"].startswith("fileContent")

    def test_limits(self, api, make_server, call_with) -> None:
        api.refused(413, "POST", "/media/attachment", content=b" " * 50_000_000)
        server = make_server(max_media=1000)
        small = call_with("demo-group-token", url=server.url)
        body = {"fileContent": base64.b64encode(PNG).decode()}
        small.refused(413, "POST", "/media/attachment", json=body)
        big = {"fileContent": base64.b64encode(PNG + b"\0" * 5_000_000).decode()}
        assert api.ok("POST", "/media/attachment", json=big)["mediaResource"]
