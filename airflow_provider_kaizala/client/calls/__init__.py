"""One function for each REST operation. It returns a call, which a client or a hook makes: ``hook.run(calls.get_me())``.

A call knows what to send, how to read the reply, and whether it is safe to repeat. One that is not, because it posts something
new, is never sent again when its outcome is unknown. ``group_id`` names the group whose grant the call uses; None selects the
user's token. Reads in pages return a :class:`~airflow_provider_kaizala.client.paging.Paged`, which is passed to
``client.iterate``; all others return a :class:`Call`, for ``client.run``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls.actions import (
        complete_job,
        get_action,
        list_actions,
        post_response,
        send_reminder,
        update_action,
        update_action_properties,
    )
    from airflow_provider_kaizala.client.calls.auth import (
        access_token,
        authorize_url,
        generate_pin,
        get_me,
        login_with_pin,
        oauth_token,
    )
    from airflow_provider_kaizala.client.calls.bots import (
        add_bot_to_group,
        bot_access_token,
        create_bot,
        delete_bot,
        list_bots,
        update_bot,
    )
    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.calls.generic import any_operation
    from airflow_provider_kaizala.client.calls.groups import (
        add_sub_groups,
        create_group,
        create_sub_group,
        find_tenant_groups,
        get_group,
        list_groups,
        list_sub_groups,
        remove_sub_group,
    )
    from airflow_provider_kaizala.client.calls.members import (
        add_members,
        add_subscribers,
        first_subscribers,
        list_members,
        list_subscribers,
        remove_member,
        remove_subscribers,
        update_member,
    )
    from airflow_provider_kaizala.client.calls.posting import (
        post_action,
        send_message,
        upload_media,
        upload_media_from_attachment,
        upload_media_from_url,
    )
    from airflow_provider_kaizala.client.calls.reactions import (
        count_reactions,
        list_reaction_counts,
        list_reactions,
        post_reaction,
    )
    from airflow_provider_kaizala.client.calls.webhooks import (
        create_webhook,
        delete_webhook,
        flow_subscribe,
        list_webhooks,
        update_webhook,
    )

__all__ = [
    "Call",
    "access_token",
    "add_bot_to_group",
    "add_members",
    "add_sub_groups",
    "add_subscribers",
    "any_operation",
    "authorize_url",
    "bot_access_token",
    "complete_job",
    "count_reactions",
    "create_bot",
    "create_group",
    "create_sub_group",
    "create_webhook",
    "delete_bot",
    "delete_webhook",
    "find_tenant_groups",
    "first_subscribers",
    "flow_subscribe",
    "generate_pin",
    "get_action",
    "get_group",
    "get_me",
    "list_actions",
    "list_bots",
    "list_groups",
    "list_members",
    "list_reaction_counts",
    "list_reactions",
    "list_sub_groups",
    "list_subscribers",
    "list_webhooks",
    "login_with_pin",
    "oauth_token",
    "post_action",
    "post_reaction",
    "post_response",
    "remove_member",
    "remove_sub_group",
    "remove_subscribers",
    "send_message",
    "send_reminder",
    "update_action",
    "update_action_properties",
    "update_bot",
    "update_member",
    "update_webhook",
    "upload_media",
    "upload_media_from_attachment",
    "upload_media_from_url",
]

#: where each name is defined; its module is loaded when the name is first used
__lazy_imports: dict[str, str] = {
    "Call": "call",
    "access_token": "auth",
    "add_bot_to_group": "bots",
    "add_members": "members",
    "add_sub_groups": "groups",
    "add_subscribers": "members",
    "any_operation": "generic",
    "authorize_url": "auth",
    "bot_access_token": "bots",
    "complete_job": "actions",
    "count_reactions": "reactions",
    "create_bot": "bots",
    "create_group": "groups",
    "create_sub_group": "groups",
    "create_webhook": "webhooks",
    "delete_bot": "bots",
    "delete_webhook": "webhooks",
    "find_tenant_groups": "groups",
    "first_subscribers": "members",
    "flow_subscribe": "webhooks",
    "generate_pin": "auth",
    "get_action": "actions",
    "get_group": "groups",
    "get_me": "auth",
    "list_actions": "actions",
    "list_bots": "bots",
    "list_groups": "groups",
    "list_members": "members",
    "list_reaction_counts": "reactions",
    "list_reactions": "reactions",
    "list_sub_groups": "groups",
    "list_subscribers": "members",
    "list_webhooks": "webhooks",
    "login_with_pin": "auth",
    "oauth_token": "auth",
    "post_action": "posting",
    "post_reaction": "reactions",
    "post_response": "actions",
    "remove_member": "members",
    "remove_sub_group": "groups",
    "remove_subscribers": "members",
    "send_message": "posting",
    "send_reminder": "actions",
    "update_action": "actions",
    "update_action_properties": "actions",
    "update_bot": "bots",
    "update_member": "members",
    "update_webhook": "webhooks",
    "upload_media": "posting",
    "upload_media_from_attachment": "posting",
    "upload_media_from_url": "posting",
}


def __getattr__(name: str) -> Any:
    if module := __lazy_imports.get(name):
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
