"""What else strangers and careless hands try by plain HTTP: nothing runs, nothing counts twice, nobody is shut out, nothing opens."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from airflow_provider_kaizala.server.page.render import HEADERS
from airflow_provider_kaizala.server.page.strings import words
from airflow_provider_kaizala.server.pin_sign_in import COOKIE
from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.server.page.conftest import HOME, photo

t = words("en")
WRITE = f"{HOME}/messages"
SCRIPT = "</textarea></title>\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
LOGO = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


class _Runs(HTMLParser):
    """What of a page a browser would run: elements and attributes that the page's own templates never have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append(tag)
        if tag in ("iframe", "object", "embed", "base"):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        places = [given.get(name) or "" for name in ("href", "src", "action", "formaction")]
        self.found += [one for one in places if one.lower().strip().startswith(("javascript:", "data:", "x"))]


def stored(server):
    return {path for path in Path(server.config.media_dir).rglob("*") if path.is_file()}


def shown(person, reference_id):
    return next(one for one in person.feed()["items"] if one["referenceId"] == reference_id)


# --- Script -----------------------------------------------------------------------------------------------------------
def test_script_runs_in_no_place_people_write_to(reader, api, user_api):
    made = user_api.ok(
        "POST",
        "/groups",
        json={"name": SCRIPT, "groupType": "Group", "members": [RAVI], "welcomeMessage": SCRIPT},
    )
    survey = {
        "title": SCRIPT,
        "questions": [
            {"title": SCRIPT, "type": "Numeric"},
            {"title": f"{SCRIPT}?", "type": "MultiOption", "options": [{"title": SCRIPT}]},
        ],
    }
    meeting = {
        "title": SCRIPT,
        "startingTime": "2030-01-01T09:00:00Z",
        "duration": 30,
        "agenda": SCRIPT,
        "place": {"latitude": 1, "longitude": 2, "name": SCRIPT},
    }
    posts = [api.post_action("Survey", survey), api.post_action("LetsMeet", meeting)]
    ravi = reader(RAVI)
    for one in posts:
        ravi.act(one["referenceId"], "comment", text=SCRIPT)
    named = f"{SCRIPT.replace('/', '')}.pdf"
    ravi.send(HOME, WRITE, {"text": SCRIPT}, [("files", (named, b"%PDF-1.4 x", "application/pdf"))])
    [said] = re.findall(r"/posts/([^/\"]+)\"", ravi.page(HOME))[:1]
    ravi.send(
        f"{HOME}?reply={said}",
        WRITE,
        {"text": 'javascript:alert(1) https://x.example/"><b>', "reply_to": said},
    )
    ravi.act(posts[0]["referenceId"], "answer", q1=SCRIPT)
    asha = reader(ASHA)
    own = [f"{HOME}/posts/{one['referenceId']}" for one in posts]
    for path in ("/", f"/groups/{made['groupId']}", f"/groups/{made['groupId']}/people", HOME, *own):
        page = asha.page(path)
        assert _Runs(page).found == [], path
        assert "alert(1)" in page or path.endswith("/people"), path
    # who answered what is shown to the admin
    assert page.count("alert(1)") > 1


def test_script_runs_in_no_sentence_about_what_is_wrong(reader, api):
    survey = api.post_action("Survey", {"title": "S", "questions": [{"title": SCRIPT, "type": "Numeric"}]})
    ravi, asha, nobody = reader(RAVI), reader(ASHA), reader()
    people = f"{HOME}/people"
    replies = [
        ravi.act(survey["referenceId"], "answer", q0=SCRIPT),
        ravi.send(HOME, WRITE, {"text": SCRIPT}, [("files", (f"{SCRIPT}.svg", LOGO, "image/svg+xml"))]),
        asha.send(people, people, {"phones": SCRIPT}),
        nobody.sign_in(SCRIPT, "0000", next=f"/{SCRIPT}"),
        nobody.http.get("/sign-in", params={"next": f"/{SCRIPT}"}),
        nobody.http.get(f"/{SCRIPT}"),
        ravi.http.get(HOME, params={"reply": SCRIPT}),
    ]
    assert [one.status_code for one in replies] == [400, 415, 400, 400, 200, 404, 200]
    for one in replies:
        assert _Runs(one.text).found == []
    ravi.http.cookies.set(COOKIE, "ended", domain="127.0.0.1")
    ended = ravi.http.post(WRITE, data={"text": SCRIPT, SCRIPT: "x", "csrf": "", "once": "1"})
    assert ended.status_code == 401
    assert _Runs(ended.text).found == []


