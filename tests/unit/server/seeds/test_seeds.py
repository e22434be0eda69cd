from __future__ import annotations

import pytest

from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import SeedError, load_seed, parse_seed

PERSON = {"mobileNumber": "+910000000001", "name": "A", "pin": "1234"}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("people: [", "line 1"),
        ("people:\n\t- {}", "line 2"),
        ("\0\1\2", "not valid YAML"),
        ("people:\n - {mobileNumber: +910000000001, name: A}", "people.0.mobileNumber: must be text"),
        ("people:\n - {mobileNumber: 919, name: A}", "people.0.mobileNumber: must be text; in YAML, put"),
        ('people:\n - {mobileNumber: "919", name: A}', "people.0.mobileNumber: must be a phone number"),
        (
            'people:\n - {mobileNumber: "+910000000001", nme: A}',
            "people.0.nme: there is no field 'nme'; did you mean 'name'?",
        ),
        ('people:\n - {mobileNumber: "+910000000001"}', "people.0.name: is required"),
        ('people:\n - {mobileNumber: "+910000000001", name: A, pin: 0123}', "people.0.pin: must be text"),
        ('people:\n - {mobileNumber: "+910000000001", name: " "}', "people.0.name: must not be blank"),
        (
            'people:\n - {mobileNumber: "+910000000001", name: A, pin: ""}',
            "people.0.pin: must have at least 4",
        ),
        (
            'people:\n - {mobileNumber: "+910000000001", name: A, pin: "123 "}',
            "people.0.pin: must have at least 4",
        ),
        ("groups: [{id: a/b, name: G}]", "groups.0.id: must be an id that can stand in a path"),
        ('connectors: [{id: c, secret: " "}]', "connectors.0.secret: must not be blank"),
        ("people: {a: b}", "people: must be a list"),
        ("people: [1]", "people.0: must be a mapping of names and values"),
        ("persons: []", "persons: there is no field 'persons'"),
        ("rooms: []", "known are tenants, people, connectors, groups, grants, actions"),
        ("groups: [{id: g, name: G, type: Hub}]", "groups.0.type: must be 'Group' or 'ConnectGroup'"),
        (
            'connectors: [{id: c, secret: hush-hush, permissions: ["Fly"]}]',
            "connectors.0.permissions: must be all, or a list of some of Group",
        ),
        (
            "connectors: [{id: c, secret: s, permissions: some}]",
            "connectors.0.permissions: must be all, or a list",
        ),
        (
            "connectors: [{id: c, secret: s, redirectUrl: a page}]",
            "connectors.0.redirectUrl: must be an address",
        ),
        (
            "connectors: [{id: c, secret: s, redirectUrl: 'javascript://x/%0aalert(1)'}]",
            "0.redirectUrl: must be",
        ),
        ("connectors: [{id: c, secret: ''}]", "connectors.0.secret: must have at least 1 character"),
        (
            "grants: [{connector: c, kind: group, person: '+910000000001', refreshToken: hush-hush}]",
            "grants.0: group is for",
        ),
        ("- a list", "mapping of tenants, people, connectors, groups, grants, actions"),
    ],
)
def test_mistakes_say_where(text, where) -> None:
    with pytest.raises(SeedError) as wrong:
        parse_seed(text, "mine.yaml")
    assert where in str(wrong.value)
    assert "mine.yaml" in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert "Value error" not in str(wrong.value)
    assert "Input" not in str(wrong.value)
    assert "hush-hush" not in str(wrong.value), "a secret"


def test_unknown_seed_names_the_built_in_ones() -> None:
    with pytest.raises(SeedError, match="built-in seeds: demo"):
        load_seed("nothing")


@pytest.mark.parametrize(
    ("seed", "where"),
    [
        ("people: [{mobileNumber: '+910000000001', name: Twice}]", "people.0.mobileNumber"),
        ("groups: [{id: g, name: G, admins: ['+910000000055']}]", "groups.0.admins"),
        ("groups: [{id: g, name: G, parent: nothing}]", "groups.0.parent"),
        (
            "grants: [{connector: x, kind: user, person: '+910000000001', refreshToken: hush-hush}]",
            "grants.0.connector",
        ),
        (
            "grants: [{connector: demo-connector, kind: user, person: '+910000000001', refreshToken: demo-group-token}]",
            "refreshToken",
        ),
        (
            "actions: [{group: 11111111-1111-4111-8111-111111111111@1, sender: '+910000000001', actionType: Poll, actionBody: {}}]",
            "actions.0",
        ),
    ],
)
def test_what_does_not_fit_the_database_changes_nothing(server, ravi, seed, where) -> None:
    with pytest.raises(SeedError, match=where) as wrong:
        server.state.database.submit(lambda conn: apply_seed(conn, parse_seed(seed, "s"), 1)).result()
    assert "hush-hush" not in str(wrong.value), "a secret"
    assert len(ravi.ok("GET", "/groups")["groups"]) == 1


def test_actions_of_a_seed(server, ravi) -> None:
    seed = parse_seed(
        """
actions:
  - group: 11111111-1111-4111-8111-111111111111@1
    sender: "+910000000001"
    actionType: Poll
    actionBody: {question: "Tea?", choices: [{title: "Yes"}, {title: "No"}]}
""",
        "s",
    )
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    [item] = ravi.feed()["items"]
    assert (item["kind"], item["sender"]["name"]) == ("poll", "Asha")


def test_reset_goes_back_to_the_seed(server, api, ravi) -> None:
    import httpx

    ravi.ok("POST", "/groups/11111111-1111-4111-8111-111111111111@1/messages", json={"text": "x"})
    server.state.clock.freeze(0)
    assert httpx.post(server.url + "/_test/reset").json() == {}
    assert server.state.clock.now_ms() > 10**12
    assert httpx.get(server.url + "/v1/groups", headers=api.http.headers).status_code == 401
