"""Makes the webhooks of a connection those that push needs: what differs is planned first, then changed call by call.

One webhook per group calls the receiver, at the address of its :class:`~airflow_provider_kaizala.push.subscriptions.Subscription`.
A webhook is *ours* if it calls ``/kaizala/<connection id>``: under the public URL, or under another one, as after a move, unless
Kaizala shows that it sends a token which is not ours. Others, such as those of another Airflow, are never touched.

:func:`plan` compares and does no I/O. It is level-triggered: run again, it plans only what still differs, so a failed or unknown
call is settled by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
)
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Sent
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES, NewWebhook, WebhookChange
from airflow_provider_kaizala.client.value import Value, checked
from airflow_provider_kaizala.push.subscriptions import PATH, Subscription

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Webhook
    from airflow_provider_kaizala.client.settings import Settings

#: makes a call and returns its result, as ``KaizalaClient.run`` does
Run = Callable[["Call[Any]"], Any]

#: what can become of a webhook
KINDS = ("created", "reactivated", "replaced", "renewed", "updated", "removed", "unchanged")
#: the state of a webhook that delivers
ACTIVE = "active"
#: how long a webhook is valid unless asked otherwise; it is Kaizala's own default
VALIDITY = timedelta(days=730)
#: a webhook is renewed when less than this is left, or less than a third of its validity
RENEW_BEFORE = timedelta(days=30)


class WebhooksError(KaizalaError):
    """Some groups could not be dealt with; the others were.

    :ivar failures: what could not be dealt with, such as ``group <id>``, to its error
    :ivar done: the steps that were carried out
    """

    def __init__(self, failures: Mapping[str, KaizalaError], done: Sequence[Step]) -> None:
        self.failures, self.done = dict(failures), tuple(done)
        self.is_transient = any(error.is_transient for error in failures.values())
        super().__init__(self.failures, self.done)

    def __str__(self) -> str:
        each = "; ".join(f"{what}: {error}" for what, error in self.failures.items())
        return f"{len(self.failures)} of the groups could not be dealt with, all others were: {each}"


def public_url(name: str, value: Any) -> str:
    """Check the address of Airflow's API server as Kaizala reaches it; a slash at its end is removed."""
    address: str = WebhookChange.checks["callback_url"](name, checks.title(name, value))
    if "?" in address or "#" in address:
        raise KaizalaInputError(
            f"{name} must be the address of Airflow's API server as Kaizala reaches it, such as 'https://airflow.example.com', "
            "without query and fragment"
        )
    return address.rstrip("/")


def _group_ids(name: str, value: Any) -> tuple[str, ...]:
    return checks.several(name, value, "group ids", checks.group_id, "at least one group id")


def _validity(name: str, value: Any) -> timedelta:
    if not isinstance(value, timedelta) or value < timedelta(days=1):
        raise KaizalaInputError(
            f"{name} must be a timedelta of at least a day, since it is renewed again and again, not {checks.shown(value)}"
        )
    return value


class Wanted(Sent):
    """The webhooks that a connection should have.

    :param public_url: the address of Airflow's API server as Kaizala reaches it, such as ``https://airflow.example.com``
    :param group_ids: the groups; see :func:`named_groups` for those that the connection names
    :param event_types: names of :data:`~airflow_provider_kaizala.client.models.EVENT_TYPES`
    :param expires: how long a webhook is valid from the moment it is created or renewed
    :param remove_unneeded: remove webhooks of ours in groups that are not listed, and events that are not listed
    """

    public_url: str = checked(public_url)
    group_ids: tuple[str, ...] = checked(_group_ids)
    event_types: tuple[str, ...] = checked(WebhookChange.checks["event_types"], default=EVENT_TYPES)
    expires: timedelta = checked(_validity, default=VALIDITY)
    remove_unneeded: bool = checked(checks.flag, default=False)


class Owner(Value):
    """Whose webhooks these are.

    :param conn_id: the connection whose connector has them
    :param secret: its extra ``webhook_secret``, from which their tokens are derived; None if it is not set
    """

    conn_id: str
    secret: str | None = field(repr=False)

    def subscription(self, group_id: str) -> Subscription:
        """Return the subscription of a group."""
        return Subscription(self.conn_id, "Group", group_id)

    def token(self, group_id: str) -> str:
        """Return the token of a group's subscription.

        :raises KaizalaInputError: if there is no secret
        """
        return self.subscription(group_id).token(self.secret or "")

    def is_ours(self, webhook: Webhook, group_id: str, public_url: str | None = None) -> bool:
        """Return whether a webhook calls the receiver of this connection.

        :param public_url: where the receiver is, if that is known
        """
        address = without_query(webhook.callback_url)
        subscription = self.subscription(group_id)
        if public_url is not None and address == without_query(subscription.callback_url(public_url)):
            return True
        if not address.endswith(f"{PATH}/{quote(self.conn_id, safe='')}"):
            return False
        shown = webhook.callback_token
        return shown is None or self.secret is None or shown == self.token(group_id)