# --- Files ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("huge.jpg", photo() + bytes(30 << 20), 413), ("logo.svg", LOGO, 415), ("page.html", b"<script>", 415)],
)
def test_a_refused_file_leaves_nothing_on_the_disk(reader, server, name, content, status):
    before = stored(server)
    good = ("files", ("good.jpg", photo(), "image/jpeg"))
    reply = reader(RAVI).send(
        HOME, WRITE, {"text": "Typed"}, [good, ("files", (name, content, "image/jpeg"))]
    )
    assert reply.status_code == status
    assert "Typed</textarea>" in reply.text
    assert stored(server) == before


@pytest.mark.parametrize(
    ("name", "mime_type"), [("a.svg", "image/svg+xml"), ("a.html", "text/html"), ("a.png", "text/html")]
)
def test_a_connector_stores_nothing_a_browser_could_run(api, server, name, mime_type):
    before = stored(server)
    api.refused(415, "POST", "/media", files={"file": (name, LOGO, mime_type)})
    assert stored(server) == before


def test_what_only_pretends_to_be_a_picture_is_not_run(reader, api, server):
    resource = api.ok("POST", "/media", files={"file": ("a.png", LOGO, "image/png")})["mediaResource"]
    api.post_action("Image", {"mediaResource": resource, "caption": "x"})
    ravi = reader(RAVI)
    [url] = re.findall(r'src="(/media/[^"]+)"', ravi.page(HOME))[:1]
    reply = ravi.http.get(html.unescape(url))
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]


