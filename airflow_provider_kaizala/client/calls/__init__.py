"""One function for each REST operation. It returns a call, which a client or a hook makes: ``hook.run(calls.get_me())``.

A call knows what to send, how to read the reply, and whether it is safe to repeat. One that is not, because it posts something
new, is never sent again when its outcome is unknown. ``group_id`` names the group whose grant the call uses; None selects the
user's token. Reads in pages return a :class:`~airflow_provider_kaizala.client.paging.Paged`, which is passed to
``client.iterate``; all others return a :class:`Call`, for ``client.run``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls.actions import *
    from airflow_provider_kaizala.client.calls.auth import *
    from airflow_provider_kaizala.client.calls.bots import *
    from airflow_provider_kaizala.client.calls.call import *
    from airflow_provider_kaizala.client.calls.generic import *
    from airflow_provider_kaizala.client.calls.groups import *
    from airflow_provider_kaizala.client.calls.members import *
    from airflow_provider_kaizala.client.calls.posting import *
    from airflow_provider_kaizala.client.calls.reactions import *
    from airflow_provider_kaizala.client.calls.webhooks import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "actions": "complete_job get_action list_actions post_response send_reminder update_action "
            "update_action_properties",
            "auth": "access_token authorize_url generate_pin get_me login_with_pin oauth_token",
            "bots": "add_bot_to_group bot_access_token create_bot delete_bot list_bots update_bot",
            "call": "Call",
            "generic": "any_operation",
            "groups": "add_sub_groups create_group create_sub_group find_tenant_groups get_group list_groups "
            "list_sub_groups remove_sub_group",
            "members": "add_members add_subscribers first_subscribers list_members list_subscribers remove_member "
            "remove_subscribers update_member",
            "posting": "post_action send_message upload_media upload_media_from_attachment upload_media_from_url",
            "reactions": "count_reactions list_reaction_counts list_reactions post_reaction",
            "webhooks": "create_webhook delete_webhook flow_subscribe list_webhooks update_webhook",
        },
    )
