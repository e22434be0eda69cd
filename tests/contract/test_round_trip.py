"""What goes in comes out: the client's models through the real client and the real server, and back, whatever the text.

What the server does change is a choice that is written down where it is made: times on reads are cut to the second, as
production did; a question of the type Date is a DateTime (C10); an answer left out is null; NUL is refused, as no
database holds it, and half a surrogate pair becomes U+FFFD.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Announcement,
    Audience,
    Job,
    Location,
    Meeting,
    Message,
    NewWebhook,
    Package,
    Poll,
    Property,
    Question,
    Survey,
    WebhookChange,
)
from airflow_provider_kaizala.client.models.forms import PROPERTY_TYPES
from airflow_provider_kaizala.client.models.wire import iso
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.client.settings import Settings
from tests.contract.shop import ASHA, MEERA, PNG, RAVI, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.client.models import ListedAction, Response

some = settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

# --- texts -----------------------------------------------------------------------------------------------------------------

SPECIMENS = (
    "مرحبا بالعالم", "\u202eשלום\u202c \u200fעולם", "\u2067abc\u2069",  # right to left, with its marks
    "👩‍👩‍👧‍👦", "👋🏽", "🇮🇳", "#️⃣", "\U0001f9d1\u200d\U0001f692", "\U0010fffd",  # joined, toned, flags, far planes
    "é", "e\u0301", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A", "हिन्दी", "한국어", "\u1112\u1161\u11ab", "ﬁ", "Å", "Å",  # composed and not: never normalised
    "line\nbreak", "tab\there", "\r\n", "\x01\x1b[31m\x7f\x85", "\u2028\u2029", "\ufeff", "\u200b", "\xa0", "\ufffd\ufffe",
    "'", '"', "\\", "\\'", '\\"', "\\n", "\\u0041", "{'a': \"b\"}", "//", "/* */", "`${x}`", "{{ ds }}", "{% raw %}", "%20%", "+", "&amp;",
    "<script>alert(1)</script>", "'; DROP TABLE post; --", "null", "None", "True", "0", "1e5", "-", "2030-01-01", "a_b%c", "NaN",
)  # fmt: skip
ALPHABET = st.characters(exclude_categories=("Cs",), exclude_characters="\0")


def texts(most: int = 4000) -> st.SearchStrategy[str]:
    """Text as odd as text can be, and now and then as long as it may be; never blank."""
    piece = st.one_of(st.sampled_from(SPECIMENS), st.text(ALPHABET, min_size=1, max_size=12))
    short = st.lists(piece, min_size=1, max_size=5).map("".join)
    full = short.filter(str.strip).map(lambda text: (text * most)[:most])
    return st.one_of(short, short, short, short, full).map(lambda text: text[:most]).filter(str.strip)


def identifiers(most: int) -> st.SearchStrategy[str]:
    """Text that an id may be: without spaces, line breaks and control characters."""
    shown = texts(most).map(lambda text: "".join(each for each in text if each.isprintable() and each != " "))
    return shown.filter(lambda text: text.lower() not in ("", "none", "null"))


def different(least: int, most: int, limit: int = 300) -> st.SearchStrategy[list[str]]:
    return st.lists(texts(limit), min_size=least, max_size=most, unique_by=str.strip)


PLACES = st.builds(
    Location,
    st.floats(-90, 90, allow_subnormal=False),
    st.floats(-180, 180, allow_subnormal=False),
    st.one_of(st.just(""), texts()),
)
# of earlier ones nobody can tell whether they are seconds or milliseconds (C11)
MOMENTS = st.datetimes(datetime(1974, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


# --- the world -------------------------------------------------------------------------------------------------------------


class World:
    """A group of three on a live server: Asha asks, Ravi answers, both by the client; Meera looks with the app."""

    def __init__(self, shop: Shop) -> None:
        self.url, self.elsewhere = shop.url, shop.elsewhere
        self.asha, self.ravi = self._client("tenant-token"), self._client("user-token")
        self.group = self.asha.run(calls.create_group("All of us", "Hi", [RAVI, MEERA])).group_id
        self.resource = self.upload(self.asha, "a.png")
        self._after = 0
        self._app = requests.Session()
        token = self._call("POST", "/session", {"mobileNumber": MEERA, "pin": "1234"})["token"]
        self._app.headers["Authorization"] = f"Bearer {token}"

    def _client(self, token: str) -> KaizalaClient:
        given_ = Settings(
            "app", "secret", self.url, refresh_token=token, calls_per_minute=0, proxies={}, verify=False
        )
        return KaizalaClient(given_)

    def _call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        reply = self._app.request(method, self.url + "/people" + path, json=body, params=query, timeout=20)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def upload(self, client: KaizalaClient, name: str) -> str:
        return client.run(calls.upload_media(self.group, [Part(name, "image/png", lambda: io.BytesIO(PNG))]))

    def post(self, action: Any, audience: Audience | None = None) -> str:
        return str(self.asha.run(calls.post_action(self.group, action, audience or Audience())).action_id)

    def shown(self) -> dict[str, Any]:
        """Return what came last in the group, as the app shows it."""
        page = self._call("GET", f"/groups/{self.group}/feed", after=self._after, count=200)
        self._after = page["after"]
        item: dict[str, Any] = page["items"][-1]
        return item

    def details(self, action_id: str) -> dict[str, Any]:
        asked = {"groupId": self.group, "actionId": action_id, "getDetails": True}
        found: dict[str, Any] = self.asha.run(calls.any_operation("getAction", asked))["actionDetails"]
        return found

    def listed(self, kind: str, action_id: str) -> ListedAction:
        return next(
            each
            for each in self.asha.iterate(calls.list_actions(self.group, kind, count=1000))
            if each.action_id == action_id
        )

    def vote(self, action_id: str, choice: str) -> Response:
        self._call("POST", f"/actions/{action_id}/votes", {"choice": choice})
        (response,) = self.asha.run(calls.get_action(self.group, action_id)).responses
        assert response.responder.mobile_number == MEERA
        return response

    def close(self) -> None:
        for each in (self.asha, self.ravi, self._app):
            each.close()


@pytest.fixture(scope="module")
def world(shop: Shop) -> Iterator[World]:
    opened = World(shop)
    yield opened
    opened.close()


# --- there and back --------------------------------------------------------------------------------------------------------


@some
@given(text=texts(), answer=texts())
def test_messages(world: World, text: str, answer: str) -> None:
    reference = world.asha.run(calls.send_message(world.group, Message(text))).reference_id
    item = world.shown()
    assert (item["kind"], item["referenceId"], item["text"]) == ("text", reference, text)
    world.ravi.run(
        calls.send_message(world.group, Message(answer), Audience(reply_to_reference_id=reference))
    )
    item = world.shown()
    assert (item["replyToReferenceId"], item["text"], item["sender"]["name"]) == (reference, answer, "Ravi")


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_each_specimen_alone_and_at_the_limit(world: World, specimen: str) -> None:
    for text in (f"a{specimen}z", (specimen * 4000)[:3999] + "z"):
        world.asha.run(calls.send_message(world.group, Message(text)))
        assert world.shown()["text"] == text


@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_nul_is_refused_not_cut(world: World, text: str) -> None:
    with pytest.raises(KaizalaInputError, match="NUL"):
        Message(text)
    unchecked = calls.any_operation("sendMessage", {"groupId": world.group}, {"message": text})
    with pytest.raises(KaizalaBadRequestError, match="NUL"):
        world.asha.run(unchecked)


@some
@given(comments=st.lists(texts(), min_size=1, max_size=3))
def test_comments(world: World, comments: list[str]) -> None:
    reference = world.asha.run(calls.send_message(world.group, Message("x"))).reference_id
    for comment in comments:
        world.ravi.run(calls.post_reaction(world.group, reference, "Comment", comment))
    found = world.asha.iterate(calls.list_reactions(world.group, reference, "Comment"))
    assert [each.comment for each in found] == comments


@some
@given(name=texts(200), welcome=texts(), below=texts(200))
def test_group_names(world: World, name: str, welcome: str, below: str) -> None:
    made = world.asha.run(calls.create_group(name, welcome))
    assert made.name == name
    found = world.asha.run(calls.get_group(made.group_id))
    assert (found.name, found.welcome_message) == (name, welcome)
    world.asha.run(calls.create_sub_group(made.group_id, below, welcome))
    tree = world.asha.run(calls.list_sub_groups(made.group_id))
    assert (tree.group.name, [each.name for each in tree.sub_groups]) == (name, [below])
    assert made.group_id in {each.group_id for each in world.asha.iterate(calls.find_tenant_groups(name))}


@some
@given(name=texts(200), renamed=texts(200))
def test_bot_names(world: World, name: str, renamed: str) -> None:
    bot = world.asha.run(calls.create_bot(name))
    assert {each.bot_user_id: each.name for each in world.asha.run(calls.list_bots())}[bot] == name
    world.asha.run(calls.update_bot(bot, renamed))
    assert {each.bot_user_id: each.name for each in world.asha.run(calls.list_bots())}[bot] == renamed


@some
@given(context=texts(), token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_webhooks(world: World, context: str, token: str) -> None:
    new = NewWebhook(world.group, "Group", ["MemberRemoved"], world.elsewhere + "/echo?a=b", token, context)
    hook = world.asha.run(calls.create_webhook(new))
    (kept,) = world.asha.run(calls.list_webhooks(world.group))
    assert (kept.id, kept.context, kept.callback_token, kept.callback_url) == (
        hook,
        context,
        token,
        new.callback_url,
    )
    world.asha.run(calls.update_webhook(hook, WebhookChange(context=context[::-1])))
    assert world.asha.run(calls.list_webhooks(world.group))[0].context == context[::-1]
    world.asha.run(calls.delete_webhook(hook))


@some
@given(question=texts(), choices=different(2, 6), data=st.data())
def test_polls(world: World, question: str, choices: list[str], data: st.DataObject) -> None:
    poll = world.post(Poll(question, choices))
    listed = world.listed("Poll", poll)
    assert (listed.title, listed.raw["choices"]) == (question, [{"title": each} for each in choices])
    item = world.shown()
    assert (item["title"], [each["title"] for each in item["choices"]]) == (question, choices)
    choice = data.draw(st.sampled_from(choices))
    assert world.vote(poll, choice).answers == {question: choice}
    assert {each["title"]: each["count"] for each in world.details(poll)["choices"]} == {
        each: int(each == choice) for each in choices
    }


@st.composite
def asked(draw: st.DrawFn) -> list[tuple[Question, Any, Any]]:
    """Questions of all types in any order; with each an answer, and what is read back."""
    titles = draw(different(11, 11))
    one, many = draw(different(2, 5)), draw(different(2, 5))
    pick, picks = draw(st.sampled_from(one)), draw(st.lists(st.sampled_from(many), min_size=1, unique=True))
    text, place = draw(texts()), draw(PLACES)
    number = draw(st.one_of(st.integers(-(10**14), 10**14), st.floats(-1e14, 1e14)))
    day, moment = draw(MOMENTS), draw(MOMENTS)
    digits = draw(st.from_regex(r"[0-9]{4,12}", fullmatch=True))
    spot = {"latitude": place.latitude, "longitude": place.longitude, "name": place.name or None}
    rows: list[tuple[str, tuple[str, ...], Any, Any]] = [
        ("SingleOption", tuple(one), pick, pick),
        ("MultiOption", tuple(many), picks, picks),
        ("Text", (), text, text),
        ("Numeric", (), number, number),
        ("Date", (), day, iso(day.replace(microsecond=0))),
        ("DateTime", (), moment, iso(moment.replace(microsecond=0))),
        ("Location", (), place, spot),
        ("PhoneNumber", (), {"cc": "+91", "pn": digits}, "+91" + digits),
        ("Image", (), "a resource", "a.png"),
        ("AttachmentList", (), ["a resource", "a resource"], ["a.png", "a.png"]),
        ("Text", (), None, None),
    ]
    found = []
    for title, (kind, options, answer, read) in zip(titles, draw(st.permutations(rows)), strict=True):
        found.append((Question(title, kind, options, draw(st.booleans())), answer, read))
    return found


def with_resource(answer: Any, resource: str) -> Any:
    return {"a resource": resource}.get(answer, answer) if isinstance(answer, str) else (
        [with_resource(each, resource) for each in answer] if isinstance(answer, list) else answer)  # fmt: skip


def file_names(answer: Any, kind: str) -> Any:
    if kind in ("Image", "AttachmentList"):
        names = [each["file_name"] for each in answer]
        return names if kind == "AttachmentList" else names[0]
    return answer


@some
@given(title=texts(), description=st.one_of(st.none(), texts()), rows=asked(), name=texts(500), place=PLACES)
def test_surveys_with_all_kinds_of_questions(
    world: World,
    title: str,
    description: str | None,
    rows: list[tuple[Question, Any, Any]],
    name: str,
    place: Location,
) -> None:
    questions = [question for question, _, _ in rows]
    survey = world.post(Survey(title, questions, description=description))
    assert world.listed("Survey", survey).title == title
    item = world.shown()
    assert (item["title"], item.get("description")) == (title, description)
    sent = [each.to_wire() for each in questions]
    for each in sent:
        each.setdefault("options", [])
        each["type"] = "DateTime" if each["type"] == "Date" else each["type"]  # C10
    assert item["questions"] == world.details(survey)["questions"] == sent

    answers = [with_resource(answer, world.resource) for _, answer, _ in rows]
    world.ravi.run(calls.post_response(world.group, survey, answers, name=name, location=place))
    found = world.asha.run(calls.get_action(world.group, survey))
    (response,) = found.responses
    assert (found.title, response.responder.name) == (title, "Ravi")
    read = {
        question.title: file_names(response.answers[question.title], question.type) for question in questions
    }
    assert read == {question.title: expected for question, _, expected in rows}
    assert list(response.answers) == [question.title for question in questions]
    *_, where, _, who = world.details(survey)["responses"][0]["responseWithQuestions"]
    assert (who["answer"], where["answer"].get("n", "")) == (name, place.name)


@some
@given(options=different(2, 4), data=st.data())
def test_every_option_can_be_chosen(world: World, options: list[str], data: st.DataObject) -> None:
    """Also one that looks like a filler, a number or another option in other case."""
    options = (
        [*options, "-", "0", "yes", "YES"]
        if not {"-", "0", "yes", "YES"} & {each.strip() for each in options}
        else options
    )
    survey = world.post(
        Survey(
            "S",
            [
                Question("One", "SingleOption", tuple(options)),
                Question("Many", "MultiOption", tuple(options)),
            ],
        )
    )
    one, many = (
        data.draw(st.sampled_from(options)),
        data.draw(st.lists(st.sampled_from(options), min_size=1, unique=True)),
    )
    world.ravi.run(calls.post_response(world.group, survey, [one, many]))
    (response,) = world.asha.run(calls.get_action(world.group, survey)).responses
    assert response.answers == {"One": one, "Many": many}


@some
@given(title=texts(), due=st.integers(1, 10_000))
def test_jobs(world: World, title: str, due: int) -> None:
    job = world.post(Job(title, [RAVI, ASHA], timedelta(hours=due)))
    found = world.asha.run(calls.get_action(world.group, job))
    assert (found.title, [each.mobile_number for each in found.assignees]) == (title, [RAVI, ASHA])
    assert found.due is not None
    assert abs(found.due - datetime.now(UTC) - timedelta(hours=due)) < timedelta(minutes=1)
    assert world.shown()["title"] == world.listed("Job", job).title == title
    world.ravi.run(calls.complete_job(world.group, job))
    (response,) = world.asha.run(calls.get_action(world.group, job)).responses
    assert (response.responder.mobile_number, response.completed, list(response.answers)) == (
        RAVI,
        True,
        [title],
    )


@some
@given(
    title=texts(),
    starts=st.datetimes(datetime(2090, 1, 1), datetime(2500, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    minutes=st.integers(1, 100_000),
    place=st.one_of(st.none(), PLACES),
    agenda=st.one_of(st.none(), texts()),
    choice=st.sampled_from(["Yes", "No", "Maybe"]),
)
def test_meetings(
    world: World,
    title: str,
    starts: datetime,
    minutes: int,
    place: Location | None,
    agenda: str | None,
    choice: str,
) -> None:
    meeting = world.post(Meeting(title, starts, minutes, place, agenda))
    shown = [world.listed("LetsMeet", meeting).raw, world.details(meeting), world.shown()]
    for each in shown:
        assert (each["title"], each["duration"], each["agenda"]) == (title, minutes, agenda or "")
        assert each.get("place") == (place.to_wire() if place else None)
    found = world.asha.run(calls.get_action(world.group, meeting))
    assert (found.title, found.due) == (title, starts.astimezone(UTC).replace(microsecond=0))
    assert world.vote(meeting, choice).answers == {title: choice}


def _plain(name: str) -> bool:
    """Tell whether a file name holds nothing that a path or a header could trip over, which the server takes out."""
    return all(each.isprintable() or each in "\u200c\u200d" for each in name) and not set(name) & set('"\\/')


@example(text="x", title=None, names=["👩‍👩‍👧.png", "می‌خواهم.png"])
@some
@given(
    text=texts(),
    title=st.one_of(st.none(), texts()),
    names=st.lists(texts(60).filter(_plain).map(lambda name: name + ".png"), max_size=3),
)
def test_announcements_with_their_files(world: World, text: str, title: str | None, names: list[str]) -> None:
    media = tuple(world.upload(world.asha, name) for name in names)
    world.asha.run(calls.post_action(world.group, Announcement(text, title, media)))
    item = world.shown()
    assert (item["text"], item["title"]) == (text, title or "")
    assert [each["mediaFileName"] for each in item["media"]] == names
    for each in item["media"]:
        assert requests.get(each["mediaUrl"], timeout=20).content == PNG


def cards(most: int = 6) -> st.SearchStrategy[list[Property]]:
    values = st.one_of(st.just(""), texts())
    made = st.builds(Property, texts(500), st.sampled_from(PROPERTY_TYPES), values)
    return st.lists(made, min_size=1, max_size=most, unique_by=lambda each: each.name.strip())


@some
@given(package=identifiers(100), title=st.one_of(st.none(), texts()), properties=cards(), data=st.data())
def test_packages_with_properties(
    world: World, package: str, title: str | None, properties: list[Property], data: st.DataObject
) -> None:
    card = world.post(Package(package, title, (Question("Q"),), properties))
    item, details = world.shown(), world.details(card)
    for each in (item, details):
        assert (each["title"], each["packageId"]) == (title or "", package)
        assert each["properties"] == [one.to_wire() for one in properties]
    changed = [Property(each.name, each.type, data.draw(texts())) for each in properties]
    world.asha.run(calls.update_action(world.group, card, changed[::2]))
    if changed[1::2]:
        world.asha.run(calls.update_action_properties(world.group, card, changed[1::2]))
    assert world.details(card)["properties"] == [one.to_wire() for one in changed]
    answer = data.draw(texts())
    world.ravi.run(calls.post_response(world.group, card, [answer], package_id=package))
    (response,) = world.asha.run(calls.get_action(world.group, card)).responses
    assert response.answers == {"Q": answer}