# --- Once -------------------------------------------------------------------------------------------------------------
def twice(one, path, action, fields, files=None):
    filled = {**one.form(path, action), **fields}
    replies = [one.http.post(action, data=filled, files=files) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [303, 303], replies[1].text[:300]
    assert len({reply.headers["location"] for reply in replies}) == 1


def test_a_photo_sent_twice_is_one_and_stored_once(reader, asha, server):
    posts, before = len(asha.feed()["items"]), stored(server)
    picture = [("files", ("a.jpg", photo(), "image/jpeg"))]
    twice(reader(RAVI), HOME, WRITE, {"text": "Once"}, picture)
    assert len(asha.feed()["items"]) == posts + 1
    assert len(stored(server) - before) == 1


def test_an_old_form_with_another_photo_is_another_post(reader, asha):
    ravi, posts = reader(RAVI), len(asha.feed()["items"])
    filled = {**ravi.form(HOME, WRITE), "text": "Look"}
    for picture in (photo(), photo((20, 32))):
        ravi.http.post(WRITE, data=filled, files=[("files", ("a.jpg", picture, "image/jpeg"))])
    assert len(asha.feed()["items"]) == posts + 2


@pytest.mark.parametrize(
    ("act", "fields", "count"),
    [
        ("like", {}, "likes"),
        ("comment", {"text": "Mine"}, "comments"),
        ("answer", {"q0": "7"}, "responseCount"),
    ],
)
def test_a_form_of_a_post_sent_twice_counts_once(reader, api, asha, act, fields, count):
    # Even where a second answer is another one, as here.
    body = {
        "title": "S",
        "questions": [{"title": "N", "type": "Numeric"}],
        "acceptMultipleResponses": True,
    }
    reference = api.post_action("Survey", body)["referenceId"]
    path = f"{HOME}/posts/{reference}"
    twice(reader(RAVI), path, f"{path}/{act}", fields)
    assert shown(asha, reference)[count] == 1


def test_people_added_twice_are_there_once(reader, api, asha):
    people = f"{HOME}/people"
    twice(reader(ASHA), people, people, {"phones": "+33123456789"})
    members = api.ok("GET", f"/groups/{GROUP}/members")["members"]
    assert [one["mobileNumber"] for one in members].count("+33123456789") == 1
    assert [one["kind"] for one in asha.feed()["items"]].count("memberAdded") == 1


# --- Somebody else's --------------------------------------------------------------------------------------------------
def test_nobody_changes_the_answer_of_another(reader, api, ravi):
    body = {"title": "S", "questions": [{"title": "N", "type": "Numeric"}]}
    reference = api.post_action("Survey", body)["referenceId"]
    reader(RAVI).act(reference, "answer", q0="7")
    mine = shown(ravi, reference)["myAnswer"]
    reply = reader(MEERA).act(reference, "answer", q0="8", response_id=mine["responseId"])
    assert reply.status_code == 400
    assert t("error.form_changed") in html.unescape(reply.text)
    assert shown(ravi, reference)["myAnswer"] == mine


def test_nobody_answers_with_the_file_of_another_by_its_name(reader, api, ravi):
    foreign = api.ok("POST", "/media", files={"file": ("a.jpg", photo(), "image/jpeg")})["mediaResource"]
    body = {"title": "S", "questions": [{"title": "Photo", "type": "Image"}, {"title": "N", "type": "Text"}]}
    reference = api.post_action("Survey", body)["referenceId"]
    page, path = reader(RAVI), f"{HOME}/posts/{reference}"
    replies = [page.act(reference, "answer", q0__kept=foreign, q1="a")]
    own = [("q0", ("b.jpg", photo(), "image/jpeg"))]
    assert page.act(reference, "answer", own, q1="b").status_code == 303
    mine = shown(ravi, reference)["myAnswer"]
    [kept] = re.findall(r'name="q0\.kept" value="([^"]+)"', page.page(path))
    edit = {"q1": "c", "response_id": mine["responseId"]}
    replies.append(page.act(reference, "answer", q0__kept=foreign, **edit))
    replies.append(page.act(reference, "answer", q0__kept=[kept, foreign], **edit))
    for reply in replies:
        assert reply.status_code == 400
        assert t("error.form_changed") in html.unescape(reply.text)
    assert shown(ravi, reference)["myAnswer"] == mine
    assert page.act(reference, "answer", q0__kept=kept, **edit).status_code == 303, "one's own stays"


def test_a_job_of_another_is_not_done(reader, api, asha):
    reference = api.post_action("Job", {"title": "Door", "assignedTo": [MEERA], "dueDate": 2})["referenceId"]
    ravi = reader(RAVI)
    path = f"{HOME}/posts/{reference}"
    fields = {**ravi.form(path, f"{path}/like"), "done": "yes"}
    reply = ravi.http.post(f"{path}/complete", data=fields)
    assert reply.status_code == 403
    assert t("error.not_assigned") in html.unescape(reply.text)
    assert not shown(asha, reference)["isCompleted"]


def test_who_was_removed_sees_and_does_nothing_more(reader, api, asha):
    reference = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Secret"})["referenceId"]
    ravi = reader(RAVI)
    form = ravi.form(HOME, WRITE)
    [person_id] = [
        one["id"]
        for one in api.ok("GET", f"/groups/{GROUP}/members")["members"]
        if one["mobileNumber"] == RAVI
    ]
    api.ok("DELETE", f"/groups/{GROUP}/members/{person_id}")
    post = f"{HOME}/posts/{reference}"
    replies = [ravi.http.get(one) for one in (HOME, f"{HOME}/people", f"{HOME}/live", post)]
    replies += [ravi.http.post(one, data={**form, "text": "Late"}) for one in (WRITE, f"{post}/comment")]
    for reply in replies:
        assert reply.status_code in (403, 404)
        assert "Secret" not in reply.text
    assert "Late" not in [one["text"] for one in asha.feed()["items"]]


# --- Signing in and out -----------------------------------------------------------------------------------------------
def test_guessing_one_number_shuts_out_nobody_else_and_ends(reader, server):
    ravi, guesser = reader(RAVI), reader()
    form = guesser.form("/sign-in", "/sign-in")
    for pin in range(60):  # more than one address may try over all numbers
        reply = guesser.http.post("/sign-in", data={**form, "mobileNumber": RAVI, "pin": f"{pin:04}"})
    assert reply.status_code == 429
    assert RAVI[1:] in reply.text, "what was typed is kept"
    assert "0059" not in reply.text, "but for the PIN"
    assert ravi.http.get(HOME).status_code == 200, "who is signed in stays so"
    assert reader().sign_in(MEERA).status_code == 303, "at the same address"
    httpx.post(f"{server.url}/_test/clock", json={"advance": int(reply.headers["retry-after"])})
    assert reader().sign_in(RAVI).status_code == 303


def test_an_ended_session_does_nothing(reader, server, asha):
    ravi = reader(RAVI)
    form, cookies = ravi.form(HOME, WRITE), {COOKIE: ravi.http.cookies[COOKIE]}
    assert ravi.send("/", "/sign-out").status_code == 303
    for path in ("/", HOME, f"{HOME}/people"):
        assert httpx.get(server.url + path, cookies=cookies).status_code == 303
    assert httpx.get(f"{server.url}{HOME}/live", cookies=cookies).status_code == 401
    late = httpx.post(server.url + WRITE, data={**form, "text": "Too late"}, cookies=cookies)
    assert late.status_code == 401
    assert "Too late" in late.text, "what was typed is kept for whoever signs in again"
    assert "Too late" not in [one["text"] for one in asha.feed()["items"]]


def test_a_session_does_not_begin_with_a_cookie_somebody_else_set(reader):
    chosen = reader()
    chosen.http.cookies.set(COOKIE, "chosen-by-another", domain="127.0.0.1")
    assert chosen.sign_in(RAVI).status_code == 303
    assert chosen.http.cookies[COOKIE] != "chosen-by-another"


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "",
    ],
)
def test_no_form_leads_elsewhere(reader, there):
    ravi = reader(RAVI)
    fields = {**ravi.form("/", "/language"), "next": there, "language": "fr"}
    reply = ravi.http.post("/language", data=fields)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    page = reader().http.get("/sign-in", params={"next": there}).text
    assert '<input type="hidden" name="next" value="/">' in page
    for doubled in (f"//evil.example{HOME}", "//evil.example/.."):
        reply = reader().http.get(httpx.URL(str(ravi.http.base_url)).copy_with(raw_path=doubled.encode()))
        assert not reply.headers.get("location", "/").startswith(("//", "/\\", "http"))


