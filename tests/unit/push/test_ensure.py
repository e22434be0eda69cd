"""What has to become of webhooks, and carrying it out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
    KaizalaThrottledError,
)
from airflow_provider_kaizala.client.models.received import Webhook
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.push.ensure import (
    VALIDITY,
    Owner,
    Step,
    Wanted,
    WebhooksError,
    ensure,
    named_groups,
    plan,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BASE, OLD = "https://airflow.example.com", "https://old.example.com/airflow"
OWNER = Owner("kaizala_default", "the secret of the connection")
TOKEN = OWNER.token("g1")
URL = f"{BASE}/kaizala/kaizala_default?on=Group%2Fg1"
#: values in the calls that must not appear where people look
SECRETS = (TOKEN, "the secret of the connection")


def wanted(*group_ids: str, **given: Any) -> Wanted:
    return Wanted(BASE, group_ids or ("g1",), **given)


def webhook(**changes: Any) -> Webhook:
    """A webhook of group g1 that is as it should be, but for the changes."""
    usual: dict[str, Any] = {
        "id": "w1",
        "object_id": "g1",
        "object_type": "Group",
        "event_types": EVENT_TYPES,
        "callback_url": URL,
        "callback_token": TOKEN,
        "context": None,
        "expires_at": NOW + timedelta(days=400),
        "changed_at": NOW,
        "active": True,
    }
    return Webhook(**{**usual, **changes})


def planned(*webhooks: Webhook, **given: Any) -> list[Step]:
    return plan(wanted(**given), OWNER, {"g1": webhooks}, NOW)


def body(step: Step) -> dict[str, Any]:
    """What is sent."""
    assert step.change is not None
    return step.change.to_wire(NOW)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


# --- the plan --------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_created() -> None:
    (step,) = planned()
    assert (step.kind, step.group_id, step.webhook_id) == ("created", "g1", None)
    assert body(step) == {
        "objectId": "g1",
        "objectType": "Group",
        "eventTypes": list(EVENT_TYPES),
        "callBackUrl": URL,
        "callBackToken": TOKEN,
        "validity": milliseconds(NOW + VALIDITY),
    }


def test_what_is_as_it_should_be_stays() -> None:
    (step,) = planned(webhook())
    assert (step.kind, step.webhook_id, step.change) == ("unchanged", "w1", None)


@pytest.mark.parametrize(
    ("changes", "kind", "reason", "sent"),
    [
        ({"active": False}, "reactivated", "Kaizala has disabled it", {}),
        (
            {"active": False, "expires_at": NOW - timedelta(days=1)},
            "reactivated",
            "its validity has ended, it is valid until 2026-10-31 00:00 UTC only",
            {"validity": milliseconds(NOW + VALIDITY)},
        ),
        (
            {"callback_url": f"{OLD}/kaizala/kaizala_default?on=Group%2Fg1"},
            "replaced",
            f"it calls {OLD}/kaizala/kaizala_default instead of {BASE}/kaizala/kaizala_default",
            {"callBackUrl": URL},
        ),
        (
            {"callback_url": URL.replace("g1", "g2")},
            "replaced",
            "its address names another subscription",
            {"callBackUrl": URL},
        ),
        (
            {"expires_at": NOW + timedelta(days=30)},
            "renewed",
            "it is valid until 2026-12-01 00:00 UTC only",
            {"validity": milliseconds(NOW + VALIDITY)},
        ),
        (
            {"expires_at": None},
            "renewed",
            "Kaizala does not show until when it is valid",
            {"validity": milliseconds(NOW + VALIDITY)},
        ),
        ({"callback_token": "another"}, "updated", "its token is another", {}),
        ({"callback_token": None}, "updated", "Kaizala does not show its token", {}),
        (
            {"event_types": ("JobResponse",)},
            "updated",
            "its events are not those that are needed",
            {"eventTypes": list(EVENT_TYPES)},
        ),
    ],
)
def test_one_difference_is_one_change(
    changes: dict[str, Any], kind: str, reason: str, sent: dict[str, Any]
) -> None:
    (step,) = planned(webhook(**changes))
    assert (step.kind, step.webhook_id, step.reason) == (kind, "w1", reason)
    assert body(step) == {"callBackToken": TOKEN, "Active": "true", **sent}


def test_all_differences_of_a_webhook_are_one_change() -> None:
    old = f"{OLD}/kaizala/kaizala_default"
    (step,) = planned(webhook(callback_url=old, active=False, expires_at=NOW, event_types=()))
    assert step.kind == "replaced"
    assert step.reason.count(", ") == 3
    assert set(body(step)) == {"callBackUrl", "callBackToken", "Active", "validity", "eventTypes"}


@pytest.mark.parametrize(
    ("validity", "left", "kind"),
    [
        (VALIDITY, timedelta(days=30, seconds=1), "unchanged"),
        (timedelta(days=60), timedelta(days=20, seconds=1), "unchanged"),
        (timedelta(days=60), timedelta(days=20), "renewed"),
    ],
)
def test_a_webhook_is_renewed_when_a_third_or_30_days_are_left(
    validity: timedelta, left: timedelta, kind: str
) -> None:
    (step,) = planned(webhook(expires_at=NOW + left), expires=validity)
    assert step.kind == kind


def test_events_that_others_have_added_stay_unless_they_are_to_be_removed() -> None:
    there = webhook(event_types=("memberadded", "JobResponse"))
    (step,) = planned(there, event_types=["JobResponse"])
    assert step.kind == "unchanged"
    (step,) = planned(there, event_types=["JobResponse", "TextMessageCreated"])
    assert body(step)["eventTypes"] == ["JobResponse", "TextMessageCreated", "MemberAdded"]
    (step,) = planned(there, event_types=["JobResponse"], remove_unneeded=True)
    assert body(step)["eventTypes"] == ["JobResponse"]
    (step,) = planned(there, event_types=["MemberAdded", "JobResponse"], remove_unneeded=True)
    assert step.kind == "unchanged"


def test_of_several_the_best_stays() -> None:
    old = webhook(id="old", callback_url=f"{OLD}/kaizala/kaizala_default")
    steps = planned(old, webhook(id="asleep", active=False), webhook(id="good"), webhook(id="too"))
    assert [(step.kind, step.webhook_id) for step in steps] == [
        ("unchanged", "good"),
        ("removed", "old"),
        ("removed", "asleep"),
        ("removed", "too"),
    ]
    assert steps[1].reason == "webhook good brings the same events"


@pytest.mark.parametrize(
    "foreign",
    [
        {"callback_url": "https://airflow.example.com/other/kaizala_default"},
        {"callback_url": "https://airflow.example.com/kaizala/kaizala_default/more"},
        {"callback_url": "https://airflow.example.com/kaizala/another"},
        {"callback_url": "https://hook.example.com/?to=/kaizala/kaizala_default"},
        {"callback_url": "https://hook.example.com/#/kaizala/kaizala_default?x"},
        {"callback_url": "https://[bad/kaizala/other"},
        # another Airflow whose connection is called the same: it derives another token
        {"callback_url": f"{OLD}/kaizala/kaizala_default", "callback_token": "of another Airflow"},
    ],
)
def test_a_foreign_webhook_is_not_touched(foreign: dict[str, Any]) -> None:
    there = webhook(id="foreign", **foreign)
    assert [step.kind for step in planned(there)] == ["created"]
    assert plan(wanted("g2"), OWNER, {"g1": [there]}, NOW) == []


def test_webhooks_at_the_public_url_are_ours_whatever_their_token() -> None:
    assert [step.kind for step in planned(webhook(callback_token="of the secret before"))] == ["updated"]


@pytest.mark.parametrize("conn_id", ["kz/prod", "kz prod", "kz%2Fprod"])
def test_odd_connection_ids(conn_id: str) -> None:
    owner = Owner(conn_id, "secret")
    url = owner.subscription("g1").callback_url(OLD)
    (step,) = plan(wanted(), owner, {"g1": [webhook(callback_url=url, callback_token=None)]}, NOW)
    assert step.kind == "replaced"
    assert not Owner("prod", "secret").is_ours(webhook(callback_url=url, callback_token=None), "g1")


def test_groups_that_are_not_needed_lose_ours() -> None:
    unneeded = webhook(
        id="w2", callback_token=OWNER.token("g2"), callback_url=f"{OLD}/kaizala/kaizala_default"
    )
    foreign = webhook(id="foreign", callback_url="https://a.example")
    listed = {"G1": [webhook()], "g2": [unneeded, foreign]}
    steps = plan(wanted("g1"), OWNER, listed, NOW)
    assert [(step.kind, step.group_id, step.webhook_id) for step in steps if step.kind == "removed"] == [
        ("removed", "g2", "w2")
    ]


def test_neither_a_plan_nor_an_error_shows_a_secret() -> None:
    steps = planned(webhook(callback_token="another"), webhook(id="w2")) + planned()
    error = WebhooksError({"group g1": KaizalaError("gone")}, steps)
    shown = f"{steps!r} {[str(step) for step in steps]} {OWNER!r} {error!r} {error}"
    assert not [secret for secret in SECRETS if secret in shown]


# --- what is wanted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"public_url": ""}, "public_url is empty"),
        ({"public_url": "airflow.example.com"}, "public_url must be an https:// address"),
        ({"public_url": "https://me:pass-word@a.example"}, "public_url must be an https:// address"),
        ({"public_url": "https://a.example?x=1"}, "without query and fragment"),
        ({"public_url": "https://a.example/#/home"}, "without query and fragment"),
        ({"group_ids": "g1"}, "group_ids must be a list of group ids"),
        ({"group_ids": []}, "group_ids is empty"),
        ({"group_ids": ["a/b"]}, "group_ids: 'a/b' is not a valid group id"),
        ({"event_types": ["Message"]}, "event_types must be one of ActionCreated"),
        ({"expires": timedelta(hours=23)}, "expires must be a timedelta of at least a day"),
        ({"expires": "2027-01-01"}, "expires must be a timedelta of at least a day"),
        ({"remove_unneeded": "perhaps"}, "remove_unneeded must be True or False"),
    ],
)
def test_what_cannot_be_wanted(given: dict[str, Any], says: str) -> None:
    with pytest.raises(KaizalaInputError, match=says) as refused:
        Wanted(**{"public_url": BASE, "group_ids": ["g1"], **given})
    assert "pass-word" not in str(refused.value)


def test_a_slash_after_the_public_url_makes_no_difference() -> None:
    assert Wanted(f" {BASE}/ ", ["g1"]) == Wanted(BASE, ["g1"])


def test_the_groups_of_a_connection_are_those_it_names() -> None:
    settings = Settings("id", "secret", group_refresh_tokens={"g1": "t1", "g2": "t2"})
    assert named_groups(settings, None) == ("g1", "g2")
    assert named_groups(settings, "G2") == ("g1", "g2")
    assert named_groups(settings, "g3") == ("g1", "g2", "g3")
    with pytest.raises(KaizalaInputError, match="group_ids is missing"):
        named_groups(Settings("id", "secret", refresh_token="t"), None)


# --- carrying it out -------------------------------------------------------------------------------------------------


class Kaizala:
    """Answers calls from what each group has; an exception stands for a group that fails."""

    def __init__(self, **groups: Any) -> None:
        self.groups, self.calls = groups, []

    def __call__(self, call: Any) -> Any:
        self.calls.append(call)
        match call.operation:
            case "listWebhooks":
                there = self.groups[call.group_id]
                if isinstance(there, KaizalaError):
                    raise there
                return there
            case "listGroups":
                return [type("Group", (), {"group_id": each}) for each in self.groups]
            case "createWebhook":
                return f"new-in-{call.group_id}"
            case "deleteWebhook" if "gone" in call.path:
                raise KaizalaNotFoundError("deleteWebhook", 404)
        return True

    @property
    def changes(self) -> list[str]:
        return [
            f"{call.operation} {call.path} {call.group_id}" for call in self.calls if call.method != "GET"
        ]


SETTINGS = Settings("id", "secret", refresh_token="user", group_refresh_tokens={"g1": "t1", "g2": "t2"})


def carried_out(kaizala: Kaizala, *group_ids: str, settings: Settings = SETTINGS, **given: Any) -> list[Step]:
    dry_run = given.pop("dry_run", False)
    return ensure(kaizala, settings, OWNER, wanted(*group_ids, **given), NOW, dry_run=dry_run)


def test_what_differs_is_changed_and_what_is_created_has_an_id() -> None:
    there = webhook(callback_url=OWNER.subscription("g2").callback_url(BASE), active=False)
    kaizala = Kaizala(g1=[], g2=[there, webhook(id="gone")])
    seen: list[Step] = []
    done = ensure(kaizala, SETTINGS, OWNER, wanted("g1", "g2"), NOW, on_step=seen.append)
    assert [(step.kind, step.webhook_id) for step in done] == [
        ("created", "new-in-g1"),
        ("reactivated", "w1"),
        ("removed", "gone"),
    ]
    assert seen == done
    assert kaizala.changes == [
        "createWebhook /webhook g1",
        "updateWebhook /webhook/w1 g2",
        "deleteWebhook /webhook/gone g2",
    ]
    assert all(set(call.secrets) >= {OWNER.token(call.group_id)} for call in kaizala.calls if call.body)


def test_a_dry_run_changes_nothing() -> None:
    kaizala = Kaizala(g1=[], g2=[webhook(active=False), webhook(id="w2")])
    done = carried_out(kaizala, "g1", "g2", dry_run=True)
    assert [step.kind for step in done] == ["created", "replaced", "removed"]
    assert kaizala.changes == []


def test_a_group_that_fails_does_not_keep_the_others_from_being_dealt_with() -> None:
    forbidden = KaizalaForbiddenError("listWebhooks", 403, group_id="g1")
    with pytest.raises(WebhooksError, match=r"1 of the groups .* group g1: listWebhooks failed") as failed:
        carried_out(Kaizala(g1=forbidden, g2=[]), "g1", "g2")
    assert [step.webhook_id for step in failed.value.done] == ["new-in-g2"]
    assert failed.value.failures == {"group g1": forbidden}
    assert not failed.value.is_transient
    with pytest.raises(WebhooksError) as failed:
        carried_out(Kaizala(g1=forbidden, g2=KaizalaThrottledError("listWebhooks", 429)), "g1", "g2")
    assert failed.value.is_transient


def test_duplicates_stay_if_the_one_that_is_kept_cannot_be_made_right() -> None:
    class Refuses(Kaizala):
        def __call__(self, call: Any) -> Any:
            if call.operation == "updateWebhook":
                raise KaizalaForbiddenError("updateWebhook", 403)
            return super().__call__(call)

    kaizala = Refuses(g1=[webhook(active=False), webhook(id="w2", active=False)])
    with pytest.raises(WebhooksError):
        carried_out(kaizala)
    assert kaizala.changes == []


def test_unneeded_webhooks_are_looked_for_in_all_groups_of_all_grants() -> None:
    ours = webhook(id="w3", callback_token=OWNER.token("g3"))
    kaizala = Kaizala(g1=[webhook()], g2=[], g3=[ours])
    assert [step.kind for step in carried_out(kaizala)] == ["unchanged"]
    assert [call.group_id for call in kaizala.calls] == ["g1"]
    kaizala.calls.clear()
    done = carried_out(kaizala, remove_unneeded=True)
    assert [(step.kind, step.webhook_id) for step in done] == [("unchanged", "w1"), ("removed", "w3")]
    asked = [call.group_id for call in kaizala.calls if call.operation == "listWebhooks"]
    assert asked == ["g1", "g2", "g3"]


def test_groups_that_the_connector_may_not_look_into_hold_no_webhook_of_ours() -> None:
    kaizala = Kaizala(g1=[webhook()], g2=[], g3=KaizalaForbiddenError("listWebhooks", 403), g4=[])
    assert [step.kind for step in carried_out(kaizala, remove_unneeded=True)] == ["unchanged"]
    assert kaizala.calls[-1].group_id == "g4"
    kaizala.groups["g3"] = KaizalaThrottledError("listWebhooks", 429)
    with pytest.raises(WebhooksError, match="group g3"):
        carried_out(kaizala, remove_unneeded=True)


def test_without_the_token_of_a_user_only_the_groups_with_tokens_are_looked_at() -> None:
    settings = Settings("id", "secret", group_refresh_tokens={"g1": "t1", "g2": "t2"})
    kaizala = Kaizala(g1=[webhook()], g2=[webhook(callback_token=OWNER.token("g2"))])
    done = carried_out(kaizala, settings=settings, remove_unneeded=True)
    assert [step.kind for step in done] == ["unchanged", "removed"]
    assert "listGroups" not in [call.operation for call in kaizala.calls]


def test_without_a_secret_nothing_is_asked() -> None:
    kaizala = Kaizala(g1=[])
    with pytest.raises(KaizalaInputError, match="extra webhook_secret is missing"):
        ensure(kaizala, SETTINGS, Owner("kaizala_default", None), wanted(), NOW)
    assert kaizala.calls == []
