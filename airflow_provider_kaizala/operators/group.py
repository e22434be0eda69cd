"""Make groups, and arrange them below others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.base import KaizalaGroupOperator, KaizalaOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models.checks import Check

GROUP_TYPES = ("Group", "ConnectGroup")
BATCH = 100


_group_type = checks.one_of(*GROUP_TYPES)


def _members(name: str, value: Any) -> tuple[str, ...]:
    return checks.phones(name, value) if checks.listed(name, value, "phone numbers") else ()


def _groups(name: str, value: Any) -> tuple[str, ...]:
    found = tuple(
        dict.fromkeys(checks.group_id(name, each) for each in checks.listed(name, value, "group ids"))
    )
    if not found:
        raise KaizalaInputError(f"{name} is empty; give at least one group id")
    return found


class KaizalaCreateGroupOperator(KaizalaOperator):
    """Create a group, or a sub-group. Each run makes a new one.

    :param name: its name (templated)
    :param welcome_message: shown to those who join (templated)
    :param members: phone numbers, as many as you like: the first 100 join with the group, the others in batches after it (templated)
    :param group_type: ``Group``, or ``ConnectGroup`` for hub and spoke, which needs the token of a tenant admin (templated)
    :param parent_group_id: the group to create it below (templated)
    :param join: whether the token's user becomes a member of a sub-group; who makes a group without a parent always does
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "name", "parent_group_id", "members_added"}``; ``parent_group_id`` is None for a group of its own
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "name": checks.title,
        "welcome_message": checks.title,
        "members": _members,
        "group_type": _group_type,
        "parent_group_id": checks.optional(checks.group_id),
        "join": checks.flag,
    }
    decisive: ClassVar[Sequence[str]] = ("parent_group_id",)
    template_fields: Sequence[str] = (
        "name",
        "welcome_message",
        "members",
        "group_type",
        "parent_group_id",
        *KaizalaOperator.template_fields,
    )

    def __init__(
        self,
        *,
        name: str,
        welcome_message: str,
        members: Sequence[str] = (),
        group_type: str = "Group",
        parent_group_id: str | None = None,
        join: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.welcome_message = welcome_message
        self.members = members
        self.group_type = group_type
        self.parent_group_id = parent_group_id
        self.join = join
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Create the group, then add those who did not fit into the call."""
        from airflow_provider_kaizala.client import calls

        name, members, parent = self.checked("name"), self.checked("members"), self.checked("parent_group_id")
        given = (name, self.checked("welcome_message"), members[:BATCH], self.checked("group_type"))
        if parent:
            made = self.hook.run(calls.create_sub_group(parent, *given, join=self.checked("join")))
        else:
            made = self.hook.run(calls.create_group(*given))
        self.log.info("Created group %s (%s)", made.group_id, name)
        for start in range(BATCH, len(members), BATCH):
            self._add(made.group_id, members[start : start + BATCH], members[start:])
        if made.members_added is False:
            self.log.warning("Kaizala says that not all members could be added to group %s", made.group_id)
        return {
            "group_id": made.group_id,
            "name": name,
            "parent_group_id": parent,
            "members_added": made.members_added,
        }

    def _add(self, group_id: str, batch: Sequence[str], left: Sequence[str]) -> None:
        from airflow_provider_kaizala.client import calls

        try:
            if self.hook.run(calls.add_members(group_id, batch)):
                return
            problem = "Kaizala says that it did not"
        except KaizalaError as error:
            problem = str(error)
        raise AirflowFailException(
            f"group {group_id} was created, but {len(left)} of its members could not be added: {problem}. Not retried, since "
            "that would create a second group: add them with KaizalaSyncMembersOperator"
        )


class KaizalaAttachSubGroupsOperator(KaizalaGroupOperator):
    """Attach existing groups below a group: what is sent there then reaches them too. Safe to run again.

    The connection needs the refresh token of a user who is an admin of all of them: a group's own token reaches no other.

    :param sub_groups: ids of the groups to attach (templated)
    :param group_id: the group above; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "sub_groups"}``
    """

    arguments: ClassVar[Mapping[str, Check]] = {"sub_groups": _groups}
    template_fields: Sequence[str] = ("sub_groups", *KaizalaGroupOperator.template_fields)

    def __init__(self, *, sub_groups: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sub_groups = sub_groups
        self.check_literals()

    def work(self) -> dict[str, Any]:
        """Attach them."""
        group_id, wanted = self.group(), self.checked("sub_groups")
        self.change(group_id, wanted)
        self.log.info("%s: %d groups below group %s", type(self).__name__, len(wanted), group_id)
        return {"group_id": group_id, "sub_groups": list(wanted)}

    def change(self, group_id: str, wanted: Sequence[str]) -> None:
        """Attach all in one call."""
        from airflow_provider_kaizala.client import calls

        self.hook.run(calls.add_sub_groups(group_id, wanted))


class KaizalaDetachSubGroupsOperator(KaizalaAttachSubGroupsOperator):
    """Detach groups from the group above them; all go on. One that is not there is passed over.

    :param sub_groups: ids of the groups to detach (templated)
    :param group_id: the group above; by default the connection's ``default_group`` (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: ``{"group_id", "sub_groups"}``, those that were detached
    """

    def work(self) -> dict[str, Any]:
        """Detach them, one by one."""
        from airflow_provider_kaizala.client import calls

        group_id, wanted = self.group(), self.checked("sub_groups")
        below = {each.group_id.lower() for each in self.hook.run(calls.list_sub_groups(group_id)).sub_groups}
        found = [each for each in wanted if each.lower() in below]
        for each in found:
            self.hook.run(calls.remove_sub_group(group_id, each))
        self.log.info("Detached from group %s: %s", group_id, ", ".join(found) or "none, none was below it")
        return {"group_id": group_id, "sub_groups": found}