# --- What every reply carries -----------------------------------------------------------------------------------------
def test_headers_of_safety_on_what_is_no_page(reader, server):
    ravi = reader(RAVI)
    style = re.findall(r'"(/static/[^"]+)"', ravi.page("/"))
    replies = [ravi.http.get(one) for one in style]
    replies += [ravi.send(HOME, WRITE, {"text": "x"}), ravi.send("/", "/language", {"language": "en"})]
    replies += [ravi.http.head(HOME), ravi.http.get("/static/none"), ravi.http.post(WRITE, data={})]
    with ravi.http.stream("GET", f"{HOME}/live") as live:
        replies.append(live)
    replies.append(ravi.send("/", "/sign-out"))
    kept = {"Cache-Control"}  # style and script are kept by browsers
    for reply in replies:
        for name in HEADERS.keys() - kept:
            assert reply.headers[name] == HEADERS[name], (str(reply.url), name)


@pytest.mark.parametrize("path", ["/v1/groups", "/people/groups", "/media/none", "/nothing", "/healthz"])
def test_what_is_for_programs_is_not_guessed_at_by_browsers(server, path):
    reply = httpx.get(server.url + path, headers={"accept": "*/*"})
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_every_cookie_is_out_of_reach_of_script(reader):
    one = reader()
    replies = [one.http.get("/sign-in"), one.sign_in(RAVI), one.send("/", "/language", {"language": "fr"})]
    replies.append(one.send("/", "/sign-out"))
    cookies = [cookie for reply in replies for cookie in reply.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "kaizala_session",
        "kaizala_device",
        "kaizala_visit",
        "kaizala_language",
    }
    for cookie in cookies:
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_a_browser_that_was_signed_in_gets_in_while_others_guess(server, reader):
    server.state.clock.freeze()
    known = reader(RAVI)
    known.send("/", "/sign-out")
    stranger = reader()
    assert [stranger.sign_in(RAVI, "0000").status_code for _ in range(6)] == [401] * 5 + [429]
    assert stranger.sign_in(RAVI).status_code == 429
    assert known.sign_in(RAVI).status_code == 303
