"""Do one thing in Kaizala, once; or ask people, and wait for their answers.

Names are loaded on first use, so that a DAG pays only for the operators that it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.operators.action import *
    from airflow_provider_kaizala.operators.api import *
    from airflow_provider_kaizala.operators.ask import *
    from airflow_provider_kaizala.operators.card import *
    from airflow_provider_kaizala.operators.decision import *
    from airflow_provider_kaizala.operators.group import *
    from airflow_provider_kaizala.operators.hitl import *
    from airflow_provider_kaizala.operators.hitl_approval import *
    from airflow_provider_kaizala.operators.media import *
    from airflow_provider_kaizala.operators.member import *
    from airflow_provider_kaizala.operators.message import *
    from airflow_provider_kaizala.operators.reaction import *
    from airflow_provider_kaizala.operators.reminder import *
    from airflow_provider_kaizala.operators.response import *
    from airflow_provider_kaizala.operators.webhook import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "action": "KaizalaSendActionOperator KaizalaSendJobOperator KaizalaSendMeetingOperator "
            "KaizalaSendPollOperator KaizalaSendSurveyOperator",
            "api": "KaizalaApiOperator",
            "ask": "KaizalaAskJobOperator KaizalaAskPollOperator KaizalaAskSurveyOperator",
            "card": "KaizalaUpdateActionOperator",
            "decision": "KaizalaApprovalOperator KaizalaBranchOperator",
            "group": "KaizalaAttachSubGroupsOperator KaizalaCreateGroupOperator KaizalaDetachSubGroupsOperator",
            "hitl": "KaizalaHITLOperator",
            "hitl_approval": "KaizalaHITLApprovalOperator",
            "media": "KaizalaSendAnnouncementOperator KaizalaSendMediaOperator",
            "member": "KaizalaAddMembersOperator KaizalaAddSubscribersOperator KaizalaRemoveMembersOperator "
            "KaizalaRemoveSubscribersOperator KaizalaSyncMembersOperator "
            "KaizalaSyncSubscribersOperator",
            "message": "KaizalaSendMessageOperator",
            "reaction": "KaizalaReactOperator",
            "reminder": "KaizalaSendReminderOperator",
            "response": "KaizalaPostResponseOperator",
            "webhook": "KaizalaCreateWebhookOperator KaizalaDeleteWebhookOperator "
            "KaizalaEnsureWebhooksOperator KaizalaUpdateWebhookOperator",
        },
    )
    if not compat.has_hitl():
        __all__ = [name for name in __all__ if "HITL" not in name]
