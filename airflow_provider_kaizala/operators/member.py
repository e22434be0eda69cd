"""Who is in a group: add, remove, or declare the list and let the difference follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client.errors import (
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
)
from airflow_provider_kaizala.client.models import Member, Subscriber, SubscriberOutcome, checks
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_kaizala.client.models.checks import Check

BATCH = 100
_TELL_EVERY = 25


class SyncResult(TypedDict):
    """What a sync did, or would do if ``dry_run``. All are phone numbers.

    ``kept`` names those who are not on the list and stay all the same: admins, and the token's own user.
    """

    group_id: str
    added: list[str]
    removed: list[str]
    kept: list[str]
    dry_run: bool


def _batches(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def _most(name: str, value: Any) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise KaizalaInputError(f"{name}: a whole number from 0 on is needed, not {checks.shown(value)}")
    return value


class _ListOperator(KaizalaGroupOperator):
    """Base: a list of phone numbers and a group. Everything here is safe to run again."""

    listed: ClassVar[str] = "members"

    def add(self, group_id: str, numbers: Sequence[str]) -> None:
        """Add people, in batches."""
        raise NotImplementedError

    def remove(self, group_id: str, found: Mapping[str, Member | Subscriber]) -> None:
        """Remove people, keyed by number."""
        raise NotImplementedError

    def present(self, group_id: str) -> dict[str, Member | Subscriber]:
        """Return who is there, keyed by number; those without one are left out."""
        raise NotImplementedError


class _Members(_ListOperator):
    """What a list of members is kept with."""

    arguments: ClassVar[Mapping[str, Check]] = {"members": checks.phones}
    template_fields: Sequence[str] = ("members", *KaizalaGroupOperator.template_fields)

    def __init__(self, *, members: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = members

    def present(self, group_id: str) -> dict[str, Member | Subscriber]:
        from airflow_provider_kaizala.client import calls

        found = self.hook.run(calls.list_members(group_id))
        return {each.mobile_number: each for each in found if each.mobile_number}

    def add(self, group_id: str, numbers: Sequence[str]) -> None:
        from airflow_provider_kaizala.client import calls

        for batch in _batches(numbers):
            if not self.hook.run(calls.add_members(group_id, batch)):
                raise AirflowException(f"Kaizala did not add {', '.join(batch)} to group {group_id}")
            self.log.info("Added %d members to group %s", len(batch), group_id)

    def remove(self, group_id: str, found: Mapping[str, Member | Subscriber]) -> None:
        from airflow_provider_kaizala.client import calls

        for done, (number, member) in enumerate(found.items(), 1):
            try:
                gone = self.hook.run(calls.remove_member(group_id, member.id or ""))
            except KaizalaNotFoundError:
                gone = True  # has left meanwhile
            if not gone:
                raise AirflowException(f"Kaizala did not remove {number} from group {group_id}")
            if done % _TELL_EVERY == 0 or done == len(found):
                self.log.info("Removed %d of %d members from group %s", done, len(found), group_id)


class _Subscribers(_ListOperator):
    """What a list of subscribers of a hub group is kept with."""

    listed: ClassVar[str] = "subscribers"
    arguments: ClassVar[Mapping[str, Check]] = {"subscribers": checks.phones}
    template_fields: Sequence[str] = ("subscribers", *KaizalaGroupOperator.template_fields)

    def __init__(self, *, subscribers: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subscribers = subscribers

    def present(self, group_id: str) -> dict[str, Member | Subscriber]:
        from airflow_provider_kaizala.client import calls

        found = self.hook.iterate(calls.list_subscribers(group_id))
        return {each.mobile_number: each for each in found if each.mobile_number}

    def add(self, group_id: str, numbers: Sequence[str]) -> None:
        from airflow_provider_kaizala.client import calls

        for batch in _batches(numbers):
            outcomes = self.hook.run(calls.add_subscribers(group_id, batch))
            self._all_done("added to", group_id, outcomes)

    def remove(self, group_id: str, found: Mapping[str, Member | Subscriber]) -> None:
        from airflow_provider_kaizala.client import calls

        for batch in _batches(list(found)):
            outcomes = self.hook.run(calls.remove_subscribers(group_id, batch))
            self._all_done("removed from", group_id, outcomes)

    def _all_done(self, what: str, group_id: str, outcomes: Sequence[SubscriberOutcome]) -> None:
        failed = [each for each in outcomes if not each.done]
        if failed:
            why = "; ".join(
                f"{each.mobile_number}: {each.reason or each.error_code or 'no reason'}" for each in failed
            )
            raise AirflowException(f"not {what} group {group_id}: {why}")
        self.log.info("%d subscribers %s group %s", len(outcomes), what, group_id)


class _Add(_ListOperator):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Add those who are not there yet."""
        group_id, wanted = self.group(), self.checked(self.listed)
        here = self.present(group_id)
        missing = [number for number in wanted if number not in here]
        self.add(group_id, missing)
        return {"group_id": group_id, "added": missing}


