# SPDX-License-Identifier: Apache-2.0
"""A policy that asks everything, and checks that together go everywhere on the check path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.struct_pb2 import Struct

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.presented import CertificateSource
from authz.geo.database import open_databases
from authz.node.endpoint import Endpoint
from authz.node.messages import EndpointConfig, RecordConfig
from authz.observability.decision_log_options import DecisionLogOptions
from authz.policy.model import (
    Action,
    DefaultAction,
    Misdirected,
    PathMode,
    PolicyModel,
    RuleModel,
    SkipParameters,
    UpstreamHeaders,
)
from authz.policy.snapshot import compile_snapshot
from authz.rules.lists import ListKind, ListModel, pack_list
from tests.factories.checks import HEADERS, check_request
from tests.factories.mmdb import asn_file, city_file
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root, xfcc_element
from tests.factories.policies import PROTECT_ADMIN, rule, site
from tests.factories.vector_expressions import VECTORS

if TYPE_CHECKING:
    from pathlib import Path

    from authz.observability.tracing import Tracing
    from authz.policy.geo import GeoLookup
    from authz.policy.snapshot import Snapshot

#: Fields that the vectors know and this service refuses, and what is true at random.
_NOT_HERE: Final = ("cf.llm.", "tcp.", "substring(cf.random_seed")
#: Who asks rules about everything: each field has a `log` rule that reads it, and these.
_CALLS: Final = (
    'lower(http.user_agent) contains "curl" and upper(http.request.method) eq "GET"',
    'http.user_agent matches "(?i)^curl/[0-9.]+$" or http.user_agent wildcard "curl*"',
    'url_decode(http.request.uri.query, "r") contains "drop"',
    'decode_base64(http.request.headers["x-b"][0]) eq "a" or has_key(http.request.headers, "x")',
    'any(starts_with(http.request.headers.values[*], "a")) or ends_with(http.host, ".test")',
    'lookup_json_string(http.request.body.raw, "a") eq "b"',
    'lookup_json_integer(http.request.body.raw, "n") eq 7',
    'concat(http.host, "/", http.request.method) eq "x" or len(http.request.uri.path) gt 4096',
    'coalesce(http.referer, http.user_agent) eq "" or substring(http.host, 0, 3) eq "abc"',
    'join(http.request.headers.names, ",") eq "" or has_value(http.request.headers.names, "x")',
    'remove_bytes(http.host, "a") eq "b" or http.request.uri.path strict wildcard "/A*"',
    "cidr(ip.src, 24, 64) in {198.51.100.0/24} xor cidr6(ip.src, 64) eq 2001:db8::",
    'is_timed_hmac_valid_v0("secret", http.request.uri, 60, http.request.timestamp.sec, 1)',
    'not http.request.method in {"GET" "HEAD"} or ip.src in $office',
    "http.request.body.size in {1..1023} or http.request.timestamp.sec gt 7",
    "http.user_agent in $agents or http.host in $hosts or ip.src.asnum in $networks",
    'all(http.request.headers["accept"][*] ne "x") and cf.random_seed ne ""',
)

_ALICE = root().client("alice")
_CAROL = root().client("carol")
_DEEP = intermediate().client("deep")
_ANSWERED = root("Answered CA").client("answered")
_REVOKED = root().client("revoked")
_ISSUED: Final[dict[str, str]] = {
    "alice": presented(_ALICE).certificate,
    "carol": presented(_CAROL).certificate,
    "deep": presented(_DEEP, intermediate()).certificate,
    "revoked": presented(_REVOKED).certificate,
    "ocsp": presented(_ANSWERED).certificate,
    "old": presented(root().client("old", not_after=AT - 1)).certificate,
    "stranger": presented(root("Other CA").client("mallory")).certificate,
    "junk": "-----BEGIN%20CERTIFICATE-----%0Ajunk",
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A check, and those that come before it."""

    name: str
    data: bytes
    before: tuple[bytes, ...] = ()
    xfcc: bool = False
    remaining: float | None = None


def _everything() -> tuple[RuleModel, ...]:
    sources = [v.source for v in VECTORS if v.id.startswith("fields/") and not v.lists]
    known = [source for source in dict.fromkeys(sources) if not source.startswith(_NOT_HERE)]
    return tuple(
        rule(source, ref=f"log-{number}", action=Action.LOG)
        for number, source in enumerate((*known, *_CALLS))
    )


def _answered() -> OcspStatus:
    issuer = Certificate.from_der(root("Answered CA").der)
    return OcspStatus(
        issuer=hashlib.sha256(issuer.spki).digest(),
        serial=_ANSWERED.serial.to_bytes(20),
        revoked=False,
        this_update=AT - DAY,
        until=AT + DAY,
    )


