"""Create groups, and arrange them below others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError, KaizalaRefusedError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import GROUP_TYPES, MEMBERS_PER_CALL
from airflow_provider_kaizala.operators.base import (
    KaizalaCreateOperator,
    KaizalaGroupOperator,
)
from airflow_provider_kaizala.operators.member import Members
from airflow_provider_kaizala.tasks.post_once import Done
from airflow_provider_kaizala.tasks.state import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import CreatedGroup, Group
    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.tasks.base import ConnectionArguments, GroupArguments
    from airflow_provider_kaizala.tasks.post_once import Intent, Outcome, PostOnce


def _members(name: str, value: Any) -> tuple[str, ...]:
    return checks.phones(name, value) if checks.listed(name, value, "phone numbers") else ()


def _groups(name: str, value: Any) -> tuple[str, ...]:
    given = checks.listed(name, value, "group ids")
    if not given:
        raise KaizalaInputError(f"{name} is empty; give at least one group id")
    return tuple(dict.fromkeys(checks.group_id(name, each) for each in given))


class KaizalaCreateGroupOperator(KaizalaCreateOperator):
    """Create a group, or a sub-group, once, however often the task is tried.

    On Airflow 3.3 and newer a retry continues with the group that an earlier try has created, and adds the members who are
    missing. Before, nothing is kept between tries, and a retry creates a second group: so if only members could not be added, the
    task fails and is not retried.

    If no readable answer comes back, or on Airflow 3.3 and newer if the worker died during the call, the group is looked up by its
    name among those that were not there before the call. Exactly one is taken as the one that was created; if there are several,
    the task fails. If there is none, or groups cannot be listed, ``on_unknown_outcome`` decides; a retry creates what it could look
    up and did not find. A task that is cleared by hand creates a new group.

    Once a group has sub-groups, Kaizala accepts no plain messages in it: post announcements or actions there.

    :param name: its name (templated)
    :param welcome_message: shown to those who join (templated)
    :param members: phone numbers, any number of them: the first 100 join with the group, the others in batches after it (templated)
    :param group_type: ``Group``, or ``ConnectGroup`` for hub and spoke, which needs the token of a tenant admin (templated)
    :param parent_group_id: the group to create it below (templated)
    :param join: whether the token's user becomes a member of a sub-group; who creates a group without a parent always does
    :param on_unknown_outcome: what to do if it is unknown whether it was created: ``"fail"`` without a retry, or ``"resend"`` once
        more in the same try: there may be two groups then
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    :return: ``{"group_id", "name", "parent_group_id", "members_added"}``; ``parent_group_id`` is None for a group of its own, and
        ``members_added`` is None if Kaizala did not say it
    """

    refused: ClassVar[Mapping[str, str]] = {"group_id": "give parent_group_id to create a sub-group"}
    arguments: ClassVar[Mapping[str, Check]] = {
        "name": checks.title,
        "welcome_message": checks.title,
        "members": _members,
        "group_type": checks.one_of(*GROUP_TYPES),
        "parent_group_id": checks.optional(checks.group_id),
        "join": checks.flag,
    }
    required_if_given: ClassVar[Sequence[str]] = ("parent_group_id",)
    template_fields: Sequence[str] = ("name", "welcome_message", "members", "group_type", "parent_group_id")

    def __init__(
        self,
        *,
        name: str,
        welcome_message: str,
        members: Sequence[str] = (),
        group_type: str = "Group",
        parent_group_id: str | None = None,
        join: bool = True,
        on_unknown_outcome: str = "fail",
        **kwargs: Unpack[ConnectionArguments],
    ) -> None:
        super().__init__(on_unknown_outcome=on_unknown_outcome, **kwargs)
        self.name = name
        self.welcome_message = welcome_message
        self.members = members
        self.group_type = group_type
        self.parent_group_id = parent_group_id
        self.join = join

    def run_task(self, context: Context) -> dict[str, Any]:
        """Create the group, then add those who did not fit into the call."""
        name, members, parent = self.checked("name"), self.checked("members"), self.checked("parent_group_id")

        def outcome(group: CreatedGroup | Group) -> Outcome:
            return {
                "group_id": group.group_id,
                "name": name,
                "parent_group_id": parent,
                "members_added": getattr(group, "members_added", None),
            }

        state = TaskState(context)
        once = self.once(context, f"creating group {name!r}")
        earlier = once.earlier_outcome()
        if earlier is not None:
            done: Done[CreatedGroup] = Done(earlier)
        else:
            first = members[:MEMBERS_PER_CALL]
            given = (name, self.checked("welcome_message"), first, self.checked("group_type"))
            call = (
                calls.create_sub_group(parent, *given, join=self.checked("join"))
                if parent
                else calls.create_group(*given)
            )
            done = once.send(call, outcome, self._finder(once, state, outcome))
        group_id = done.outcome["group_id"]
        if done.outcome["members_added"] is False:
            self.log.warning("Kaizala says that not all members could be added to group %s", group_id)
        self._add(group_id, members[MEMBERS_PER_CALL:], state, is_new=done.value is not None)
        return done.outcome

    def _finder(
        self, once: PostOnce, state: TaskState, outcome: Callable[[Group], Outcome]
    ) -> Callable[[Intent], list[Outcome]] | None:
        """Return how to find the group if it is unknown whether it was created: by its name, among those that were not there before."""
        if once.in_doubt:
            before = state.get("namesakes")
        else:
            try:
                before = [each.group_id for each in self._namesakes()]
            except KaizalaRefusedError as error:
                self.log.info("Groups cannot be listed, so the new one could not be looked up: %s", error)
                before = None
            state.set("namesakes", before)
        if before is None:
            return None
        return lambda intent: [outcome(each) for each in self._namesakes() if each.group_id not in before]

    def _namesakes(self) -> list[Group]:
        """Return the groups that have the name already. Kaizala does not say when a group was created."""
        name, parent = self.checked("name"), self.checked("parent_group_id")
        there = (
            self.hook.run(calls.list_sub_groups(parent)).sub_groups
            if parent
            else self.hook.run(calls.list_groups())
        )
        return [each for each in there if each.name.strip() == name.strip()]

    def _add(self, group_id: str, numbers: Sequence[str], state: TaskState, *, is_new: bool) -> None:
        """Add members after the group was created, in this try or an earlier one."""
        people = Members(self.hook, group_id)
        try:
            if is_new:
                people.add(numbers)
            elif numbers:
                people.add_missing(numbers)
        except (KaizalaError, AirflowException) as error:
            if state.is_kept:
                raise  # a retry continues with this group
            raise AirflowFailException(
                f"group {group_id} was created, but not all of its members could be added: {error}. Not retried, since that would "
                "create a second group: add them with KaizalaSyncMembersOperator"
            ) from error


class _SubGroupsOperator(KaizalaGroupOperator):
    """Base of the operators that change which groups are below a group."""

    arguments: ClassVar[Mapping[str, Check]] = {"sub_groups": _groups}
    template_fields: Sequence[str] = ("sub_groups",)

    def __init__(self, *, sub_groups: Sequence[str], **kwargs: Unpack[GroupArguments]) -> None:
        super().__init__(**kwargs)
        self.sub_groups = sub_groups


class KaizalaAttachSubGroupsOperator(_SubGroupsOperator):
    """Attach existing groups below a group: what is posted there then reaches them too. Safe to run again.

    The connection needs the refresh token of a user who is an admin of all of them: a group's own token reaches no other. Once a
    group has sub-groups, Kaizala accepts no plain messages in it: post announcements or actions there. The other arguments are
    those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`; ``group_id`` is the group above.

    :param sub_groups: ids of the groups to attach (templated)
    :return: ``{"group_id", "sub_groups"}``
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Attach all in one call."""
        group_id, wanted = self.group(), self.checked("sub_groups")
        self.hook.run(calls.add_sub_groups(group_id, wanted))
        self.log.info("Attached %d groups below group %s", len(wanted), group_id)
        return {"group_id": group_id, "sub_groups": list(wanted)}


class KaizalaDetachSubGroupsOperator(_SubGroupsOperator):
    """Detach groups from the group above them; all continue to exist. One that is not below it is skipped. Safe to run again.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaGroupOperator`; ``group_id`` is the
    group above.

    :param sub_groups: ids of the groups to detach (templated)
    :return: ``{"group_id", "sub_groups"}``, those that were detached
    """

    def run_task(self, context: Context) -> dict[str, Any]:
        """Detach them, one by one."""
        group_id, wanted = self.group(), self.checked("sub_groups")
        below = {each.group_id.lower() for each in self.hook.run(calls.list_sub_groups(group_id)).sub_groups}
        found = [each for each in wanted if each.lower() in below]
        for each in found:
            self.hook.run(calls.remove_sub_group(group_id, each))
        self.log.info(
            "Detached from group %s: %s", group_id, ", ".join(found) or "none, since none was below it"
        )
        return {"group_id": group_id, "sub_groups": found}
