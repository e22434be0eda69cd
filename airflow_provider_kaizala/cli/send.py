"""``airflow-kaizala send``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_kaizala.cli.account import Account
from airflow_provider_kaizala.cli.exit_codes import DONE, FAILED
from airflow_provider_kaizala.cli.output import complain, is_terminal, note, show_one
from airflow_provider_kaizala.cli.posted import saying_what_was_posted
from airflow_provider_kaizala.client.calls.posting import send_message
from airflow_provider_kaizala.client.models import Audience, Message

if TYPE_CHECKING:
    import argparse


def send(args: argparse.Namespace) -> int:
    """Post a message."""
    account = Account.of(args)
    audience = Audience(args.subscriber, args.all_subscribers, args.reply_to)
    text = args.text
    if text in (None, "-"):
        if is_terminal(sys.stdin):
            note("type the message, and end it with Ctrl-D")
        text = sys.stdin.read().rstrip("\n") if sys.stdin is not None else ""
    message = Message(text)
    group_id = account.group_id(args.group)
    posted = account.hook.run(send_message(group_id, message, audience))
    row = {
        "group_id": group_id,
        "reference_id": posted.reference_id,
        "failed": [{"subscriber": each.subscriber, "reason": each.reason} for each in posted.failed],
    }
    with saying_what_was_posted("the message", posted.reference_id):
        show_one(row, args.output, {"group_id": "GROUP", "reference_id": "REFERENCE"})
        for failure in posted.failed:
            complain(f"it did not reach {failure}")
    return FAILED if posted.failed else DONE
