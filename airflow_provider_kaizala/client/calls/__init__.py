"""One function for each REST operation: what to send, how to read the reply, and whether it is safe to repeat.

A call that is not safe to repeat (it posts something anew) is never sent twice when its outcome is unknown.
``group_id`` names the group whose grant the call uses; None stands for the user's own token. What comes in pages is a
:class:`~airflow_provider_kaizala.client.paging.Paged`, for ``client.iterate``; all else is a :class:`Call`, for ``client.run``.
"""

from __future__ import annotations

from airflow_provider_kaizala.client.calls.actions import (
    complete_job,
    get_action,
    list_actions,
    post_response,
    send_reminder,
    update_action,
    update_action_properties,
)
from airflow_provider_kaizala.client.calls.any_operation import any_operation
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
