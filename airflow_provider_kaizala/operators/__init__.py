"""Do one thing in Kaizala, once; or ask people, and wait for their answers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.operators.action import (
    KaizalaSendActionOperator,
    KaizalaSendJobOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.operators.api import KaizalaApiOperator
from airflow_provider_kaizala.operators.ask import (
    KaizalaJobOperator,
    KaizalaPollOperator,
    KaizalaSurveyOperator,
)
from airflow_provider_kaizala.operators.decision import KaizalaApprovalOperator, KaizalaBranchOperator
from airflow_provider_kaizala.operators.group import (
    KaizalaAttachSubGroupsOperator,
    KaizalaCreateGroupOperator,
    KaizalaDetachSubGroupsOperator,
)
from airflow_provider_kaizala.operators.media import KaizalaSendAnnouncementOperator, KaizalaSendMediaOperator
from airflow_provider_kaizala.operators.member import (
    KaizalaAddMembersOperator,
    KaizalaAddSubscribersOperator,
    KaizalaRemoveMembersOperator,
    KaizalaRemoveSubscribersOperator,
    KaizalaSyncMembersOperator,
    KaizalaSyncSubscribersOperator,
)
from airflow_provider_kaizala.operators.message import KaizalaSendMessageOperator
from airflow_provider_kaizala.operators.posted import (
    KaizalaPostResponseOperator,
    KaizalaReactOperator,
    KaizalaSendReminderOperator,
    KaizalaUpdateActionOperator,
)
from airflow_provider_kaizala.operators.webhook import (
    KaizalaCreateWebhookOperator,
    KaizalaDeleteWebhookOperator,
    KaizalaUpdateWebhookOperator,
)

if TYPE_CHECKING:
    from airflow_provider_kaizala.operators.hitl import KaizalaHITLApprovalOperator, KaizalaHITLOperator

__all__ = [
    "KaizalaAddMembersOperator",
    "KaizalaAddSubscribersOperator",
    "KaizalaApiOperator",
    "KaizalaApprovalOperator",
    "KaizalaAttachSubGroupsOperator",
    "KaizalaBranchOperator",
    "KaizalaCreateGroupOperator",
    "KaizalaCreateWebhookOperator",
    "KaizalaDeleteWebhookOperator",
    "KaizalaDetachSubGroupsOperator",
    "KaizalaJobOperator",
    "KaizalaPollOperator",
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
    "KaizalaSurveyOperator",
    "KaizalaSyncMembersOperator",
    "KaizalaSyncSubscribersOperator",
    "KaizalaUpdateActionOperator",
    "KaizalaUpdateWebhookOperator",
]

_HITL = ("KaizalaHITLApprovalOperator", "KaizalaHITLOperator")
if compat.has_hitl():
    __all__ += ["KaizalaHITLApprovalOperator", "KaizalaHITLOperator"]


def __getattr__(name: str) -> Any:
    """Load the Human-in-the-loop operators when they are asked for: not every Airflow has what they need."""
    if name in _HITL:
        return getattr(import_module(f"{__name__}.hitl"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
