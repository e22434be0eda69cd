"""Do one thing in Kaizala, once; or ask people, and wait for their answers.

Names are loaded on first use, so that a DAG pays only for the operators that it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat

if TYPE_CHECKING:
    from airflow_provider_kaizala.operators.action import (
        KaizalaSendActionOperator,
        KaizalaSendJobOperator,
        KaizalaSendMeetingOperator,
        KaizalaSendPollOperator,
        KaizalaSendSurveyOperator,
    )
    from airflow_provider_kaizala.operators.api import KaizalaApiOperator
    from airflow_provider_kaizala.operators.ask import (
        KaizalaAskJobOperator,
        KaizalaAskPollOperator,
        KaizalaAskSurveyOperator,
    )
    from airflow_provider_kaizala.operators.card import KaizalaUpdateActionOperator
    from airflow_provider_kaizala.operators.decision import KaizalaApprovalOperator, KaizalaBranchOperator
    from airflow_provider_kaizala.operators.group import (
        KaizalaAttachSubGroupsOperator,
        KaizalaCreateGroupOperator,
        KaizalaDetachSubGroupsOperator,
    )
    from airflow_provider_kaizala.operators.hitl import KaizalaHITLApprovalOperator, KaizalaHITLOperator
    from airflow_provider_kaizala.operators.media import (
        KaizalaSendAnnouncementOperator,
        KaizalaSendMediaOperator,
    )
    from airflow_provider_kaizala.operators.member import (
        KaizalaAddMembersOperator,
        KaizalaAddSubscribersOperator,
        KaizalaRemoveMembersOperator,
        KaizalaRemoveSubscribersOperator,
        KaizalaSyncMembersOperator,
        KaizalaSyncSubscribersOperator,
    )
    from airflow_provider_kaizala.operators.message import KaizalaSendMessageOperator
    from airflow_provider_kaizala.operators.reaction import KaizalaReactOperator
    from airflow_provider_kaizala.operators.reminder import KaizalaSendReminderOperator
    from airflow_provider_kaizala.operators.response import KaizalaPostResponseOperator
    from airflow_provider_kaizala.operators.webhook import (
        KaizalaCreateWebhookOperator,
        KaizalaDeleteWebhookOperator,
        KaizalaUpdateWebhookOperator,
    )

__all__ = [
    "KaizalaAddMembersOperator",
    "KaizalaAddSubscribersOperator",
    "KaizalaApiOperator",
    "KaizalaApprovalOperator",
    "KaizalaAskJobOperator",
    "KaizalaAskPollOperator",
    "KaizalaAskSurveyOperator",
    "KaizalaAttachSubGroupsOperator",
    "KaizalaBranchOperator",
    "KaizalaCreateGroupOperator",
    "KaizalaCreateWebhookOperator",
    "KaizalaDeleteWebhookOperator",
    "KaizalaDetachSubGroupsOperator",
    "KaizalaPostResponseOperator",
    "KaizalaReactOperator",
    "KaizalaRemoveMembersOperator",
    "KaizalaRemoveSubscribersOperator",
    "KaizalaSendActionOperator",
    "KaizalaSendAnnouncementOperator",
    "KaizalaSendJobOperator",
    "KaizalaSendMediaOperator",
    "KaizalaSendMeetingOperator",
    "KaizalaSendMessageOperator",
    "KaizalaSendPollOperator",
    "KaizalaSendReminderOperator",
    "KaizalaSendSurveyOperator",
    "KaizalaSyncMembersOperator",
    "KaizalaSyncSubscribersOperator",
    "KaizalaUpdateActionOperator",
    "KaizalaUpdateWebhookOperator",
]

# not every Airflow has what these need; asked for by name they say what is missing
if compat.has_hitl():
    __all__ += ["KaizalaHITLApprovalOperator", "KaizalaHITLOperator"]

#: where each name is defined; its module is loaded when the name is first used
__lazy_imports: dict[str, str] = {
    "KaizalaAddMembersOperator": "member",
    "KaizalaAddSubscribersOperator": "member",
    "KaizalaApiOperator": "api",
    "KaizalaApprovalOperator": "decision",
    "KaizalaAskJobOperator": "ask",
    "KaizalaAskPollOperator": "ask",
    "KaizalaAskSurveyOperator": "ask",
    "KaizalaAttachSubGroupsOperator": "group",
    "KaizalaBranchOperator": "decision",
    "KaizalaCreateGroupOperator": "group",
    "KaizalaCreateWebhookOperator": "webhook",
    "KaizalaDeleteWebhookOperator": "webhook",
    "KaizalaDetachSubGroupsOperator": "group",
    "KaizalaHITLApprovalOperator": "hitl",
    "KaizalaHITLOperator": "hitl",
    "KaizalaPostResponseOperator": "response",
    "KaizalaReactOperator": "reaction",
    "KaizalaRemoveMembersOperator": "member",
    "KaizalaRemoveSubscribersOperator": "member",
    "KaizalaSendActionOperator": "action",
    "KaizalaSendAnnouncementOperator": "media",
    "KaizalaSendJobOperator": "action",
    "KaizalaSendMediaOperator": "media",
    "KaizalaSendMeetingOperator": "action",
    "KaizalaSendMessageOperator": "message",
    "KaizalaSendPollOperator": "action",
    "KaizalaSendReminderOperator": "reminder",
    "KaizalaSendSurveyOperator": "action",
    "KaizalaSyncMembersOperator": "member",
    "KaizalaSyncSubscribersOperator": "member",
    "KaizalaUpdateActionOperator": "card",
    "KaizalaUpdateWebhookOperator": "webhook",
}


def __getattr__(name: str) -> Any:
    if module := __lazy_imports.get(name):
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
