"""Writing a seed into the database, in one transaction."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.api.action_bodies import read_action
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import hierarchy, tokens
from airflow_provider_kaizala.server.domain.access import find_group, need_member
from airflow_provider_kaizala.server.domain.action_posting import post_action
from airflow_provider_kaizala.server.domain.context import (
    ADMIN,
    MEMBER,
    PERMISSIONS,
    TENANT,
    Caller,
    Operation,
)
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.ids import new_unit_id
from airflow_provider_kaizala.server.domain.persons import by_phones
from airflow_provider_kaizala.server.hashing import fingerprint, hash_pin
from airflow_provider_kaizala.server.seeds.load import SeedError
from airflow_provider_kaizala.server.seeds.model import GroupSeed, Seed
from airflow_provider_kaizala.server.store import tables as t

DEFAULT_TENANT = "default"


def is_empty(conn: Connection) -> bool:
    """Tell whether nobody has put anything into the database yet."""
    return not conn.execute(select(func.count()).select_from(t.tenant)).scalar_one()


def clear(conn: Connection) -> None:
    """Empty every table."""
    for table in reversed(t.metadata.sorted_tables):
        if table is not t.setting:  # running processes hold it
            conn.execute(table.delete())


@lru_cache(maxsize=1000)
def _pin_hash(_mobile: str, pin: str) -> str:
    return hash_pin(pin)


def hash_pins(seed: Seed) -> None:
    """Hash the PINs of a seed, which takes long, before the transaction that writes it."""
    for one in seed.people:
        if one.pin is not None:
            _pin_hash(one.mobile_number, one.pin)


def apply_seed(conn: Connection, seed: Seed, now_ms: int) -> None:
    """Add what a seed describes; it may refer to what the database holds already."""
    tenant_id = _add_tenants(conn, seed, now_ms)
    _add_people(conn, seed, tenant_id, now_ms)
    _add_connectors(conn, seed, tenant_id, now_ms)
    for index, group in enumerate(seed.groups):
        _add_group(conn, group, f"groups.{index}", tenant_id, now_ms)
    _add_grants(conn, seed, now_ms)
    for index, action in enumerate(seed.actions):
        where = f"actions.{index}"
        sender = _person(conn, action.sender, f"{where}.sender")
        caller = Caller(TENANT, _tenant_of(conn, action.group, where), sender, "", action.sender, "")
        fields = Fields(action.model_dump(by_alias=True, exclude={"group", "sender"}))
        try:
            op = Operation(conn, now_ms, caller)
            post_action(op, need_member(find_group(op, action.group)), read_action(op, fields))
        except ApiError as error:
            raise SeedError(f"the seed is wrong at {where}: {error.message}") from None


def _add_tenants(conn: Connection, seed: Seed, now_ms: int) -> str:
    known = list(conn.execute(select(t.tenant.c.id).order_by(t.tenant.c.created_ms)).scalars())
    for tenant in seed.tenants:
        if tenant.id not in known:
            conn.execute(t.tenant.insert(), {"id": tenant.id, "name": tenant.name, "created_ms": now_ms})
            known.append(tenant.id)
    named = {
        "people": [one.tenant for one in seed.people],
        "connectors": [one.tenant for one in seed.connectors],
        "groups": [one.tenant for one in seed.groups],
    }
    for name, tenants in named.items():
        for index, tenant_id in enumerate(tenants):
            if tenant_id is not None and tenant_id not in known:
                raise SeedError(
                    f"the seed is wrong at {name}.{index}.tenant: there is no tenant {tenant_id!r}"
                )
    if seed.tenants:
        return seed.tenants[0].id
    if known:
        return str(known[0])
    conn.execute(t.tenant.insert(), {"id": DEFAULT_TENANT, "name": "Default", "created_ms": now_ms})
    return DEFAULT_TENANT


def _need_new(conn: Connection, where: str, what: str, query: object) -> None:
    if conn.execute(query).first() is not None:  # type: ignore[call-overload]
        raise SeedError(f"the seed is wrong at {where}: {what} exists already")


def _add_people(conn: Connection, seed: Seed, tenant_id: str, now_ms: int) -> None:
    for index, one in enumerate(seed.people):
        query = select(t.person.c.id).where(t.person.c.mobile == one.mobile_number)
        _need_new(conn, f"people.{index}.mobileNumber", one.mobile_number, query)
        if one.id is not None:
            _need_new(
                conn, f"people.{index}.id", one.id, select(t.person.c.id).where(t.person.c.id == one.id)
            )
        conn.execute(
            t.person.insert(),
            {
                "id": one.id or new_unit_id(),
                "tenant_id": one.tenant or tenant_id,
                "mobile": one.mobile_number,
                "name": one.name,
                "profile_pic": "",
                "pin_hash": None if one.pin is None else _pin_hash(one.mobile_number, one.pin),
                "is_provisioned": True,
                "is_tenant_admin": one.tenant_admin,
                "created_ms": now_ms,
            },
        )


def _add_connectors(conn: Connection, seed: Seed, tenant_id: str, now_ms: int) -> None:
    for index, one in enumerate(seed.connectors):
        query = select(t.connector.c.id).where(t.connector.c.id == one.id)
        _need_new(conn, f"connectors.{index}.id", one.id, query)
        add_connector(
            conn,
            now_ms,
            connector_id=one.id,
            secret=one.secret,
            name=one.name or one.id,
            tenant_id=one.tenant or tenant_id,
            permissions=PERMISSIONS if one.permissions == "all" else tuple(dict.fromkeys(one.permissions)),
            redirect_url=one.redirect_url,
        )


def add_connector(
    conn: Connection,
    now_ms: int,
    *,
    connector_id: str,
    secret: str,
    name: str,
    tenant_id: str,
    permissions: tuple[str, ...],
    redirect_url: str | None = None,
) -> None:
    """Add a connector with its permissions."""
    conn.execute(
        t.connector.insert(),
        {
            "id": connector_id,
            "tenant_id": tenant_id,
            "name": name,
            "secret_hash": fingerprint(secret),
            "redirect_url": redirect_url,
            "created_ms": now_ms,
        },
    )
    for permission in permissions:
        conn.execute(
            t.connector_permission.insert(), {"connector_id": connector_id, "permission": permission}
        )


def _add_group(conn: Connection, one: GroupSeed, where: str, tenant_id: str, now_ms: int) -> None:
    _need_new(conn, f"{where}.id", one.id, select(t.chat_group.c.id).where(t.chat_group.c.id == one.id))
    conn.execute(
        t.chat_group.insert(),
        {
            "id": one.id,
            "tenant_id": one.tenant or tenant_id,
            "name": one.name,
            "group_type": one.type,
            "welcome_message": one.welcome_message,
            "created_ms": now_ms,
        },
    )
    roles = dict.fromkeys(one.members, (f"{where}.members", MEMBER))
    roles |= dict.fromkeys(one.admins, (f"{where}.admins", ADMIN))
    for phone, (place, role) in roles.items():
        person_id = _person(conn, phone, place)
        conn.execute(
            t.membership.insert(),
            {"group_id": one.id, "person_id": person_id, "role": role, "joined_ms": now_ms},
        )
    if one.subscribers and one.type != "ConnectGroup":
        raise SeedError(f"the seed is wrong at {where}.subscribers: only a ConnectGroup has subscribers")
    for phone in dict.fromkeys(one.subscribers):
        person_id = _person(conn, phone, f"{where}.subscribers")
        conn.execute(
            t.subscription.insert(), {"group_id": one.id, "person_id": person_id, "created_ms": now_ms}
        )
    if one.parent == one.id:
        raise SeedError(f"the seed is wrong at {where}.parent: a group is not its own parent")
    if one.parent:
        _tenant_of(conn, one.parent, f"{where}.parent")
        hierarchy.attach(conn, one.parent, one.id, now_ms)


def _add_grants(conn: Connection, seed: Seed, now_ms: int) -> None:
    for index, one in enumerate(seed.grants):
        where = f"grants.{index}"
        if conn.execute(select(t.connector.c.id).where(t.connector.c.id == one.connector)).first() is None:
            raise SeedError(
                f"the seed is wrong at {where}.connector: there is no connector {one.connector!r}"
            )
        if one.group:
            _tenant_of(conn, one.group, f"{where}.group")
        token_hash = fingerprint(one.refresh_token)
        query = select(t.refresh_token.c.grant_id).where(t.refresh_token.c.token_hash == token_hash)
        _need_new(conn, f"{where}.refreshToken", "this token", query)
        person_id = _person(conn, one.person, f"{where}.person")
        grant_id = tokens.find_grant(conn, now_ms, one.connector, one.kind, person_id, one.group)
        tokens.issue_refresh_token(conn, now_ms, grant_id, token=one.refresh_token)


def _person(conn: Connection, phone: str, where: str) -> str:
    found = by_phones(conn, [phone])
    if phone not in found:
        raise SeedError(f"the seed is wrong at {where}: {phone} is not among the people")
    return found[phone].id


def _tenant_of(conn: Connection, group_id: str, where: str) -> str:
    g = t.chat_group.c
    tenant_id = conn.execute(select(g.tenant_id).where(g.id == group_id)).scalar()
    if tenant_id is None:
        raise SeedError(f"the seed is wrong at {where}: there is no group {group_id!r}")
    return str(tenant_id)