def model() -> PolicyModel:
    """Sites of every kind; what the scenarios ask of which host is what they are for."""
    crl = root().crl([_REVOKED.serial])
    trust = (
        authority(root(), intermediate(), crls=[crl.der], revoked_serials=[7]),
        replace(
            authority(root("Answered CA"), name="answered"),
            ocsp="certificate",
            ocsp_statuses=(_answered(),),
        ),
    )
    protected = (
        rule(),
        rule('http.request.uri.path eq "/office" and ip.src in $office', ref="office"),
        rule(
            'http.request.uri.path wildcard "/health*"',
            ref="health",
            action=Action.SKIP,
            skip=SkipParameters(current=True),
        ),
        rule('http.request.uri.path eq "/evil"', ref="evil"),
    )
    return PolicyModel(
        sites=(
            site(
                *protected,
                name="api",
                hosts=("api.example.com", "*.example.net"),
                trust=trust,
                upstream_headers=(UpstreamHeaders.CF_CERT, UpstreamHeaders.CLIENT_CERT),
            ),
            site(*_everything(), *protected, name="all", hosts=("all.test",), trust=trust),
            site(
                rule("not cf.tls_client_auth.cert_verified", ref="closed"),
                rule("cf.tls_client_auth.cert_revoked", ref="revoked"),
                name="closed",
                hosts=("closed.test",),
                trust=trust,
                misdirected=Misdirected.IGNORE,
                paths=PathMode.REFUSE,
            ),
            site(name="block", hosts=("block.test",), default_action=DefaultAction.BLOCK),
            site(
                rule(PROTECT_ADMIN, ref="sent"),
                name="other",
                hosts=("other.test",),
                trust=(authority(root("Other CA"), name="other"),),
                paths=PathMode.AS_SENT,
            ),
        ),
        lists=(
            ListModel(name="office", kind=ListKind.IP, items=("10.0.0.0/8", "2001:db8::/32")),
            pack_list(
                ListModel(
                    name="agents",
                    kind=ListKind.STRING,
                    items=tuple(f"agent {number}" for number in range(5000)),
                )
            ),
            ListModel(name="hosts", kind=ListKind.HOSTNAME, items=("*.bad.test", "worse.test")),
            ListModel(name="networks", kind=ListKind.ASN, items=("64511",)),
        ),
    )


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Checks of every kind."""

    def asks(name: str, certificate: str = "", **changes: Any) -> Scenario:
        times = changes.pop("times", 1)
        more = {key: changes.pop(key) for key in ("remaining",) if key in changes}
        data = check_request(certificate=_ISSUED.get(certificate, ""), **changes)
        metadata = Struct()
        metadata["a"] = {"b": [1, True, "x", None]}
        data.attributes.metadata_context.filter_metadata["x.y"].CopyFrom(metadata)
        raw = data.SerializeToString()
        return Scenario(name=name, data=raw, before=(raw,) * (times - 1), **more)

    def forwarded(name: str, value: str, **changes: Any) -> Scenario:
        lines = (*HEADERS, ("x-forwarded-client-cert", value))
        raw = check_request(headers=lines, **changes).SerializeToString()
        return Scenario(name=name, data=raw, xfcc=True)

    everything = {"host": "all.test", "sni": "all.test"}
    form = (*HEADERS, ("content-type", b"application/x-www-form-urlencoded"), ("x-b", b"YQ=="))
    parts = (*HEADERS, ("content-type", b"multipart/form-data; boundary=b"), ("cookie", b"a=1; b"))
    multipart = b'--b\r\nContent-Disposition: form-data; name="k"\r\n\r\nv\r\n--b--\r\n'
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
        forwarded("forwarded", xfcc_element(_ALICE), path="/admin"),
        forwarded("forwarded with a chain", xfcc_element(_ALICE, chain=True)),
        forwarded("forwarded, revoked", xfcc_element(_REVOKED), path="/admin"),
        forwarded("forwarded, two hops", f"By=x;URI=spiffe://a,{xfcc_element(_CAROL)}"),
        forwarded("forwarded, broken", 'Hash=00;Cert="x', path="/admin"),
    )


class World:
    """Endpoints with that policy, as they are when a process starts."""

    def __init__(self, directory: Path, tracing: Tracing | None = None) -> None:
        city = city_file(
            directory / "city.mmdb",
            {
                "198.51.100.0/24": {
                    "country": {"iso_code": "GB", "is_in_european_union": False},
                    "city": {"names": {"en": "London"}},
                    "continent": {"code": "EU"},
                    "location": {"latitude": 51.5, "longitude": -0.1, "time_zone": "Europe/London"},
                    "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}],
                }
            },
        )
        asn = asn_file(directory / "asn.mmdb", {"198.51.100.0/24": 64500})
        self._geo: GeoLookup | None = open_databases(city, asn)
        self._log = str(directory / "decisions.jsonl")
        self._tracing = tracing
        self._model = model()
        self._snapshot = compile_snapshot(self._model, 1, AT, self._geo, lint=False)

    def endpoint(self, scenario: Scenario, *, anew: bool = True, **changes: Any) -> Endpoint:
        """An endpoint that has answered what comes before `scenario`.

        `anew`: everything is compiled again; otherwise what was compiled is as others left it.
        """
        source = CertificateSource.XFCC if scenario.xfcc else CertificateSource.ENVOY
        made = Endpoint(
            EndpointConfig(
                listen="127.0.0.1:0",
                certificate_source=source.value,
                events_allowed_every=1,
                recording=RecordConfig(headers=("user-agent",), query=True, metadata=True),
                decision_log=DecisionLogOptions(path=self._log, subject=True, query="values"),
                **changes,
            ),
            clock=lambda: AT,
        )
        assert made.decisions is not None
        made.decisions.tracing = self._tracing
        made.swap(self.compiled(anew=anew))
        for data in scenario.before:
            made.check(data)
        return made

    def compiled(self, *, anew: bool = False) -> Snapshot:
        """The policy, as `endpoint` has it."""
        return compile_snapshot(
            self._model,
            1,
            AT,
            self._geo,
            previous=None if anew else self._snapshot,
            lint=False,
        )
