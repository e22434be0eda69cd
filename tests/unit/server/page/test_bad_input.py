"""What people and forgers send that is not right: a sentence on the page, the right status, nothing lost, no leak."""

from __future__ import annotations

import html
import os
import re

import httpx
import pytest

from airflow_provider_kaizala.server.page.strings import words
from airflow_provider_kaizala.server.store.errors import DiskFull
from airflow_provider_kaizala.server.store.media_files import MediaFiles
from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.server.page.conftest import HOME, photo

t = words("en")
WRITE = f"{HOME}/messages"
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
STRANGE = "/groups/22222222-2222-4222-8222-222222222222@1"


def told(reply, status, key, **values):
    assert reply.status_code == status, (reply.status_code, reply.text[:300])
    assert t(key, **values) in html.unescape(reply.text)
    assert "Traceback" not in reply.text


def texts(person):
    return [one["text"] for one in person.feed()["items"] if one["kind"] == "text"]


@pytest.fixture
def poll(api):
    return api.post_action("Poll", {"question": "Tea?", "choices": [{"title": "Yes"}, {"title": "No"}]})


# --- Script -----------------------------------------------------------------------------------------------------------
def test_script_in_everything_people_write_is_shown_as_text(reader, server, api, user_api):
    httpx.post(
        f"{server.url}/_test/seed",
        json={"people": [{"mobileNumber": "+4915112345678", "name": SCRIPT, "pin": "1234"}]},
    )
    api.ok("PUT", f"/groups/{GROUP}/members", json={"members": ["+4915112345678"]})
    option = SCRIPT[:60]
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": SCRIPT})
    posted = [
        api.post_action("Poll", {"question": SCRIPT, "choices": [{"title": option}, {"title": "No"}]}),
        api.post_action(
            "Survey",
            {
                "title": SCRIPT,
                "questions": [{"title": SCRIPT, "type": "SingleOption", "options": [{"title": option}]}],
            },
        ),
        api.post_action("Announcement", {"Title": SCRIPT, "Message": SCRIPT}),
        api.post_action("Job", {"title": SCRIPT, "assignedTo": [RAVI], "dueDate": 2}),
    ]
    asha = reader(ASHA)
    named = [("files", ("<img src=x onerror=alert(3)>.jpg", photo(), "image/jpeg"))]
    asha.send(HOME, WRITE, {"text": SCRIPT}, named)
    reader("+4915112345678").send(HOME, WRITE, {"text": "Mine"})
    for path in ("/", HOME, f"{HOME}/people", *(f"{HOME}/posts/{one['referenceId']}" for one in posted)):
        page = asha.page(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "alert(1)" in page or path == "/"


# --- Files ------------------------------------------------------------------------------------------------------------
def test_a_photo_of_30_mb(reader, asha, server):
    ravi = reader(RAVI)
    before = len(asha.feed()["items"])
    large = [("files", ("huge.jpg", photo() + os.urandom(30 << 20), "image/jpeg"))]
    reply = ravi.send(HOME, WRITE, {"text": "A long report"}, large)
    told(reply, 413, "error.file_size", name="huge.jpg", megabytes=20)
    assert "A long report</textarea>" in reply.text, "what was typed is not lost"
    assert len(asha.feed()["items"]) == before


def test_files_that_the_disk_has_no_room_for(reader, server, monkeypatch):
    saved = []

    def save(*given):
        if saved:
            raise DiskFull
        saved.append(MediaFiles.save(server.state.media, *given))
        return saved[0]

    monkeypatch.setattr(server.state.media, "save", save)
    photos = [("files", (f"{n}.jpg", photo(), "image/jpeg")) for n in range(2)]
    reply = reader(RAVI).send(HOME, WRITE, {"text": "A long report"}, photos)
    assert reply.status_code == 503
    assert "A long report</textarea>" in reply.text, "what was typed is not lost"
    assert not server.state.media.path(saved[0].id).exists()


@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "tool.exe", "no photo.jpg"])
def test_a_file_that_is_not_taken(reader, asha, name):
    before = len(asha.feed()["items"])
    content = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    reply = reader(RAVI).send(HOME, WRITE, {"text": "See"}, [("files", (name, content, "image/svg+xml"))])
    assert reply.status_code == 415
    assert name in html.unescape(reply.text)
    assert "See</textarea>" in reply.text
    assert len(asha.feed()["items"]) == before