class _Remove(_ListOperator):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Remove those who are there."""
        group_id, wanted = self.group(), self.checked(self.listed)
        here = self.present(group_id)
        found = {number: here[number] for number in wanted if number in here}
        self.remove(group_id, found)
        return {"group_id": group_id, "removed": list(found)}


class _Sync(_ListOperator):
    decisive: ClassVar[Sequence[str]] = ("max_removals", *KaizalaGroupOperator.decisive)
    template_fields: Sequence[str] = ("max_removals", "is_dry_run")

    def __init__(
        self, *, max_removals: int | str | None = None, dry_run: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_removals = max_removals
        self.is_dry_run = dry_run  # BaseOperator has a method of the other name

    def staying(self, group_id: str, surplus: Mapping[str, Member | Subscriber]) -> set[str]:
        """Return the numbers that are not on the list and stay all the same."""
        return set()

    def work(self) -> dict[str, Any]:
        """Find the difference, then add, then remove."""
        group_id, wanted, dry_run = self.group(), self.checked(self.listed), self.checked("is_dry_run")
        most = self.checked("max_removals")
        here = self.present(group_id)
        missing = [number for number in wanted if number not in here]
        surplus = {number: who for number, who in here.items() if number not in set(wanted)}
        kept = self.staying(group_id, surplus) if surplus else set()
        leaving = {number: who for number, who in surplus.items() if number not in kept}
        self.log.info(
            "Group %s has %d %s, the list %d: %d to add, %d to remove, %d stay though not listed%s",
            group_id, len(here), self.listed, len(wanted), len(missing), len(leaving), len(kept),
            "; only told, since dry_run" if dry_run else "",
        )  # fmt: skip
        if most is not None and len(leaving) > most:
            raise AirflowFailException(
                f"{len(leaving)} of {len(here)} {self.listed} of group {group_id} would be removed, and max_removals is {most}: "
                "nothing was changed. Look at the list, then raise max_removals or clear the task"
            )
        if not dry_run:
            self.add(group_id, missing)
            self.remove(group_id, leaving)
        result: SyncResult = {
            "group_id": group_id,
            "added": missing,
            "removed": list(leaving),
            "kept": sorted(kept),
            "dry_run": dry_run,
        }
        return dict(result)


def _dry_run(name: str, value: Any) -> bool:
    return checks.flag("dry_run", value)


_SYNC_ARGUMENTS: Mapping[str, Check] = {"max_removals": checks.optional(_most), "is_dry_run": _dry_run}


class KaizalaAddMembersOperator(_Add, _Members):
    """Add people to a group; those who are in it already are passed over. Safe to run again.

    :param members: phone numbers, as many as you like (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "added"}``, the numbers that were not in it before
    """


class KaizalaRemoveMembersOperator(_Remove, _Members):
    """Remove people from a group; those who are not in it are passed over. Safe to run again.

    :param members: phone numbers, as many as you like (templated)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "removed"}``, the numbers that were in it before
    """


class KaizalaSyncMembersOperator(_Sync, _Members):
    """Make the members of a group those of a list: adds who is missing, then removes who is too many. Safe to run again.

    Nobody without a phone number (a bot) is touched, and never the token's own user, whose leaving would end the grant.

    :param members: phone numbers of all who shall be in the group (templated)
    :param keep_admins: let admins stay who are not on the list
    :param max_removals: fail, before anything is changed, if more than so many would be removed: a guard against half a
        list; None for no bound (templated)
    :param dry_run: only tell what would be done (templated, as ``is_dry_run``)
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: :class:`SyncResult`: ``{"group_id", "added", "removed", "kept", "dry_run"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        **_Members.arguments,
        **_SYNC_ARGUMENTS,
        "keep_admins": checks.flag,
    }
    template_fields: Sequence[str] = (*_Sync.template_fields, *_Members.template_fields)

    def __init__(self, *, keep_admins: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_admins = keep_admins
        self.check_literals()

    def staying(self, group_id: str, surplus: Mapping[str, Member | Subscriber]) -> set[str]:
        """Return admins if they are kept, and the token's own user."""
        from airflow_provider_kaizala.client import calls

        keep_admins = self.checked("keep_admins")
        kept = {
            number
            for number, who in surplus.items()
            if keep_admins and isinstance(who, Member) and who.role == "Admin"
        }
        if len(kept) == len(surplus):
            return kept
        try:
            me = self.hook.run(calls.get_me(group_id))
        except KaizalaForbiddenError:
            # who removes is an admin; but a tenant admin who is a plain member is not told apart then
            if keep_admins:
                return kept
            raise
        return kept | {
            number
            for number, who in surplus.items()
            if number == me.mobile_number or (me.id and (who.id or "").lower() == me.id.lower())
        }


class KaizalaAddSubscribersOperator(_Add, _Subscribers):
    """Add people to a hub group as subscribers; those who are already are passed over. Safe to run again.

    :param subscribers: phone numbers, as many as you like (templated)
    :param group_id: the hub group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "added"}``, the numbers that were no subscribers before
    """


class KaizalaRemoveSubscribersOperator(_Remove, _Subscribers):
    """Remove subscribers from a hub group; those who are none are passed over. Safe to run again.

    :param subscribers: phone numbers, as many as you like (templated)
    :param group_id: the hub group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "removed"}``, the numbers that were subscribers before
    """


class KaizalaSyncSubscribersOperator(_Sync, _Subscribers):
    """Make the subscribers of a hub group those of a list. Safe to run again.

    :param subscribers: phone numbers of all who shall be subscribers (templated)
    :param max_removals: fail, before anything is changed, if more than so many would be removed; None for no bound (templated)
    :param dry_run: only tell what would be done (templated, as ``is_dry_run``)
    :param group_id: the hub group; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: :class:`SyncResult`: ``{"group_id", "added", "removed", "kept", "dry_run"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {**_Subscribers.arguments, **_SYNC_ARGUMENTS}
    template_fields: Sequence[str] = (*_Sync.template_fields, *_Subscribers.template_fields)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_literals()