def without_query(url: str) -> str:
    """Return an address without query and fragment, which may hold a secret of whoever made the webhook."""
    return url.partition("#")[0].partition("?")[0]


def state_of(webhook: Webhook, now: datetime) -> str:
    """Return ``active``; ``ended`` if its validity is over; or ``disabled``, as Kaizala does after failed deliveries."""
    if webhook.expires_at is not None and webhook.expires_at <= now:
        return "ended"
    return ACTIVE if webhook.active else "disabled"


def named_groups(settings: Settings, default_group: str | None) -> tuple[str, ...]:
    """Return the groups that a connection names: those with a refresh token of their own, and the default group.

    :raises KaizalaInputError: if it names none
    """
    named = [*settings.group_refresh_tokens, *([default_group] if default_group else [])]
    if not named:
        raise KaizalaInputError(
            "group_ids is missing: give the groups, or set the extra group_refresh_tokens or default_group of the connection"
        )
    return tuple({each.lower(): each for each in reversed(named)}.values())[::-1]


class Step(Value):
    """What becomes of one webhook, and why.

    :param kind: one of :data:`KINDS`
    :param group_id: its group
    :param webhook_id: its id; None for one that does not exist yet
    :param reason: why, in words for people
    :param change: what is created or changed; None if nothing is
    """

    kind: str
    group_id: str
    webhook_id: str | None
    reason: str
    change: WebhookChange | None = None

    def __str__(self) -> str:
        return f"{self.kind}: webhook {self.webhook_id or '(new)'} of group {self.group_id}, {self.reason}"

    def carry_out(self, run: Run) -> Step:
        """Make the call of this step; return the step with the id of the webhook."""
        if isinstance(self.change, NewWebhook):
            return replace(self, webhook_id=run(calls.create_webhook(self.change, self.group_id)))
        if self.change is not None:
            run(calls.update_webhook(str(self.webhook_id), self.change, self.group_id))
        elif self.kind == "removed":
            with suppress(KaizalaNotFoundError):  # it is gone already
                run(calls.delete_webhook(str(self.webhook_id), self.group_id))
        return self


# --- the plan --------------------------------------------------------------------------------------------------------


def plan(wanted: Wanted, owner: Owner, listed: Mapping[str, Sequence[Webhook]], now: datetime) -> list[Step]:
    """Return what has to become of the webhooks, group by group.

    :param wanted: the webhooks that there should be
    :param listed: group id to the webhooks that it has; a group that is not wanted loses those that are ours
    """
    needed = {each.lower() for each in wanted.group_ids}
    steps: list[Step] = []
    for group_id, webhooks in listed.items():
        ours = [each for each in webhooks if owner.is_ours(each, group_id, wanted.public_url)]
        if group_id.lower() in needed:
            steps += _plan_group(wanted, owner, group_id, ours, now)
        else:
            steps += [
                Step("removed", group_id, each.id, "nothing needs events of this group") for each in ours
            ]
    return steps


def _plan_group(
    wanted: Wanted, owner: Owner, group_id: str, ours: Sequence[Webhook], now: datetime
) -> list[Step]:
    """Return a step for the webhook that a group should have, then one for each that would bring events twice."""
    url = owner.subscription(group_id).callback_url(wanted.public_url)
    token = owner.token(group_id)
    if not ours:
        new = NewWebhook(
            group_id, "Group", wanted.event_types, url, callback_token=token, expires=wanted.expires
        )
        return [Step("created", group_id, None, "the group has none", new)]
    best = max(ours, key=lambda each: (each.callback_url == url, each.active))
    twice = f"webhook {best.id} brings the same events"
    return [
        _plan_webhook(wanted, group_id, best, url, token, now),
        *(Step("removed", group_id, each.id, twice) for each in ours if each is not best),
    ]


