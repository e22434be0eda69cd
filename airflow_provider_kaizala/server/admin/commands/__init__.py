"""The subcommands of ``kaizala-server`` that administer a server's database."""

from __future__ import annotations

from airflow_provider_kaizala.server.admin.commands.audit import audit
from airflow_provider_kaizala.server.admin.commands.connector import connector
from airflow_provider_kaizala.server.admin.commands.grant import grant, token
from airflow_provider_kaizala.server.admin.commands.group import group
from airflow_provider_kaizala.server.admin.commands.person import person
from airflow_provider_kaizala.server.admin.commands.webhook import webhook

COMMANDS = (connector, person, group, grant, token, webhook, audit)
