from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_kaizala import push
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.operators import (
    KaizalaCreateWebhookOperator,
    KaizalaDeleteWebhookOperator,
    KaizalaEnsureWebhooksOperator,
    KaizalaUpdateWebhookOperator,
)
from airflow_provider_kaizala.push.ensure import KINDS, Owner

URL = "https://me.example/kaizala"
SECRET = "callback-token-of-the-connector"
CREATED = (200, {"webhookId": "w1"})


class Killed(BaseException):
    """The worker dies."""


def die(request):
    """The worker dies after the request went out."""
    raise Killed


def create(**given):
    return KaizalaCreateWebhookOperator(
        task_id="t", **{"event_types": ["memberadded"], "callback_url": URL, **given}
    )


def update(**given):
    return KaizalaUpdateWebhookOperator(task_id="t", webhook_id="w1", **given)


def listing(*webhooks):
    """Reply with webhooks: id to address."""
    there = [
        {
            "id": each,
            "objectId": "x",
            "objectType": "Group",
            "events": [],
            "callbackUrl": url,
            "active": False,
        }
        for each, url in webhooks
    ]
    return 200, {"webhooks": there}


# --- create --------------------------------------------------------------------------------------------------------------


def test_a_webhook_is_created_with_the_callback_token_of_the_connection(kaizala, run_task, group, logs):
    kaizala.script = [listing(("w0", URL + "/2")), CREATED]
    task = create(context="{{ params.store }}", expires=timedelta(days=1))
    result = run_task(task, params={"store": "12"})
    assert result == {"webhook_id": "w1", "object_id": group, "object_type": "Group", "created": True}
    (post,) = kaizala.posts
    body = post.json
    in_a_day = (datetime.now(tz=UTC) + timedelta(days=1)).timestamp() * 1000
    assert abs(body.pop("validity") - in_a_day) < 60_000
    assert body == {
        "objectId": group,
        "objectType": "Group",
        "eventTypes": ["MemberAdded"],
        "callBackUrl": URL,
        "callBackToken": SECRET,
        "callBackContext": "12",
    }
    assert SECRET not in logs.text
    assert not any(SECRET in str(getattr(task, name)) for name in task.template_fields)


def test_a_webhook_that_calls_the_address_already_is_updated_and_enabled(kaizala, run_task, logs):
    kaizala.script = [listing(("other", URL + "/2"), ("w0", URL), ("w5", URL)), (200, {})]
    task = create(event_types=["JobResponse"], object_type="action", object_id=" a1\n")
    assert run_task(task) == {
        "webhook_id": "w0",
        "object_id": "a1",
        "object_type": "Action",
        "created": False,
    }
    asked, call = kaizala.calls()
    assert asked.query == {"objectId": "a1", "objectType": "Action"}
    assert (call.method, call.path) == ("PUT", "/webhook/w0")
    assert call.json == {
        "eventTypes": ["JobResponse"],
        "callBackUrl": URL,
        "callBackToken": SECRET,
        "Active": "true",
    }
    assert "events come more than once: w5" in logs.of("warning")[0]


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not kept"])
def test_a_webhook_that_was_created_after_all_is_found_by_its_address(kaizala, run_task, store, keeps):
    kaizala.script = [listing(), (500, {}), listing(("other", URL + "/2"), ("w1", URL))]
    context = {"task_state_store": store} if keeps else {}
    result = run_task(create(), **context)
    assert (result["webhook_id"], result["created"]) == ("w1", True)
    assert len(kaizala.posts) == 1


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not kept"])
def test_a_retry_after_the_worker_died_finds_the_webhook(kaizala, run_task, store, keeps):
    context = {"task_state_store": store} if keeps else {}
    kaizala.script = [listing(), die]
    with pytest.raises(Killed):
        run_task(create(), **context)
    kaizala.script = [listing(("w1", URL)), (200, {})]
    result = run_task(create(), **context)
    # before Airflow 3.3 the retry cannot know whose it is
    assert (result["webhook_id"], result["created"]) == ("w1", keeps)
    assert len(kaizala.posts) == 1


def test_a_retry_after_the_worker_died_creates_the_webhook_if_it_is_not_there(kaizala, run_task, store):
    kaizala.script = [listing(), die]
    with pytest.raises(Killed):
        run_task(create(), task_state_store=store)
    kaizala.script = [listing(), listing(), CREATED]
    assert run_task(create(), task_state_store=store)["created"] is True
    assert len(kaizala.posts) == 2


def test_a_retry_returns_the_webhook_that_an_earlier_try_has_created(kaizala, run_task, store):
    kaizala.script = [listing(), CREATED]
    first = run_task(create(), task_state_store=store)
    assert run_task(create(), task_state_store=store) == first
    assert len(kaizala.posts) == 1


