"""Say who is in a group: add people, remove people, or give the whole list."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaNotFoundError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import MEMBERS_PER_CALL
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator
from airflow_provider_kaizala.tasks.base import GroupArguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias, Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import Member, Subscriber, SubscriberOutcome
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

    #: phone number to member or subscriber
    Present: TypeAlias = Mapping[str, Member | Subscriber]

log = logging.getLogger(__name__)


class SyncResult(TypedDict):
    """What a sync did, or would do if ``dry_run``. All are phone numbers.

    ``kept`` names those who are not on the list and stay all the same: admins, and the token's own user.
    """

    group_id: str
    added: list[str]
    removed: list[str]
    kept: list[str]
    dry_run: bool


# --- the people of a group -----------------------------------------------------------------------------------------------


class People(ABC):
    """The people of one group who have a phone number. Everything here is safe to repeat.

    A subclass says how they are read, added and removed.
    """

    noun: ClassVar[str]

    def __init__(self, hook: KaizalaHook, group_id: str) -> None:
        self.hook = hook
        self.group_id = group_id

    @abstractmethod
    def present(self) -> Present:
        """Return who is in the group."""

    @abstractmethod
    def _add(self, numbers: Sequence[str]) -> list[str]:
        """Add at most 100 people; return who was not added, and why."""

    @abstractmethod
    def _remove(self, people: Present) -> list[str]:
        """Remove at most 100 people; return who was not removed, and why."""

    def add(self, numbers: Sequence[str]) -> None:
        """Add people who are not in the group.

        :raises AirflowException: names those whom Kaizala did not add
        """
        self._in_batches("added to", numbers, self._add)

    def remove(self, people: Present) -> None:
        """Remove people who are in the group.

        :raises AirflowException: names those whom Kaizala did not remove
        """
        self._in_batches(
            "removed from", list(people), lambda batch: self._remove({each: people[each] for each in batch})
        )

    def _in_batches(
        self, what: str, numbers: Sequence[str], change: Callable[[Sequence[str]], list[str]]
    ) -> None:
        for start in range(0, len(numbers), MEMBERS_PER_CALL):
            batch = numbers[start : start + MEMBERS_PER_CALL]
            failed = change(batch)
            if failed:
                raise AirflowException(f"Kaizala says: not {what} group {self.group_id}: {'; '.join(failed)}")
            done = start + len(batch)
            log.info("%d of %d %s %s group %s", done, len(numbers), self.noun, what, self.group_id)

    def add_missing(self, numbers: Sequence[str]) -> dict[str, Any]:
        """Add those who are not in the group yet; return what an operator returns."""
        present = self.present()
        missing = [number for number in numbers if number not in present]
        self.add(missing)
        return {"group_id": self.group_id, "added": missing}

    def remove_present(self, numbers: Sequence[str]) -> dict[str, Any]:
        """Remove those who are in the group; return what an operator returns."""
        present = self.present()
        leaving = {number: present[number] for number in numbers if number in present}
        self.remove(leaving)
        return {"group_id": self.group_id, "removed": list(leaving)}

    def staying(self, surplus: Present) -> set[str]:
        """Return the numbers of those who stay though they are not on the list."""
        return set()

    def sync(self, numbers: Sequence[str], max_removals: int | None, dry_run: bool) -> dict[str, Any]:
        """Add who is missing, then remove people who are not on the list; return what an operator returns.

        :raises AirflowFailException: if more people than *max_removals* would be removed; nothing was changed then
        """
        present, wanted = self.present(), set(numbers)
        missing = [number for number in numbers if number not in present]
        surplus = {number: who for number, who in present.items() if number not in wanted}
        kept = self.staying(surplus) if surplus else set()
        leaving = {number: who for number, who in surplus.items() if number not in kept}
        log.info(
            "Group %s has %d %s, the list %d: %d to add, %d to remove, %d stay though not listed%s",
            self.group_id, len(present), self.noun, len(numbers), len(missing), len(leaving), len(kept),
            "; dry run: nothing is changed" if dry_run else "",
        )  # fmt: skip
        if max_removals is not None and len(leaving) > max_removals:
            raise AirflowFailException(
                f"{len(leaving)} of {len(present)} {self.noun} of group {self.group_id} would be removed, and max_removals is "
                f"{max_removals}: nothing was changed. Look at the list, then raise max_removals or clear the task"
            )
        if not dry_run:
            self.add(missing)
            self.remove(leaving)
        result: SyncResult = {
            "group_id": self.group_id,
            "added": missing,
            "removed": list(leaving),
            "kept": sorted(kept),
            "dry_run": dry_run,
        }
        return dict(result)


class Members(People):
    """The members of a group.

    :param keep_admins: whether a sync keeps admins who are not on the list
    """

    noun = "members"

    def __init__(self, hook: KaizalaHook, group_id: str, *, keep_admins: bool = True) -> None:
        super().__init__(hook, group_id)
        self.keep_admins = keep_admins

    def present(self) -> Present:
        """Return who is in the group."""
        found = self.hook.run(calls.list_members(self.group_id))
        return {each.mobile_number: each for each in found if each.mobile_number}

    def _add(self, numbers: Sequence[str]) -> list[str]:
        return [] if self.hook.run(calls.add_members(self.group_id, numbers)) else list(numbers)

    def _remove(self, people: Present) -> list[str]:
        failed = []
        for number, member in people.items():
            with suppress(KaizalaNotFoundError):  # has left in the meantime
                if not self.hook.run(calls.remove_member(self.group_id, member.id or "")):
                    failed.append(number)
        return failed

    def staying(self, surplus: Present) -> set[str]:
        """Return the numbers of admins if they are kept, and of the token's own user, whose leaving would end the grant."""
        kept = {
            number
            for number, who in surplus.items()
            if self.keep_admins and getattr(who, "role", None) == "Admin"
        }
        if len(kept) == len(surplus):
            return kept
        try:
            me = self.hook.run(calls.get_me(self.group_id))
        except KaizalaForbiddenError:
            # who removes members is an admin, and stays as such; only a tenant admin who is a plain member would not
            if self.keep_admins:
                return kept
            raise
        return kept | {
            number
            for number, who in surplus.items()
            if number == me.mobile_number or (me.id and (who.id or "").lower() == me.id.lower())
        }


