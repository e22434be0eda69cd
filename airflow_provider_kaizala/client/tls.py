"""Which CA certificates to trust, and how to recognise that a certificate was not trusted: the same for both clients."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Protocol

from airflow_provider_kaizala.client.effects import TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: environment variables that name a CA bundle; the first that is set applies. requests reads the first two, httpx the others
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Network(Protocol):
    """How requests leave this machine, as :class:`~airflow_provider_kaizala.client.settings.Settings` says."""

    @property
    def proxies(self) -> Mapping[str, str] | None:
        """Proxies by scheme; None for those of the environment."""

    @property
    def verify(self) -> bool | str:
        """TLS verification: True, False, or a path to a CA bundle."""


def ca_bundle(verify: bool | str, environ: Mapping[str, str] = os.environ) -> bool | str:
    """Return the file or folder of CA certificates to trust; True for the HTTP library's own, False for no verification.

    :param verify: :attr:`Settings.verify`; if it is True, the environment decides
    :raises KaizalaInputError: if *verify* names a file or folder that does not exist on this machine
    :raises TransportFailure: if the environment does
    """
    if isinstance(verify, str) and not os.path.exists(verify):
        raise KaizalaInputError(
            f"extra verify: the file or folder {verify!r} does not exist here; give the path of CA certificates, or true or false"
        )
    source = next((name for name in CA_VARIABLES if environ.get(name)), None)
    if verify is not True or source is None:
        return verify
    path = environ[source]
    if not os.path.exists(path):
        raise TransportFailure(
            f"there is no CA bundle {path!r}, named by {source}", sent=False, certificate=True
        )
    return path


def is_certificate_error(error: BaseException) -> bool:
    """Return whether *error* comes from a certificate that is not trusted, or from a CA bundle that cannot be read."""
    return any(
        isinstance(each, ssl.SSLCertVerificationError)
        or (isinstance(each, ssl.SSLError) and each.library in ("X509", "PEM"))
        for each in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what it was raised from. requests and urllib3 keep the cause among the arguments, httpx chains it."""
    seen: set[int] = set()
    open_ends: list[object] = [error]
    while open_ends:
        each = open_ends.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            open_ends += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
