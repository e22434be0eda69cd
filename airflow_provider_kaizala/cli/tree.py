"""The tree of commands as data, from which ``airflow-kaizala`` and ``airflow kaizala`` are built.

Airflow imports this module whenever ``airflow`` is called, so it imports nothing, and each command names the function that carries it
out, which is imported when it runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Argument(NamedTuple):
    """An argument of a command.

    :param flags: its name, or its flags
    :param settings: as ``argparse`` takes them
    """

    flags: tuple[str, ...]
    settings: dict[str, Any]


class Command(NamedTuple):
    """A command.

    :param function: module and function that carry it out, in this package; the function takes the parsed arguments and returns the
        exit code
    :param details: what the help says beside *help*
    """

    name: str
    help: str
    function: str
    arguments: tuple[Argument, ...]
    details: str = ""


class Group(NamedTuple):
    """A group of commands."""

    name: str
    help: str
    commands: tuple[Command | Group, ...]


def _argument(*flags: str, help: str, **settings: Any) -> Argument:
    return Argument(flags, {"help": help, **settings})


_CONN_ID = _argument(
    "--conn-id",
    help="the Airflow connection (default: kaizala_default)",
    default="kaizala_default",
    metavar="ID",
)
_VERBOSE = _argument(
    "-v", "--verbose", help="log more, and show the traceback of an unexpected error", action="store_true"
)
_COMMON = (_CONN_ID, _VERBOSE)
FORMATS = ("table", "json", "yaml", "plain")
_OUTPUT = _argument(
    "-o",
    "--output",
    help="output format: table, json, yaml or plain (default: table)",
    choices=FORMATS,
    default="table",
    metavar="FORMAT",
)
_GROUP = _argument(
    "-g",
    "--group",
    help="name or id of the group (default: default_group of the connection)",
    metavar="GROUP",
)
_GROUPS = _argument(
    "-g",
    "--group",
    help="names or ids of the groups; by default those that the connection names in group_refresh_tokens and default_group",
    nargs="+",
    action="extend",
    metavar="GROUP",
)
_SUBSCRIBER = _argument(
    "--subscriber",
    help="phone number of a subscriber of a hub group who receives it; give it once for each",
    action="append",
    metavar="PHONE",
)
_ALL_SUBSCRIBERS = _argument(
    "--all-subscribers", help="send it to all subscribers of a hub group", action="store_true"
)
_PUBLIC_URL = "the address of Airflow's API server as Kaizala reaches it, such as https://airflow.example.com"

LOGIN = Command(
    "login",
    "sign in with phone number and PIN, and keep the refresh token in the Airflow connection",
    "login:login",
    (
        *_COMMON,
        _argument(
            "--host",
            help="address of the API, such as https://api.kaiza.la (default: that of the connection)",
            metavar="URL",
        ),
        _argument(
            "--connector-id", help="id of the connector (default: the login of the connection)", metavar="ID"
        ),
        _argument("--phone", help="phone number of the person, such as +910000000001", metavar="PHONE"),
        _argument("--have-pin", help="do not have a new PIN sent: you have one", action="store_true"),
        _argument(
            "--ask-secret",
            help="ask for the connector's secret although the connection has one",
            action="store_true",
        ),
        _argument(
            "--default-group",
            help="name or id of the group for commands and tasks that name none (default: the only group there is)",
            metavar="GROUP",
        ),
        _argument(
            "--file",
            help="write the connection to this new file, for `airflow connections import` or a secrets backend, instead of to the database",
            metavar="FILE",
        ),
    ),
    "Secret and PIN are asked for without an echo; where there is no terminal they are read from stdin, one a line.",
)
CHECK = Command(
    "check",
    "check each step of a connection: what is wrong, and what to do",
    "check:check",
    (*_COMMON, _OUTPUT),
)
GROUPS = Command(
    "groups",
    "list the groups that the connection reaches",
    "groups:list_groups",
    (
        *_COMMON,
        _OUTPUT,
        _argument(
            "--all", help="also groups that are reached only through another group", action="store_true"
        ),
    ),
)
MEMBERS = Command(
    "members",
    "list the members of a group",
    "groups:list_members",
    (
        *_COMMON,
        _OUTPUT,
        _GROUP,
        _argument("--subscribers", help="the subscribers of a hub group instead", action="store_true"),
    ),
)
SEND = Command(
    "send",
    "post a message to a group",
    "send:send",
    (
        _argument("text", help="the message; - or none reads it from stdin", nargs="?", metavar="TEXT"),
        *_COMMON,
        _OUTPUT,
        _GROUP,
        _argument("--reply-to", help="reference id of the message that it replies to", metavar="ID"),
        _SUBSCRIBER,
        _ALL_SUBSCRIBERS,
    ),
)
ASK = Command(
    "ask",
    "post a poll and show the votes until it is decided",
    "ask:ask",
    (
        _argument("question", help="the question", metavar="QUESTION"),
        _argument("options", help="the options, two or more", nargs="+", metavar="OPTION"),
        *_COMMON,
        _OUTPUT,
        _GROUP,
        _argument(
            "--until",
            help="when it is decided: any, all, a number of people, phone numbers separated by commas, or a rule as JSON (default: all)",
            metavar="RULE",
        ),
        _argument(
            "--quorum",
            help="decided when COUNT people have chosen OPTION; with --voter also over when so many no longer can",
            nargs=2,
            action="append",
            metavar=("OPTION", "COUNT"),
        ),
        _argument(
            "--voter",
            help="phone number of one of the only people whose votes count, who must all vote without --until; give it once for each",
            action="append",
            metavar="PHONE",
        ),
        _argument(
            "--timeout",
            help="how long to wait, such as 90s, 15m, 2h or 1d (default: 1h)",
            default="1h",
            metavar="TIME",
        ),
        _argument("--interval", help="time between two looks (default: 5s)", default="5s", metavar="TIME"),
        _argument(
            "--no-tell-group",
            help="do not tell the group that nobody waits any longer",
            action="store_true",
        ),
        _SUBSCRIBER,
        _ALL_SUBSCRIBERS,
    ),
    "The progress goes to stderr, the result to stdout.",
)
TAIL = Command(
    "tail",
    "follow a group: new messages, actions and answers",
    "tail:tail",
    (
        *_COMMON,
        _OUTPUT,
        _GROUP,
        _argument("--since", help="first show what came in this time, such as 30m, 2h or 1d", metavar="TIME"),
        _argument("--no-follow", help="end after that", action="store_true"),
        _argument(
            "--type",
            help="only actions of these types, such as Poll or Job",
            nargs="+",
            action="extend",
            metavar="TYPE",
        ),
        _argument(
            "--interval",
            help="time between two looks, which cost a call for each type (default: 30s)",
            default="30s",
            metavar="TIME",
        ),
    ),
    "Kaizala's API lists no messages: they are shown if Airflow receives the webhooks of the group. "
    "With --output json each line is a JSON object.",
)
TOKENS = Group(
    "tokens",
    "the tokens of the connection",
    (
        Command(
            "status", "show which tokens there are, and until when", "tokens:status", (*_COMMON, _OUTPUT)
        ),
        Command(
            "rotate",
            "renew all access tokens, and move refresh tokens that Kaizala has rotated into the connection",
            "tokens:rotate",
            (*_COMMON, _OUTPUT),
        ),
    ),
)
WEBHOOKS = Group(
    "webhooks",
    "the webhooks with which Kaizala calls this Airflow",
    (
        Command(
            "ensure",
            "make sure that each group has one working webhook that calls this Airflow",
            "webhooks:ensure_webhooks",
            (
                *_COMMON,
                _GROUPS,
                _argument(
                    "--event", help="event types; by default all", nargs="+", action="extend", metavar="TYPE"
                ),
                _argument("--public-url", help=_PUBLIC_URL, required=True, metavar="URL"),
                _argument("--dry-run", help="only print what would be done", action="store_true"),
                _argument(
                    "--remove-unneeded",
                    help="remove this Airflow's webhooks from all other groups, and events that are not given",
                    action="store_true",
                ),
            ),
        ),
        Command(
            "list", "list the webhooks of groups", "webhooks:list_webhooks", (*_COMMON, _OUTPUT, _GROUPS)
        ),
        Command(
            "test",
            "ask the receiver for an echo, and check the state of its webhooks",
            "webhooks:test_webhooks",
            (
                *_COMMON,
                _GROUPS,
                _argument(
                    "--public-url", help=f"{_PUBLIC_URL}; by default where the webhooks call", metavar="URL"
                ),
            ),
        ),
        Command(
            "remove",
            "remove this Airflow's webhooks from groups, or those with the ids given",
            "webhooks:remove_webhooks",
            (
                *_COMMON,
                _GROUPS,
                _argument(
                    "--id",
                    help="ids of webhooks, also of others than this Airflow's",
                    nargs="+",
                    action="extend",
                    metavar="ID",
                ),
                _argument("--yes", help="do not ask for confirmation", action="store_true"),
            ),
        ),
    ),
)
SERVER = Command(
    "server",
    "run kaizala-server, a Kaizala-compatible server",
    "server:server",
    (
        _argument(
            "arguments",
            help="as kaizala-server takes them, such as: serve --seed demo",
            nargs="...",
            metavar="ARGUMENT",
        ),
    ),
    "The same as kaizala-server; `server -- --help` shows its help.",
)
TREE = Group(
    "kaizala",
    "Kaizala: sign in, check a connection, post, ask and follow from a shell",
    (LOGIN, CHECK, GROUPS, MEMBERS, SEND, ASK, TAIL, WEBHOOKS, TOKENS, SERVER),
)
