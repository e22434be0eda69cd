"""The form of a seed file (YAML or JSON).

::

    tenants:    [{id, name}]                                   # optional; the first is the default
    people:     [{mobileNumber, name, pin?, id?, tenantAdmin?}]
    connectors: [{id, secret, name?, permissions?: all | [..], redirectUrl?}]
    groups:     [{id, name, type?, parent?, welcomeMessage?, admins, members?, subscribers?}]   # phone numbers
    grants:     [{connector, kind: user | group | tenant, person, group?, refreshToken}]
    actions:    [{group, sender, actionType | id, actionBody}]  # as in POST /groups/{groupId}/actions

Names are taken with and without underscores; a mistake is told with the place where it is.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from airflow_provider_kaizala.server.domain.context import PERMISSIONS
from airflow_provider_kaizala.server.domain.ids import canonical


def _phone(value: str) -> str:
    if not re.fullmatch(r"\+[0-9]{6,15}", value):
        raise ValueError("must be a phone number with + and country code, in quotes")
    return value


def _id(value: str) -> str:
    if not re.fullmatch(r"[^\s/?#%]+", value):
        raise ValueError("must be an id that can stand in a path: without spaces and / ? # %")
    return canonical(value)


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _redirect(value: str) -> str:
    """Take the address of a page or of an app (``myapp://signed-in``), but nothing a browser would run or open from the disk."""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    refused = ("", "javascript", "data", "vbscript", "file", "blob")
    if parts.scheme in refused or not parts.netloc or "#" in value or any(map(str.isspace, value)):
        raise ValueError("must be an address without a # part, such as https://app.example/signed-in")
    return value


def _permissions(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(one in PERMISSIONS for one in value)):
        raise ValueError(f"must be all, or a list of some of {', '.join(PERMISSIONS)}")
    return value


Phone = Annotated[str, AfterValidator(_phone)]
Id = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_id)]
Permissions = Annotated[Literal["all"] | list[str], BeforeValidator(_permissions)]
Name = Annotated[str, AfterValidator(_said)]
Pin = Annotated[str, Field(max_length=100), AfterValidator(_said)]
Secret = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_said)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class TenantSeed(_Entry):
    """An organisation."""

    id: Id = "default"
    name: Name = "Default"


class PersonSeed(_Entry):
    """A person who can sign in with a PIN."""

    mobile_number: Phone
    name: Name
    pin: Pin | None = None
    id: Id | None = None
    tenant: Id | None = None
    tenant_admin: bool = False


class ConnectorSeed(_Entry):
    """A connector, with all permissions unless some are named."""

    id: Id
    secret: Secret
    name: Name | None = None
    tenant: Id | None = None
    permissions: Permissions = "all"
    redirect_url: Annotated[str, AfterValidator(_redirect)] | None = None


class GroupSeed(_Entry):
    """A group; people are named by phone number."""

    id: Id
    name: Name
    type: Literal["Group", "ConnectGroup"] = "Group"
    tenant: Id | None = None
    parent: Id | None = None
    welcome_message: str = ""
    admins: list[Phone] = []
    members: list[Phone] = []
    subscribers: list[Phone] = []


class GrantSeed(_Entry):
    """A refresh token of a connector."""

    connector: Id
    kind: Literal["user", "group", "tenant"]
    person: Phone
    group: Id | None = None
    refresh_token: Secret

    @model_validator(mode="after")
    def _group_for_group_token(self) -> GrantSeed:
        if (self.kind == "group") != (self.group is not None):
            raise ValueError("group is for grants of the kind group, and they need it")
        return self


class ActionSeed(_Entry):
    """An action that was posted already."""

    group: Id
    sender: Phone
    action_type: str | None = None
    id: str | None = None
    action_body: dict[str, object]


class Seed(_Entry):
    """A whole seed file."""

    tenants: list[TenantSeed] = []
    people: list[PersonSeed] = []
    connectors: list[ConnectorSeed] = []
    groups: list[GroupSeed] = []
    grants: list[GrantSeed] = []
    actions: list[ActionSeed] = []


_ENTRIES: dict[str, type[_Entry]] = {
    "tenants": TenantSeed,
    "people": PersonSeed,
    "connectors": ConnectorSeed,
    "groups": GroupSeed,
    "grants": GrantSeed,
    "actions": ActionSeed,
}


def known_names(place: tuple[int | str, ...]) -> list[str]:
    """Return the names that may stand where the last of *place* stands."""
    model = Seed if len(place) == 1 else _ENTRIES[str(place[0])]
    return [field.alias or name for name, field in model.model_fields.items()]
