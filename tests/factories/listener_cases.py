# SPDX-License-Identifier: Apache-2.0
"""Who comes to a listener, and what is answered: the same cases for every form that is shipped.

A test of a form calls `judge`; `make verify-deploy` fails where a form lacks a case (tests/deploy).
The hosts and the clients are those of the demo's policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509

from authz import __version__
from tests.factories.accepted import answered
from tests.factories.envoy import envoy_name
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.demo.credentials import Credentials
    from authz.demo.pki import Changes

#: In the place of a status: the handshake was refused.
REFUSED: Final = 0
_PRIVATE: Final = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request. `claims` is the client that x-forwarded-client-cert names, `""` for none."""

    name: str
    host: str = "api.localhost"
    path: str = "/"
    certificate: str = ""
    claims: str = ""
    status: int = 403


_REVOKED: Final = "revoked-by-crl"
CASES: Final = (
    Case(name="valid", certificate="valid", status=200),
    Case(name="none"),
    Case(name="unknown CA", certificate="self-signed"),
    Case(name="revoked", host="admin.localhost", path="/admin", certificate=_REVOKED),
    Case(name="expired", certificate="expired"),
    Case(name="wrong host", host="partner.localhost", certificate="valid"),
    Case(name="spoofed XFCC by nobody", claims="valid"),
    Case(
        name="spoofed XFCC by the revoked",
        host="admin.localhost",
        path="/admin",
        certificate=_REVOKED,
        claims="valid",
    ),
    Case(name="large certificate", certificate="large", status=200),
    Case(name="too large", certificate="too-large"),
)

#: Every form of listener of the guides for Envoy, Istio and Envoy Gateway, and of Helm's pod with
#: Envoy in it; the mesh's sidecars have tests of their own. Those of UDP are HTTP/3.
FORMS: Final = (
    "listener: plain",
    "listener: plain, HTTP/3",
    "listener: Envoy names the authorities (SDS)",
    "listener: Envoy names the authorities (SDS), HTTP/3",
    "listener: Envoy verifies (SDS, strict)",
    "listener: Envoy verifies (SDS, strict), HTTP/3",
    "listener: XFCC, written by Envoy",
    "listener: XFCC, written by Envoy, HTTP/3",
    "listener: XFCC, behind another proxy",
    "listener: PROXY protocol",
    "gateway: istio/gateway",
    "gateway: istio/hardened",
    "gateway: istio/http3, HTTP/3",
    "gateway: istio/mutual",
    "gateway: istio/mutual, HTTP/3",
    "gateway: envoy_gateway/gateway",
    "gateway: envoy_gateway/hardened",
    "pod: Helm, sidecar",
)

#: What the large clients get where Envoy hands on the client's own certificate and no chain: that
#: of `large-chain` is from an intermediate that only the client has.
LARGE: Final = {"large": 200, "large-names": 200, "large-chain": 403, "too-large": 403}


def judge(
    form: str,
    ask: Callable[[Case, tuple[tuple[str, str], ...]], int],
    credentials: Credentials,
    differences: Mapping[str, int] | None = None,
) -> None:
    """Send every case; assert and report what was answered.

    Args:
        form: one of `FORMS`.
        ask: sends a case with these headers; the status, or `REFUSED`.
        credentials: those the listener was started with.
        differences: other answers than those of `CASES`, by name.
    """
    assert form in FORMS
    add_large_clients(credentials)
    expected = {one.name: one.status for one in CASES} | dict(differences or {})
    program = f"authz {__version__}, {envoy_name()}"

    def headers(case: Case) -> tuple[tuple[str, str], ...]:
        if not case.claims:
            return ()
        claimed = credentials.clients[case.claims]
        return (("x-forwarded-client-cert", xfcc_element(claimed, chain=True)),)

    found = {one.name: ask(one, headers(one)) for one in CASES}
    assert found == expected
    for name, status in found.items():
        answered(form, name, program, str(status) if status else "refused in the handshake")


def add_large_clients(credentials: Credentials) -> None:
    """Clients whose certificates are large: `large`, `large-names`, `large-chain`, `too-large`.

    By an extension of so many bytes, by names, or by the intermediate that comes along.
    """
    if credentials.client_file("large").exists():
        return

    def padded(size: int) -> Changes:
        return {"extensions": [(x509.UnrecognizedExtension(_PRIVATE, b"x" * size), False)]}

    authority = credentials.authority
    names = [x509.DNSName(f"device-{number:04}.{'x' * 30}.example") for number in range(1_000)]
    large_ca = authority.intermediate("Large CA", **padded(50_000))
    for name, issued in {
        "large": authority.client("large", **padded(20_000)),
        "large-names": authority.client("large-names", san=names),
        "large-chain": large_ca.client("large-chain", **padded(10_000)),
        "too-large": authority.client("too-large", **padded(70_000)),
    }.items():
        credentials.client_file(name).write_bytes(issued.chain_pem + issued.key_pem)
