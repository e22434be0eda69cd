"""Let Kaizala call back: create, change and delete webhooks, and keep those alive that push needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_kaizala import push
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNotFoundError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.webhooks import (
    EVENT_TYPES,
    NewWebhook,
    WebhookChange,
    url_secrets,
)
from airflow_provider_kaizala.operators.base import (
    CreateArguments,
    KaizalaCreateOperator,
    KaizalaGroupOperator,
    KaizalaOperator,
)
from airflow_provider_kaizala.push.ensure import KINDS, VALIDITY, Owner, Wanted, ensure, named_groups
from airflow_provider_kaizala.tasks.arguments import is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import Webhook
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.operators.action import Due
    from airflow_provider_kaizala.push.ensure import Step
    from airflow_provider_kaizala.tasks.base import ConnectionArguments, GroupArguments
    from airflow_provider_kaizala.tasks.post_once import Outcome


class _SettingsOperator(KaizalaGroupOperator):
    """Base of the operators that set what of a webhook can be changed."""

    settings: ClassVar[Sequence[str]] = ("event_types", "callback_url", "context", "expires")
    arguments: ClassVar[Mapping[str, Check]] = {name: WebhookChange.checks[name] for name in settings}
    required_if_given: ClassVar[Sequence[str]] = settings
    times = ("expires",)
    template_fields: Sequence[str] = settings

    def checked_settings(self) -> dict[str, Any]:
        """Return the settings, checked. The callback token comes from the connection, never from a DAG.

        A token in the query of the address shows in no log; but Airflow's page of rendered templates shows the address.
        """
        checked = {name: self.checked(name) for name in self.settings}
        for secret in url_secrets(checked["callback_url"] or ""):
            mask_secret(secret)
        return {**checked, "callback_token": self.hook.connection.callback_token}


class KaizalaCreateWebhookOperator(_SettingsOperator, KaizalaCreateOperator):
    """Have one webhook on a group or an action that calls an address. Safe to run again.

    If the object has a webhook to this address already, that one is updated and re-enabled instead: two would bring every event
    twice. If it is unknown whether the webhook was created, it is looked up by its address; if it is not there, the task fails
    without a retry, or creates it once more if ``on_unknown_outcome`` is ``"resend"``.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaCreateOperator`; ``group_id`` also says
    whose grant is used. The ``callback_token`` in the extra of the connection comes with each event in the header
    ``kz-callback-token``.

    :param event_types: ``["TextMessageCreated", "SurveyResponse", …]``; all of them are in
        :data:`airflow_provider_kaizala.client.models.EVENT_TYPES` (templated)
    :param callback_url: where Kaizala posts events, over https; it asks there for an echo first, within 5 seconds. Airflow shows it
        among the rendered templates, so let a token be the connection's ``callback_token`` instead of standing here (templated)
    :param object_type: ``Group``, ``Action`` (one instance) or ``ActionPackage`` (in all groups) (templated)
    :param object_id: the action or package; a group's webhook is on *group_id* (templated)
    :param context: comes back with each event (templated)
    :param expires: when it ends: datetime, ISO 8601 text, or timedelta; without a zone in the DAG's timezone; Kaizala's default is
        2 years (templated)
    :return: ``{"webhook_id", "object_id", "object_type", "created"}``; ``created`` is False for one that was there before
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "object_type": WebhookChange.checks["object_type"],
        "object_id": checks.optional(checks.identifier),
    }
    required_if_given: ClassVar[Sequence[str]] = ("object_type", "object_id")
    template_fields: Sequence[str] = ("object_type", "object_id")

    def __init__(
        self,
        *,
        event_types: Sequence[str],
        callback_url: str,
        object_type: str = "Group",
        object_id: str | None = None,
        context: str | None = None,
        expires: Due = None,
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.event_types = event_types
        self.callback_url = callback_url
        self.object_type = object_type
        self.object_id = object_id
        self.context = context
        self.expires = expires

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed."""
        super().check_arguments()
        if self.event_types is None or self.callback_url is None:
            raise KaizalaInputError("event_types and callback_url are both needed")
        if not is_literal(self.object_type):
            return
        object_type = self.checked("object_type")
        if self.object_id is None and object_type != "Group":
            raise KaizalaInputError(f"object_id is missing; a webhook on an {object_type} needs it")
        if self.object_id is not None and object_type == "Group":
            raise KaizalaInputError("object_id: a webhook on a group takes group_id; leave object_id out")

    def run_task(self, context: Context) -> dict[str, Any]:
        """Update the webhook that is there, or create one."""
        group_id, object_type = self.group(), self.checked("object_type")
        object_id = group_id if object_type == "Group" else self.checked("object_id")
        settings = self.checked_settings()
        webhook = NewWebhook(object_id=object_id, object_type=object_type, **settings)

        def outcome(webhook_id: str, created: bool = True) -> Outcome:
            return {
                "webhook_id": webhook_id,
                "object_id": object_id,
                "object_type": object_type,
                "created": created,
            }

        def same() -> list[Webhook]:
            there = self.hook.run(calls.list_webhooks(object_id, object_type, group_id))
            return [each for each in there if each.callback_url == webhook.callback_url]

        once = self.once(context, f"creating a webhook on {object_type} {object_id}")
        earlier = once.earlier_outcome()
        if earlier is not None:
            return earlier
        ids = [each.id for each in same()]
        if not ids:
            call = calls.create_webhook(webhook, group_id)
            return once.send(call, outcome, lambda intent: [outcome(each.id) for each in same()]).outcome
        if len(ids) > 1:
            self.log.warning(
                "More webhooks call this address, so events come more than once: %s", ", ".join(ids[1:])
            )
        self.hook.run(calls.update_webhook(ids[0], WebhookChange(active=True, **settings), group_id))
        self.log.info("Webhook %s exists; it is updated and active", ids[0])
        return outcome(ids[0], created=once.in_doubt)


class KaizalaUpdateWebhookOperator(_SettingsOperator):
    """Change a webhook, or re-enable one that Kaizala disabled after six failed deliveries. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`; ``group_id`` says whose
    grant is used. The ``callback_token`` of the connection is sent too; without one, give at least one argument that changes something.

    :param webhook_id: the webhook (templated)
    :param active: True enables it, False disables it, None leaves it as it is (templated)
    :param event_types: new list of events; None leaves it as it is (templated)
    :param callback_url: new address; Kaizala asks there for an echo first (templated)
    :param context: new context (templated)
    :param expires: new end: datetime, ISO 8601 text, or timedelta; without a zone in the DAG's timezone (templated)
    :return: ``{"webhook_id"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "webhook_id": checks.identifier,
        "active": checks.optional(checks.flag),
    }
    required_if_given: ClassVar[Sequence[str]] = ("active",)
    template_fields: Sequence[str] = ("webhook_id", "active")

    def __init__(
        self,
        *,
        webhook_id: str,
        active: bool | str | None = None,
        event_types: Sequence[str] | None = None,
        callback_url: str | None = None,
        context: str | None = None,
        expires: Due = None,
        **kwargs: Unpack[GroupArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.webhook_id = webhook_id
        self.active = active
        self.event_types = event_types
        self.callback_url = callback_url
        self.context = context
        self.expires = expires

    def run_task(self, context: Context) -> dict[str, Any]:
        """Change the webhook."""
        group_id, webhook_id = self.group(), self.checked("webhook_id")
        change = WebhookChange(active=self.checked("active"), **self.checked_settings())
        # known only now: a new callback_token of the connection is a change too
        if change == WebhookChange():
            raise KaizalaInputError(
                "nothing to change: give active, event_types, callback_url, context or expires, or set the extra callback_token of "
                f"connection {self.kaizala_conn_id!r}"
            )
        self.hook.run(calls.update_webhook(webhook_id, change, group_id))
        self.log.info("Changed webhook %s", webhook_id)
        return {"webhook_id": webhook_id}


class KaizalaDeleteWebhookOperator(KaizalaGroupOperator):
    """Delete a webhook; one that no longer exists is skipped. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`; ``group_id`` says whose
    grant is used.

    :param webhook_id: the webhook (templated)
    :return: ``{"webhook_id", "deleted"}``; ``deleted`` is False for one that no longer existed
    """

    arguments: ClassVar[Mapping[str, Check]] = {"webhook_id": checks.identifier}
    template_fields: Sequence[str] = ("webhook_id",)

    def __init__(self, *, webhook_id: str, **kwargs: Unpack[GroupArguments]) -> None:
        super().__init__(**kwargs)
        self.webhook_id = webhook_id

    def run_task(self, context: Context) -> dict[str, Any]:
        """Delete the webhook."""
        webhook_id = self.checked("webhook_id")
        try:
            self.hook.run(calls.delete_webhook(webhook_id, self.group()))
        except KaizalaNotFoundError:
            self.log.info("Webhook %s no longer exists", webhook_id)
            return {"webhook_id": webhook_id, "deleted": False}
        self.log.info("Deleted webhook %s", webhook_id)
        return {"webhook_id": webhook_id, "deleted": True}


class KaizalaEnsureWebhooksOperator(KaizalaOperator):
    """Make sure that each group has one working webhook that calls this Airflow's receiver. Safe to run again; run it daily.

    Creates what is missing; re-enables what Kaizala has disabled after two days of failed deliveries, which are then delivered;
    moves webhooks that call an earlier public URL; renews them before they end; sets their tokens; and removes those that would
    bring every event twice. Webhooks that are not of this connection's receiver are never touched.

    Before it looks at any webhook, it asks the receiver under *public_url* for an echo, as Kaizala will. An error about one group
    does not keep the others from being dealt with; the task fails at the end. The connection needs the extra ``webhook_secret``.
    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaOperator`.

    :param public_url: the address of Airflow's API server as Kaizala reaches it, such as ``https://airflow.example.com`` (templated)
    :param group_ids: the groups; None or an empty list for those that the connection names in ``group_refresh_tokens`` and
        ``default_group`` (templated)
    :param event_types: ``["TextMessageCreated", "SurveyResponse", …]``, by default all of
        :data:`airflow_provider_kaizala.client.models.EVENT_TYPES`; a webhook that brings further events keeps them, unless
        *remove_unneeded* (templated)
    :param expires: how long a webhook is valid; it is renewed when less than 30 days or less than a third is left
    :param remove_unneeded: remove this receiver's webhooks from all other groups that the connection reaches, and events that are not
        in *event_types* (templated)
    :param dry_run: change nothing, only return what would be done (templated, as ``is_dry_run``)
    :return: ``{"created", "reactivated", "replaced", "renewed", "updated", "removed", "unchanged", "dry_run"}``: for each but the
        last a list of ``{"group_id", "webhook_id", "reason"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        **{name: Wanted.checks[name] for name in ("public_url", "event_types", "expires", "remove_unneeded")},
        "group_ids": lambda name, value: Wanted.check(name, value) if value else None,
        "is_dry_run": lambda name, value: checks.flag("dry_run", value),
    }
    required_if_given: ClassVar[Sequence[str]] = ("group_ids", "event_types")
    template_fields: Sequence[str] = (
        "public_url",
        "group_ids",
        "event_types",
        "remove_unneeded",
        "is_dry_run",
    )

    def __init__(
        self,
        *,
        public_url: str,
        group_ids: Sequence[str] | None = None,
        event_types: Sequence[str] = EVENT_TYPES,
        expires: timedelta = VALIDITY,
        remove_unneeded: bool | str = False,
        dry_run: bool | str = False,
        **kwargs: Unpack[ConnectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.public_url = public_url
        self.group_ids = group_ids
        self.event_types = event_types
        self.expires = expires
        self.remove_unneeded = remove_unneeded
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run

    def run_task(self, context: Context) -> dict[str, Any]:
        """Check the public URL, then make the webhooks right."""
        connection, dry_run = self.hook.connection, self.checked("is_dry_run")
        given = {name: self.checked(name) for name in Wanted.checks}
        group_ids = given.pop("group_ids") or named_groups(connection.settings, connection.default_group)
        wanted = Wanted(group_ids=group_ids, **given)
        owner = Owner(self.kaizala_conn_id, connection.webhook_secret)
        for group_id in wanted.group_ids:
            mask_secret(owner.token(group_id))
        warning = push.check_echo(connection.settings, wanted.public_url, owner.conn_id, owner.secret)
        if warning:
            self.log.warning(warning)
        result: dict[str, Any] = {**{kind: [] for kind in KINDS}, "dry_run": dry_run}

        def note(step: Step) -> None:
            self.log.info("%s%s", "dry run: " if dry_run else "", step)
            about = {"group_id": step.group_id, "webhook_id": step.webhook_id, "reason": step.reason}
            result[step.kind].append(about)

        now, settings = datetime.now(tz=UTC), connection.settings
        ensure(self.hook.run, settings, owner, wanted, now, dry_run=dry_run, on_step=note)
        return result