def test_an_unknown_outcome_fails_or_is_sent_once_more(kaizala, run_task):
    kaizala.script = [listing(), (500, {}), listing()]
    with pytest.raises(AirflowFailException, match="no readable answer came back"):
        run_task(create())
    kaizala.script = [listing(), (500, {}), listing(), CREATED]
    assert run_task(create(on_unknown_outcome="resend"))["webhook_id"] == "w1"
    assert len(kaizala.posts) == 3


# --- update and delete ---------------------------------------------------------------------------------------------------


def test_only_what_is_given_is_changed(kaizala, run_task):
    kaizala.script = [(200, {})] * 2
    assert run_task(update(active="{{ params.on }}"), params={"on": "false"}) == {"webhook_id": "w1"}
    run_task(update(event_types=["MemberAdded"], context="new"))
    assert [call.json for call in kaizala.calls()] == [
        {"callBackToken": SECRET, "Active": "false"},
        {"eventTypes": ["MemberAdded"], "callBackContext": "new", "callBackToken": SECRET},
    ]


def test_a_change_of_nothing_names_what_can_be_changed(kaizala, connect, run_task):
    kaizala.script = [(200, {})]
    run_task(update())
    assert [call.json for call in kaizala.calls()] == [{"callBackToken": SECRET}], "a new token is a change"
    connect(extra={"callback_token": None})
    says = (
        "t: nothing to change: give active, event_types, callback_url, context or expires, "
        "or set the extra callback_token of connection 'kaizala_default'"
    )
    with pytest.raises(AirflowFailException, match=f"^{says}$"):
        run_task(update())
    assert len(kaizala.calls()) == 1


def test_a_token_in_the_address_is_masked(kaizala, run_task, monkeypatch):
    masked = []
    monkeypatch.setattr("airflow_provider_kaizala.operators.webhook.mask_secret", masked.append)
    kaizala.script = [(200, {})] * 2
    for given in ({}, {"callback_url": URL + "?store=12&sig=Sig%2Fof12345"}):
        run_task(update(**given))
    assert masked == ["Sig%2Fof12345", "Sig/of12345"]


@pytest.mark.parametrize(("status", "deleted"), [(200, True), (404, False)])
def test_a_webhook_that_no_longer_exists_is_skipped(kaizala, run_task, status, deleted):
    kaizala.script = [(status, {})]
    task = KaizalaDeleteWebhookOperator(task_id="t", webhook_id="w1")
    assert run_task(task) == {"webhook_id": "w1", "deleted": deleted}
    (call,) = kaizala.calls()
    assert (call.method, call.path) == ("DELETE", "/webhook/w1")


@pytest.mark.parametrize("make", [create, update])
def test_an_end_without_a_zone_is_in_the_timezone_of_the_dag(kaizala, run_task, make):
    kaizala.script = [listing(), CREATED] if make is create else [(200, {})]
    there = ZoneInfo("Asia/Kolkata")
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=there)):
        task = make(expires="2099-03-01T12:00:00")
    run_task(task)
    ends = datetime(2099, 3, 1, 12, tzinfo=there)
    assert kaizala.calls()[-1].json["validity"] == ends.timestamp() * 1000


# --- ensure --------------------------------------------------------------------------------------------------------------

BASE = "https://airflow.example.com"
WEBHOOK_SECRET = "webhook-secret-of-the-connection"


def ensure(**given):
    return KaizalaEnsureWebhooksOperator(task_id="t", **{"public_url": BASE, **given})


@pytest.fixture
def checked_urls(monkeypatch, connect):
    """The public URLs whose receiver was asked for an echo; all are fine. The connection has a secret for webhooks."""
    urls = []
    monkeypatch.setattr(push, "check_echo", lambda settings, url, *owner: urls.append((url, *owner)))
    connect(extra={"webhook_secret": WEBHOOK_SECRET})
    return urls


def test_the_groups_that_the_connection_names_get_a_webhook(
    kaizala, run_task, group, checked_urls, logs, monkeypatch, secrets_of_the_connection
):
    masked = []
    monkeypatch.setattr("airflow_provider_kaizala.operators.webhook.mask_secret", masked.append)
    kaizala.script = [listing(("foreign", URL)), CREATED]
    result = run_task(ensure(public_url="{{ params.where }}/"), params={"where": BASE})
    nothing = {kind: [] for kind in KINDS}
    created = [{"group_id": group, "webhook_id": "w1", "reason": "the group has none"}]
    assert result == {**nothing, "created": created, "dry_run": False}
    assert checked_urls == [(BASE, "kaizala_default", WEBHOOK_SECRET)]
    (post,) = kaizala.posts
    token = Owner("kaizala_default", WEBHOOK_SECRET).token(group)
    assert (post.json["objectId"], post.json["callBackToken"]) == (group, token)
    assert masked == [token]
    shown = f"{logs.text} {result}"
    assert "created: webhook w1 of group" in shown
    assert not [each for each in (token, WEBHOOK_SECRET, *secrets_of_the_connection) if each in shown]


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ({"group_ids": "{{ params.groups }}"}, ["g1", "g2"]),
        ({"group_ids": ["{{ params.one }}", "g3"]}, ["g1", "g3"]),
    ],
)
def test_the_groups_may_be_known_at_run_time_only(kaizala, run_task, checked_urls, given, groups):
    kaizala.script = [listing(), listing()]
    with DAG("a_dag", schedule=None, render_template_as_native_obj=True):
        task = ensure(dry_run="{{ true }}", **given)
    result = run_task(task, params={"groups": ["g1", "g2"], "one": "g1"})
    assert [each["group_id"] for each in result["created"]] == groups
    assert kaizala.posts == []