class Subscribers(People):
    """The subscribers of a hub group."""

    noun = "subscribers"

    def present(self) -> Present:
        """Return who is subscribed."""
        found = self.hook.iterate(calls.list_subscribers(self.group_id))
        return {each.mobile_number: each for each in found if each.mobile_number}

    def _add(self, numbers: Sequence[str]) -> list[str]:
        return _failed(self.hook.run(calls.add_subscribers(self.group_id, numbers)))

    def _remove(self, people: Present) -> list[str]:
        return _failed(self.hook.run(calls.remove_subscribers(self.group_id, list(people))))


def _failed(outcomes: tuple[SubscriberOutcome, ...]) -> list[str]:
    return [
        f"{each.mobile_number}: {each.reason or each.error_code or 'no reason given'}"
        for each in outcomes
        if not each.done
    ]


# --- operators -----------------------------------------------------------------------------------------------------------


class SyncArguments(GroupArguments, total=False):
    """Arguments of the operators that sync a list with a group."""

    max_removals: int | str | None
    dry_run: bool | str


class SyncOperator(KaizalaGroupOperator):
    """Base of the operators that add who is missing, then remove people who are not on the list.

    :param max_removals: fail, before anything is changed, if more people would be removed: a guard against half a list; None for
        no limit (templated)
    :param dry_run: only return what would be done (templated, as ``is_dry_run``)
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "max_removals": checks.optional(checks.whole_number(0)),
        "is_dry_run": lambda name, value: checks.flag("dry_run", value),
    }
    required_if_given: ClassVar[Sequence[str]] = ("max_removals",)
    template_fields: Sequence[str] = ("max_removals", "is_dry_run")

    def __init__(
        self, *, max_removals: int | str | None = None, dry_run: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_removals = max_removals
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run

    def sync(self, people: People, numbers: Sequence[str]) -> dict[str, Any]:
        """Add and remove the difference."""
        return people.sync(numbers, self.checked("max_removals"), self.checked("is_dry_run"))


class _MembersOperator(KaizalaGroupOperator):
    """Base of the operators with a list of members."""

    arguments: ClassVar[Mapping[str, Check]] = {"members": checks.phones}
    template_fields: Sequence[str] = ("members",)

    def __init__(self, *, members: Sequence[str], **kwargs: Unpack[GroupArguments]) -> None:
        super().__init__(**kwargs)
        self.members = members


class KaizalaAddMembersOperator(_MembersOperator):
    """Add people to a group; those who are in it already stay as they are. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param members: phone numbers, any number of them (templated)
    :return: ``{"group_id", "added"}``, the numbers that were not in it before
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Add those who are missing."""
        return Members(self.hook, self.group()).add_missing(self.checked("members"))


class KaizalaRemoveMembersOperator(_MembersOperator):
    """Remove people from a group; those who are not in it are skipped. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param members: phone numbers, any number of them (templated)
    :return: ``{"group_id", "removed"}``, the numbers that were in it before
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Remove those who are there."""
        return Members(self.hook, self.group()).remove_present(self.checked("members"))


class KaizalaSyncMembersOperator(SyncOperator, _MembersOperator):
    """Make the members of a group those of a list: adds who is missing, then removes people who are not on the list.

    Safe to run again. People without a phone number (bots) are left alone, and so is the token's own user, whose leaving would end
    the grant. The other arguments are those of :class:`SyncOperator` and
    :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param members: phone numbers of everyone who should be in the group (templated)
    :param keep_admins: keep admins who are not on the list
    :return: :class:`SyncResult`: ``{"group_id", "added", "removed", "kept", "dry_run"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {"keep_admins": checks.flag}

    def __init__(
        self, *, members: Sequence[str], keep_admins: bool = True, **kwargs: Unpack[SyncArguments]
    ) -> None:
        super().__init__(members=members, **kwargs)
        self.keep_admins = keep_admins

    def run_task(self, context: Context) -> dict[str, Any]:
        """Add and remove the difference."""
        members = Members(self.hook, self.group(), keep_admins=self.checked("keep_admins"))
        return self.sync(members, self.checked("members"))


class _SubscribersOperator(KaizalaGroupOperator):
    """Base of the operators with a list of subscribers."""

    arguments: ClassVar[Mapping[str, Check]] = {"subscribers": checks.phones}
    template_fields: Sequence[str] = ("subscribers",)

    def __init__(self, *, subscribers: Sequence[str], **kwargs: Unpack[GroupArguments]) -> None:
        super().__init__(**kwargs)
        self.subscribers = subscribers


class KaizalaAddSubscribersOperator(_SubscribersOperator):
    """Add people to a hub group as subscribers; those who already are stay as they are. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param subscribers: phone numbers, any number of them (templated)
    :return: ``{"group_id", "added"}``, the numbers that were not subscribed before
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Add those who are missing."""
        return Subscribers(self.hook, self.group()).add_missing(self.checked("subscribers"))


class KaizalaRemoveSubscribersOperator(_SubscribersOperator):
    """Remove subscribers from a hub group; people who are not subscribed are skipped. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param subscribers: phone numbers, any number of them (templated)
    :return: ``{"group_id", "removed"}``, the numbers that were subscribers before
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Remove those who are there."""
        return Subscribers(self.hook, self.group()).remove_present(self.checked("subscribers"))


class KaizalaSyncSubscribersOperator(SyncOperator, _SubscribersOperator):
    """Make the subscribers of a hub group those of a list: adds who is missing, then removes people who are not on the list.

    Safe to run again. The other arguments are those of :class:`SyncOperator` and
    :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`.

    :param subscribers: phone numbers of everyone who should be subscribed (templated)
    :return: :class:`SyncResult`: ``{"group_id", "added", "removed", "kept", "dry_run"}``
    """

    def __init__(self, *, subscribers: Sequence[str], **kwargs: Unpack[SyncArguments]) -> None:
        super().__init__(subscribers=subscribers, **kwargs)

    def run_task(self, context: Context) -> dict[str, Any]:
        """Add and remove the difference."""
        return self.sync(Subscribers(self.hook, self.group()), self.checked("subscribers"))
