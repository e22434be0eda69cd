"""``airflow-kaizala groups`` and ``members``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.cli.account import Account
from airflow_provider_kaizala.cli.exit_codes import DONE
from airflow_provider_kaizala.cli.output import Row, show, working
from airflow_provider_kaizala.client.calls.members import list_members as members_of
from airflow_provider_kaizala.client.calls.members import list_subscribers
from airflow_provider_kaizala.client.models import Member

if TYPE_CHECKING:
    import argparse


def list_groups(args: argparse.Namespace) -> int:
    """List the groups that the connection reaches."""
    account = Account.of(args)
    with working("reading the groups"):
        found = account.list_groups(all_groups=args.all)
    rows: list[Row] = [
        {
            "name": group.name,
            "group_id": group.group_id,
            "type": group.group_type,
            "role": group.caller_role,
            "members": group.user_count,
            "has_sub_groups": group.has_sub_groups,
            "is_default": group.group_id.lower() == (account.connection.default_group or "").lower(),
            "token": token,
        }
        for group, token in found
    ]
    columns = {"name": "NAME", "group_id": "ID", "type": "TYPE", "role": "ROLE", "members": "MEMBERS"}
    show(rows, args.output, columns, "the connection reaches no group")
    return DONE


def list_members(args: argparse.Namespace) -> int:
    """List the members, or the subscribers, of a group."""
    account = Account.of(args)
    with working("reading the members"):
        group_id = account.group_id(args.group)
        people: list[Any] = []  # of members or of subscribers
        if args.subscribers:
            people += account.hook.iterate(list_subscribers(group_id))
        else:
            members = account.hook.run(members_of(group_id))
            people += members
    rows: list[Row] = [
        {
            "name": each.name,
            "mobile_number": each.mobile_number,
            "role": each.role if isinstance(each, Member) else "Subscriber",
            "id": each.id,
            "is_registered": each.is_provisioned,
        }
        for each in people
    ]
    columns = {"name": "NAME", "mobile_number": "PHONE", "role": "ROLE", "id": "ID"}
    show(rows, args.output, columns, "the group has none")
    return DONE
