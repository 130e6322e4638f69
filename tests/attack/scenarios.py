# SPDX-License-Identifier: Apache-2.0
"""Checks that together go everywhere on the check path (test_check_path.py proves it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.struct_pb2 import Struct

from authz.certs.xfcc import format_xfcc_json, parse_xfcc
from authz.policy.fields_metadata import JWT_NAMESPACE
from tests.attack import rare
from tests.attack.world import ALICE, CAROL, ISSUED, REVOKED
from tests.factories.checks import HEADERS, check_request
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.node.endpoint import Endpoint


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A check, and those that come before it.

    Attributes:
        xfcc: whether another proxy's header says who the client is.
        remaining: seconds until the caller gives up.
        earlier: how many seconds before it those came.
        remembered: how many certificates are remembered at most; None for as many as ever.
        is_shed: whether it is denied unread, because too many came.
        settings: how the endpoint is set up besides.
    """

    name: str
    data: bytes
    before: tuple[bytes, ...] = ()
    xfcc: bool = False
    remaining: float | None = None
    earlier: float = 0.0
    remembered: int | None = None
    is_shed: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, endpoint: Endpoint) -> bytes:
        """What this check is answered, after those before it."""
        if self.is_shed:
            # As the transport does it that counts what waits (extauthz.transport.native).
            return endpoint._service.shed(self.data)
        return endpoint.check(self.data, self.remaining)


