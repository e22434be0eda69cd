"""The page a person signs in on for a connector (``/api/Oauth/Authorize``), which gets a code to trade for tokens."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from airflow_provider_kaizala.server import pin_sign_in
from airflow_provider_kaizala.server.api.bodies import query_fields, read_fields
from airflow_provider_kaizala.server.api.calls import MAX_BODY_OF_STRANGER
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import oauth
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.page.problems import sentence
from airflow_provider_kaizala.server.page.render import html
from airflow_provider_kaizala.server.page.visitor import known_device, visitor_of
from airflow_provider_kaizala.server.state import state_of

# Only the page's style and picture are loaded, nothing runs and nothing frames the page: what is typed goes to this server only,
# which may send the browser on to the connector.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self' {target}"
)


def routes() -> list[Route]:
    """Return the routes of the page; the paths are those of the API."""
    path = "/api/oauth/authorize"
    return [
        Route(path, authorize),
        Route(f"/v1{path}", authorize),
        Route(path, sign_in, methods=["POST"]),
    ]


async def authorize(request: Request) -> Response:
    """Show the page."""
    fields = query_fields(request)
    return _page(request, fields, await _connector(request, fields))


async def sign_in(request: Request) -> Response:
    """Check phone number and PIN, and send the browser back with a code."""
    server, fields = state_of(request), await read_fields(request, MAX_BODY_OF_STRANGER)
    connector = await _connector(request, fields)
    _, redirect_uri = _asked(fields)
    mobile, pin = (fields.optional_text(name, most=100) or "" for name in ("mobileNumber", "pin"))
    try:
        code = await pin_sign_in.sign_in(
            server,
            request,
            mobile,
            pin,
            lambda conn, now_ms, person_id: oauth.issue_code(
                conn, now_ms, connector.id, person_id, redirect_uri
            ),
            via="oauth",
            connector=(connector.id, connector.tenant_id),
            device=known_device(request),
        )
    except ApiError as error:
        return _page(request, fields, connector, error)
    state = fields.optional_text("state")
    query = f"code={quote(code, safe='')}" + (f"&state={quote(state, safe='')}" if state else "")
    base, mark, fragment = redirect_uri.partition("#")
    location = f"{base}{'&' if '?' in base else '?'}{query}{mark}{fragment}"
    return RedirectResponse(location, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _asked(fields: Fields) -> tuple[str, str]:
    return fields.text("client_id", most=128), fields.text("redirect_uri")


async def _connector(request: Request, fields: Fields) -> oauth.Asking:
    """Return the connector; nobody is sent to a redirect URL that is not its own."""
    client_id, redirect_uri = _asked(fields)
    return await state_of(request).database.read(
        lambda conn: oauth.find_connector(conn, client_id, redirect_uri)
    )


def _page(
    request: Request, fields: Fields, connector: oauth.Asking, error: ApiError | None = None
) -> Response:
    client_id, redirect_uri = _asked(fields)
    visitor = visitor_of(request)
    reply = html(
        request,
        "authorize.html",
        error.status if error else 200,
        visitor,
        connector=connector,
        problem=sentence(error, visitor.words) if error else None,
        given={"client_id": client_id, "redirect_uri": redirect_uri, "state": fields.optional_text("state")},
        mobile=fields.optional_text("mobileNumber") or "",
    )
    reply.headers["Content-Security-Policy"] = _POLICY.format(target=_origin(redirect_uri))
    reply.headers["Referrer-Policy"] = "no-referrer"
    del reply.headers["Cross-Origin-Opener-Policy"]  # a connector may open this page in a window of its own
    for name, value in (error.headers if error else {}).items():
        reply.headers[name] = value
    return reply


def _origin(redirect_uri: str) -> str:
    """Return the origin a browser may be sent on to, in a form that a header can hold."""
    parts = urlsplit(redirect_uri)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    return origin if origin.isascii() and origin.isprintable() and not set(origin) & set(" ;,'\"") else ""