def test_an_empty_list_stands_for_the_groups_of_the_connection(kaizala, run_task, group, checked_urls):
    kaizala.script = [listing()]
    result = run_task(ensure(group_ids=[], dry_run=True))
    assert [each["group_id"] for each in result["created"]] == [group]


def test_groups_that_render_to_none_are_not_replaced_by_others(kaizala, run_task, checked_urls):
    with DAG("a_dag", schedule=None, render_template_as_native_obj=True):
        task = ensure(group_ids="{{ none }}")
    with pytest.raises(AirflowFailException, match="group_ids rendered to None"):
        run_task(task)
    assert kaizala.calls() == []


def test_nothing_is_asked_where_the_receiver_is_not(kaizala, run_task, checked_urls, monkeypatch):
    def fail(*args):
        raise push.ReceiverError("not the receiver")

    monkeypatch.setattr(push, "check_echo", fail)
    with pytest.raises(push.ReceiverError, match="not the receiver"):  # Airflow may retry
        run_task(ensure())
    assert kaizala.calls() == []


def test_without_a_secret_the_task_fails_at_once(kaizala, run_task, checked_urls, connect):
    connect(extra={"webhook_secret": None})
    with pytest.raises(AirflowFailException, match="extra webhook_secret is missing"):
        run_task(ensure())
    assert (kaizala.calls(), checked_urls) == ([], [])


def test_a_group_that_fails_fails_the_task_at_the_end(kaizala, run_task, checked_urls):
    kaizala.script = [kaizala.error(403), listing(), CREATED]
    with pytest.raises(push.WebhooksError, match="group g1: listWebhooks failed"):  # Airflow may retry
        run_task(ensure(group_ids=["g1", "g2"]))
    (post,) = kaizala.posts
    assert post.json["objectId"] == "g2"


def test_a_warning_about_the_public_url_is_logged(kaizala, run_task, checked_urls, monkeypatch, logs):
    monkeypatch.setattr(push, "check_echo", lambda *args: "plain http")
    kaizala.script = [listing()]
    run_task(ensure(dry_run=True))
    assert "plain http" in logs.text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"public_url": "me.example"}, "public_url must be an https:// address"),
        ({"public_url": "https://u:pass-word@me.example"}, "public_url must be an https:// address"),
        ({"public_url": None}, "public_url must be a string"),
        ({"group_ids": "g1"}, "group_ids must be a list of group ids"),
        ({"event_types": []}, "event_types is empty"),
        ({"event_types": ["Message"]}, "event_types must be one of ActionCreated"),
        ({"expires": "2099-01-01"}, "expires must be a timedelta of at least a day"),
        ({"remove_unneeded": "perhaps"}, "remove_unneeded must be True or False"),
        ({"dry_run": "perhaps"}, "dry_run must be True or False"),
        ({"group_id": "g1"}, "does not take it"),
    ],
)
def test_what_cannot_be_ensured_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says) as refused:
        ensure(**given)
    assert "pass-word" not in str(refused.value)


# --- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"event_types": []}, "event_types is empty; give one or more of ActionCreated"),
        ({"event_types": ["Message"]}, "event_types must be one of ActionCreated"),
        ({"event_types": None}, "event_types and callback_url are both needed"),
        ({"callback_url": "me.example"}, "callback_url must be an https:// address"),
        ({"callback_url": "https://u:pass-word@me.example"}, "callback_url must be an https:// address"),
        ({"object_type": "Action"}, "object_id is missing; a webhook on an Action needs it"),
        ({"object_id": "a1"}, "object_id: a webhook on a group takes group_id"),
        ({"expires": timedelta(0)}, "expires must be .* a timedelta above zero"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says) as refused:
        create(**given)
    assert "pass-word" not in str(refused.value)


def test_wrong_arguments_of_a_change_are_refused_when_the_dag_is_parsed():
    with pytest.raises(KaizalaInputError, match="active must be True or False"):
        update(active="perhaps")
    with pytest.raises(KaizalaInputError, match="webhook_id is empty"):
        KaizalaDeleteWebhookOperator(task_id="t", webhook_id="")


@pytest.mark.parametrize("object_type", ["kind.j2", "{{ params.kind }}"])
def test_a_templated_object_type_is_not_compared_when_the_dag_is_parsed(object_type):
    create(object_type=object_type)
    create(object_type=object_type, object_id="a1")