def test_files_are_served_so_that_no_browser_runs_them(reader, api):
    kinds = [("a.jpg", photo(), "image/jpeg"), ("p.pdf", b"%PDF-1.4 <script>", "application/pdf")]
    for name, content, mime_type in kinds:
        resource = api.ok("POST", "/media", files={"file": (name, content, mime_type)})["mediaResource"]
        kind = "Image" if name.endswith("jpg") else "Document"
        api.post_action(kind, {"mediaResource": resource, "caption": name})
    ravi = reader(RAVI)
    page = html.unescape(ravi.page(HOME))
    urls = {one for one in page.split('"') if one.startswith("/media/")}
    assert len(urls) >= 2
    for url in urls:
        reply = ravi.http.get(url)
        assert reply.status_code == 200
        assert reply.headers["x-content-type-options"] == "nosniff"
        if not reply.headers["content-type"].startswith("image/"):
            assert reply.headers["content-disposition"].startswith("attachment")


def uploaded(api, ravi, content):
    """Post a document; return its path on the page."""
    resource = api.ok("POST", "/media", files={"file": ("p.pdf", content, "application/pdf")})
    api.post_action("Document", {"mediaResource": resource["mediaResource"], "caption": "p"})
    return re.findall(r'href="(/media/[^"]+)"', html.unescape(ravi.page(HOME)))[0]


@pytest.mark.parametrize(
    "given", ["lines=1-2", "bytes", "bytes=", "bytes=a-b", "bytes=-", "bytes=5-2", "bytes=1-2,x", "\xb2=1-"]
)
def test_a_range_that_cannot_be_read_is_ignored(reader, api, given):
    ravi, content = reader(RAVI), b"%PDF-1.4 0123456789"
    url = uploaded(api, ravi, content)
    reply = ravi.http.get(url, headers={"Range": given.encode("latin-1")})
    assert (reply.status_code, reply.content) == (200, content)