_ABOUT_IT: Final = ("before", "remaining", "earlier", "remembered", "is_shed", "settings")


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Checks of every kind."""
    certificates = {**ISSUED, **rare.certificates()}

    def asks(name: str, certificate: str = "", **changes: Any) -> Scenario:
        times = changes.pop("times", 1)
        more = {key: changes.pop(key) for key in _ABOUT_IT if key in changes}
        data = check_request(certificate=certificates.get(certificate, ""), **changes)
        metadata = Struct()
        metadata["a"] = {"b": [1, True, "x", None]}
        data.attributes.metadata_context.filter_metadata["x.y"].CopyFrom(metadata)
        tokens = Struct()
        tokens["token"] = {"aud": ["a", "b"], "iat": 1772366400.5}
        data.attributes.metadata_context.filter_metadata[JWT_NAMESPACE].CopyFrom(tokens)
        raw = data.SerializeToString()
        return Scenario(name=name, data=raw, **{"before": (raw,) * (times - 1), **more})

    def forwarded(name: str, value: str, **changes: Any) -> Scenario:
        lines = (*HEADERS, ("x-forwarded-client-cert", value))
        raw = check_request(headers=lines, **changes).SerializeToString()
        return Scenario(name=name, data=raw, xfcc=True)

    everything = {"host": "all.test", "sni": "all.test"}
    form = (*HEADERS, ("content-type", b"application/x-www-form-urlencoded"), ("x-b", b"YQ=="))
    parts = (*HEADERS, ("content-type", b"multipart/form-data; boundary=b"), ("cookie", b"a=1; b"))
    multipart = b'--b\r\nContent-Disposition: form-data; name="k"\r\n\r\nv\r\n--b--\r\n'
    as_json = format_xfcc_json(parse_xfcc(xfcc_element(ALICE)))
    odd = {"host": rare.HOST, "sni": rare.HOST}
    accepting = (
        *HEADERS,
        ("accept-language", b"de, en;q=0.5"),
        *((name, value) for name in ("x-a", "x-b") for value in (b"a", b"b")),
    )
    split = {"host": rare.SPLIT_HOST, "sni": rare.SPLIT_HOST, "path": "/admin"}
    whole, cut = (
        (*HEADERS, ("x-envoy-auth-partial-body", answer)) for answer in (b"false", b"true")
    )
    hops = {"client_ip_trusted_hops": 1}
    through = (("x-forwarded-for", b"[2001:db8::1]:80, 10.0.0.1"),)
    others = tuple(asks("", one, **odd).data for one in ("alice", "rsa", "wide", "alice"))
    large = tuple(asks("", one, **odd).data for one in ("names", "names"))
    return (
        asks("allowed"),
        asks("allowed with a certificate", "alice"),
        asks("remembered", "alice", times=4),
        asks("remembered without a certificate", times=4),
        asks("protected", path="/admin"),
        asks("protected and remembered", path="/admin", times=4),
        asks("revoked", "revoked", path="/admin"),
        asks("revoked and remembered", "revoked", path="/admin", times=4),
        asks("through an intermediate", "deep", path="/admin"),
        asks("answered by OCSP", "ocsp", path="/admin"),
        asks("expired", "old", path="/admin"),
        asks("a stranger", "stranger", path="/admin"),
        asks("junk for a certificate", "junk", path="/admin"),
        asks("one more client", "carol", path="/admin?x=1"),
        asks("everything", "alice", **everything, headers=form, raw_body=b"k=v&n=7", size=7),
        asks("everything, in parts", **everything, headers=parts, raw_body=multipart, size=80),
        asks("everything, of a revoked one", "revoked", **everything, path="/admin"),
        asks("everything, of a stranger", "stranger", **everything, path="/admin"),
        asks("everything, over IPv6", **everything, address="2001:db8::1", body='{"a":"b","n":7}'),
        asks("everything, joined headers", "alice", **everything, raw=False),
        asks("several readings", path="/x/..;/admin"),
        asks("several readings of everything", **everything, path="/%2561dmin//evil"),
        asks("a refused path", "alice", host="closed.test", sni="closed.test", path="/a%2fb"),
        asks("closed", host="closed.test", sni="closed.test"),
        asks("closed to the revoked", "revoked", host="closed.test", sni="closed.test"),
        asks("open to alice", "alice", host="closed.test", sni="closed.test"),
        asks("the default blocks", host="block.test", sni="block.test"),
        asks("as sent", host="other.test", sni="other.test", path="/x/../admin"),
        asks("misdirected", host="other.test", sni="api.example.com"),
        asks("an unknown host", host="nobody.test"),
        asks("a strange host", host="EXAMPLE.net.:443,", path="/"),
        asks("a wildcard host", "alice", host="A.Example.NET.:8443", path="/health/x"),
        asks("an international host", host="b\xfccher.example.net", path="/evil"),
        asks("skipped", path="/healthz"),
        asks("the office", address="10.1.2.3", path="/office"),
        asks("too late", "alice", remaining=0.0),
        asks("in time", path="/admin", remaining=60.0),
        asks("headers to remove", "alice", headers=(*HEADERS, ("Client-Cert", b"x"))),
        asks("odd bytes", path=b"/caf\xe9", headers=(("x\xe9", b"\xff\x00"),)),
        Scenario(name="no request", data=b"\xff\xff"),
        Scenario(name="empty", data=b""),
        forwarded("forwarded", xfcc_element(ALICE), path="/admin"),
        forwarded("forwarded with a chain", xfcc_element(ALICE, chain=True)),
        forwarded("forwarded, revoked", xfcc_element(REVOKED), path="/admin"),
        forwarded("forwarded, two hops", f"By=x;URI=spiffe://a,{xfcc_element(CAROL)}"),
        forwarded("forwarded, broken", 'Hash=00;Cert="x', path="/admin"),
        forwarded("forwarded as JSON", as_json, path="/admin"),
        forwarded("forwarded as broken JSON", '[{"Hash": 1}]', path="/admin"),
        *(asks(f"a certificate: {one}", one, **odd) for one in rare.certificates()),
        asks("remembered no longer", "carol", before=others, remembered=2, **odd),
        asks("large values, remembered no longer", "carol", before=large, remembered=1, **odd),
        asks("asked again", "unanswered", path="/admin", earlier=61.0, times=3),
        asks("rare expressions", "alice", **odd, path="/a?x=%u0041%41+&y", headers=accepting),
        asks("a token", **odd, path=f"/a?x-1772366400-{'A' * 43}"),
        asks("deep JSON", **odd, body='{"a":' + "[" * 200 + "]" * 200 + "}"),
        asks("long numbers in JSON", **odd, body='{"n":' + "7" * 5000 + "}"),
        asks("no numbers in JSON", **odd, body='{"n":NaN}'),
        asks("behind a proxy", **odd, path="/inside", headers=through, settings=hops),
        asks("headers to remove and no more", **odd, headers=(*HEADERS, ("Client-Cert", b"x"))),
        asks("of a part of the CRL that is here", "listed", **split),
        asks("of a part of the CRL that is not here", "of no part", **split),
        asks("a body that may go on", **odd, headers=whole, body="x" * 1000),
        asks("a body cut short", **odd, headers=cut, body="x" * 1000),
        asks("shed", is_shed=True),
    )