def _plan_webhook(
    wanted: Wanted, group_id: str, webhook: Webhook, url: str, token: str, now: datetime
) -> Step:
    """Return what has to become of one webhook: every difference is a reason, and the first decides the kind."""
    found: list[tuple[str, str]] = []
    change: dict[str, Any] = {}
    if webhook.callback_url != url:
        there, needed = without_query(webhook.callback_url), without_query(url)
        another = f"it calls {there} instead of {needed}"
        found.append(("replaced", another if there != needed else "its address names another subscription"))
        change["callback_url"] = url
    if not webhook.active:
        over = webhook.expires_at is not None and webhook.expires_at <= now
        found.append(("reactivated", "its validity has ended" if over else "Kaizala has disabled it"))
    if (ends := _ending(webhook, wanted.expires, now)) is not None:
        found.append(("renewed", ends))
        change["expires"] = wanted.expires
    events = _events(wanted, webhook)
    if events is not None:
        found.append(("updated", "its events are not those that are needed"))
        change["event_types"] = events
    if webhook.callback_token != token:
        shown = webhook.callback_token is not None
        found.append(("updated", "its token is another" if shown else "Kaizala does not show its token"))
    if not found:
        return Step("unchanged", group_id, webhook.id, "it is as it should be")
    # active delivers what could not be delivered before, and Kaizala may not show which token a webhook has
    whole = WebhookChange(active=True, callback_token=token, **change)
    return Step(found[0][0], group_id, webhook.id, ", ".join(reason for _, reason in found), whole)


def _ending(webhook: Webhook, validity: timedelta, now: datetime) -> str | None:
    """Return why a webhook has to be renewed, None if it need not be."""
    if webhook.expires_at is None:
        return "Kaizala does not show until when it is valid"
    left = webhook.expires_at - now
    if left > min(RENEW_BEFORE, validity / 3):
        return None
    return f"it is valid until {webhook.expires_at:%Y-%m-%d %H:%M} UTC only"


def _events(wanted: Wanted, webhook: Webhook) -> tuple[str, ...] | None:
    """Return the events that a webhook should bring, None if it does."""
    known = {each.lower(): each for each in EVENT_TYPES}
    there = [known.get(each.lower(), each) for each in webhook.event_types]
    if set(there) == set(wanted.event_types):
        return None
    if wanted.remove_unneeded:
        return wanted.event_types
    both = tuple(each for each in EVENT_TYPES if each in {*there, *wanted.event_types})
    return None if set(wanted.event_types) <= set(there) else both


# --- carrying it out -------------------------------------------------------------------------------------------------


def ensure(
    run: Run,
    settings: Settings,
    owner: Owner,
    wanted: Wanted,
    now: datetime,
    *,
    dry_run: bool = False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Make the webhooks of a connection those that are wanted; return what became of each.

    An error about one group does not keep the others from being dealt with.

    :param run: makes a call
    :param settings: the connection's, for its grants
    :param wanted: the webhooks that there should be
    :param dry_run: change nothing, and return what would become of each
    :param on_step: called after each step
    :raises KaizalaInputError: if the connection has no ``webhook_secret``
    :raises WebhooksError: at the end, if some groups could not be dealt with
    """
    owner.token("")  # without a secret nothing is asked either
    failures: dict[str, KaizalaError] = {}
    groups = list(wanted.group_ids)
    if wanted.remove_unneeded:
        groups += _further_groups(run, settings, groups, failures)
    done: list[Step] = []
    for group_id in groups:
        try:
            there = _listed(run, group_id, is_needed=group_id in wanted.group_ids)
            for step in plan(wanted, owner, {group_id: there}, now):
                result = step if dry_run else step.carry_out(run)
                done.append(result)
                on_step(result)
        except KaizalaError as error:
            failures[f"group {group_id}"] = error
    if failures:
        raise WebhooksError(failures, done)
    return done


def _listed(run: Run, group_id: str, *, is_needed: bool) -> Sequence[Webhook]:
    """Return the webhooks of a group; none for a group that is not needed and that the connector may not look into."""
    try:
        found: Sequence[Webhook] = run(calls.list_webhooks(group_id, group_id=group_id))
    except (KaizalaForbiddenError, KaizalaNotFoundError):
        if is_needed:
            raise
        return ()  # so it cannot have created one there either
    return found


def _further_groups(
    run: Run, settings: Settings, groups: Sequence[str], failures: dict[str, KaizalaError]
) -> list[str]:
    """Return the other groups in which webhooks may be, since Kaizala lists webhooks by group only.

    They are those with a refresh token of their own, and all that the user's token reaches.
    """
    found = list(settings.group_refresh_tokens)
    if settings.refresh_token:
        try:
            found += [each.group_id for each in run(calls.list_groups(all_groups=True))]
        except KaizalaError as error:
            failures["listing the groups of the user"] = error
    known = {each.lower() for each in groups}
    return [each for each in {each.lower(): each for each in found}.values() if each.lower() not in known]