def test_a_part_of_a_file(reader, api):
    ravi, content = reader(RAVI), b"%PDF-1.4 0123456789"
    url = uploaded(api, ravi, content)
    for given, part in (("bytes=1-3", content[1:4]), ("bytes=5-", content[5:]), ("Bytes=-4", content[-4:])):
        reply = ravi.http.get(url, headers={"Range": given})
        assert (reply.status_code, reply.content) == (206, part)
    reply = ravi.http.get(url, headers={"Range": "bytes=99-"})
    assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{len(content)}")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    whole = ravi.http.head(url, headers={"Range": "bytes=1-3"})
    assert (whole.status_code, whole.headers["content-length"]) == (200, str(len(content)))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_a_file_does_not_get_it_again(reader, api, method):
    ravi = reader(RAVI)
    url = uploaded(api, ravi, b"%PDF-1.4")
    etag = ravi.http.request(method, url).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        reply = ravi.http.request(method, url, headers={"If-None-Match": known, "Range": "bytes=0-1"})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]
    assert ravi.http.request(method, url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert reader().http.request(method, url, headers={"If-None-Match": etag}).status_code == 404


# --- Forms ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["missing", "foreign"])
def test_a_form_from_elsewhere(reader, asha, how):
    ravi = reader(RAVI)
    fields = {**ravi.form(HOME, WRITE), "text": "Forged"}
    if how == "missing":
        del fields["csrf"]
    else:
        fields["csrf"] = reader(MEERA).form(HOME, WRITE)["csrf"]
    told(ravi.http.post(WRITE, data=fields), 403, "error.forged")
    assert "Forged" not in texts(asha)


def test_a_form_that_another_site_sends(reader, asha):
    ravi = reader(RAVI)
    fields = {**ravi.form(HOME, WRITE), "text": "Forged"}
    told(ravi.http.post(WRITE, data=fields, headers={"Origin": "https://evil.example"}), 403, "error.forged")
    assert "Forged" not in texts(asha)


def test_a_form_without_its_number(reader, asha):
    ravi = reader(RAVI)
    fields = {**ravi.form(HOME, WRITE), "text": "Twice?"}
    del fields["once"]
    told(ravi.http.post(WRITE, data=fields), 400, "error.form_changed")
    assert "Twice?" not in texts(asha)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
def test_what_is_no_form(reader, content_type):
    reply = reader(RAVI).http.post(WRITE, content=b'{"text": 1}', headers={"content-type": content_type})
    assert reply.status_code in (400, 415)
    assert t("error.form") in html.unescape(reply.text)


@pytest.mark.parametrize(
    ("act", "fields", "key"),
    [
        ("vote", {"choice": "Perhaps"}, "error.choice"),
        ("vote", {}, "error.choice"),
        ("answer", {"q0": "Yes"}, "error.form_changed"),
        ("complete", {"done": "yes"}, "error.form_changed"),
        ("comment", {"text": "  "}, "error.empty_text"),
    ],
)
def test_a_form_that_does_not_fit_the_post(reader, api, asha, poll, act, fields, key):
    ravi = reader(RAVI)
    path = f"{HOME}/posts/{poll['referenceId']}"
    known = ravi.form(path, f"{path}/vote")
    told(ravi.http.post(f"{path}/{act}", data={**known, **fields}), 400, key)
    item = next(one for one in asha.feed()["items"] if one["referenceId"] == poll["referenceId"])
    assert (item["responseCount"], item["comments"]) == (0, 0)


@pytest.mark.parametrize(
    ("changed", "key", "values"),
    [
        ({"q0": "Perhaps"}, "error.choice", {}),
        ({"q2": "many"}, "error.number", {"title": "Count", "given": "many"}),
        ({"q3": "soon"}, "error.moment", {"title": "When", "given": "soon"}),
        ({"q4.latitude": "91", "q4.longitude": "0"}, "error.place", {"title": "Where"}),
        ({"q99": "x"}, "error.form_changed", {}),
        ({"q0": ""}, "error.empty", {}),
    ],
)
def test_a_survey_filled_in_wrongly_keeps_what_was_typed(reader, api, asha, survey, changed, key, values):
    posted = api.post_action("Survey", survey)
    note = {} if key == "error.empty" else {"q5": "A long note"}
    reply = reader(RAVI).act(posted["referenceId"], "answer", **{**note, **changed})
    told(reply, 400, key, **values)
    assert not note or "A long note</textarea>" in reply.text
    item = next(one for one in asha.feed()["items"] if one["referenceId"] == posted["referenceId"])
    assert item["responseCount"] == 0


# --- Who may see ------------------------------------------------------------------------------------------------------
def test_a_group_of_others_typed_into_the_url(reader, server, user_api):
    made = user_api.ok(
        "POST",
        "/groups",
        json={"name": "Office", "groupType": "Group", "members": [ASHA], "welcomeMessage": "Secret plan"},
    )
    other = f"/groups/{made['groupId']}"
    posted = user_api.post_action(
        "Poll", {"question": "Secret?", "choices": [{"title": "Yes"}, {"title": "No"}]}, made["groupId"]
    )
    reader(ASHA).page(other)
    ravi = reader(RAVI)
    known = ravi.form(HOME, WRITE)
    post = f"/posts/{posted['referenceId']}"
    for place in (other, STRANGE):
        for path in ("", "/people", "/live", post):
            reply = ravi.http.get(place + path)
            assert reply.status_code in (403, 404), path
            assert "Secret" not in reply.text
            assert "Office" not in reply.text
        for path in ("/messages", "/people", f"{post}/vote", f"{post}/like", f"{post}/comment"):
            reply = ravi.http.post(place + path, data={**known, "text": "x", "choice": "Yes", "phones": RAVI})
            assert reply.status_code in (403, 404), path
            assert "Secret" not in reply.text
    # the post of one group under the address of another
    assert ravi.http.get(HOME + post).status_code == 404


def test_nobody_who_is_not_signed_in_sees_anything(reader, poll):
    nobody = reader()
    for path in (HOME, f"{HOME}/people", f"{HOME}/posts/{poll['referenceId']}"):
        reply = nobody.http.get(path)
        assert reply.status_code == 303
        assert reply.headers["location"].startswith("/sign-in?next=")
    assert nobody.http.get("/").headers["location"] == "/sign-in"
    assert nobody.http.get(f"{HOME}/live").status_code in (303, 401)


# --- Signing in -------------------------------------------------------------------------------------------------------
def test_many_wrong_pins(reader, server):
    guesser = reader()
    form = guesser.form("/sign-in", "/sign-in")
    seen = set()
    for pin in range(50):
        reply = guesser.http.post("/sign-in", data={**form, "mobileNumber": RAVI, "pin": f"{pin + 5000:04}"})
        seen.add(reply.status_code)
        assert "set-cookie" not in reply.headers or "kaizala_session" not in reply.headers["set-cookie"]
    assert seen == {401, 429}
    told(reply, 429, "error.429", n=-(-int(reply.headers["retry-after"]) // 60))
    assert f"{pin + 5000:04}" not in reply.text
    right = guesser.http.post("/sign-in", data={**form, "mobileNumber": RAVI, "pin": "1234"})
    assert right.status_code == 429, "nor does the right one tell that it is right"


def test_a_wrong_number_and_a_wrong_pin_look_the_same(reader):
    known, unknown = reader().sign_in(RAVI, "9999"), reader().sign_in("+4900000000", "9999")
    assert (known.status_code, unknown.status_code) == (401, 401)
    told(known, 401, "error.wrong_pin")
    told(unknown, 401, "error.wrong_pin")


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere(reader, there):
    reply = reader().sign_in(RAVI, next=there)
    assert reply.status_code == 303
    assert reply.headers["location"] == "/"


def test_a_session_ends(reader, server):
    ravi = reader(RAVI)
    cookie = ravi.http.cookies["kaizala_session"]
    reply = ravi.send("/", "/sign-out")
    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in")
    assert "cache" in reply.headers["clear-site-data"]
    again = httpx.get(server.url + "/", cookies={"kaizala_session": cookie})
    assert (again.status_code, again.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize(("days", "status"), [(29.9, 200), (30.1, 303)])
def test_a_session_lives_30_days(reader, server, days, status):
    ravi = reader(RAVI)
    httpx.post(f"{server.url}/_test/clock", json={"advance": days * 24 * 3600})
    assert ravi.http.get(HOME).status_code == status


# --- What every reply carries -----------------------------------------------------------------------------------------
def test_headers_of_safety(reader, poll):
    ravi, nobody = reader(RAVI), reader()
    replies = [
        ravi.http.get("/"),
        ravi.http.get(HOME),
        ravi.http.get(f"{HOME}/posts/{poll['referenceId']}"),
        ravi.http.get(STRANGE),
        ravi.http.get("/nothing"),
        ravi.http.post(HOME),
        nobody.http.get("/sign-in"),
        nobody.http.get("/"),
    ]
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert reply.headers["cache-control"] == "no-store"
        assert "<script>" not in reply.text
        assert " style=" not in reply.text
        assert " onclick=" not in reply.text


def test_the_cookie_of_a_session(reader):
    reply = reader().sign_in(RAVI)
    [cookie] = [one for one in reply.headers.get_list("set-cookie") if one.startswith("kaizala_session=")]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


def test_style_and_script_are_packed_for_those_who_can_read_it(reader, server):
    address = reader().page("/sign-in").split('src="')[1].split('"')[0]
    packed = httpx.get(server.url + address, headers={"accept-encoding": "gzip"})
    plain = httpx.get(server.url + address, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content, "it is unpacked to the same"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
