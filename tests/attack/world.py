# SPDX-License-Identifier: Apache-2.0
"""A policy that asks everything, in endpoints where each call of a check can be watched."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

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
from tests.attack import rare
from tests.factories.mmdb import asn_file, city_file
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root
from tests.factories.policies import PROTECT_ADMIN, rule, site
from tests.factories.vector_expressions import VECTORS

if TYPE_CHECKING:
    from pathlib import Path

    from authz.observability.tracing import Tracing
    from authz.policy.geo import GeoLookup
    from authz.policy.snapshot import Snapshot
    from tests.attack.scenarios import Scenario

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

ALICE = root().client("alice")
CAROL = root().client("carol")
DEEP = intermediate().client("deep")
ANSWERED = root("Answered CA").client("answered")
REVOKED = root().client("revoked")
ISSUED: Final[dict[str, str]] = {
    "alice": presented(ALICE).certificate,
    "carol": presented(CAROL).certificate,
    "deep": presented(DEEP, intermediate()).certificate,
    "revoked": presented(REVOKED).certificate,
    "ocsp": presented(ANSWERED).certificate,
    "unanswered": presented(root("Answered CA").client("unanswered")).certificate,
    "old": presented(root().client("old", not_after=AT - 1)).certificate,
    "stranger": presented(root("Other CA").client("mallory")).certificate,
    "junk": "-----BEGIN%20CERTIFICATE-----%0Ajunk",
}


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
        serial=ANSWERED.serial.to_bytes(20),
        revoked=False,
        this_update=AT - DAY,
        until=AT + DAY,
    )


def model() -> PolicyModel:
    """Sites of every kind; what the scenarios ask of which host is what they are for."""
    crl = root().crl([REVOKED.serial])
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
            *rare.sites(),
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
            *rare.lists(),
        ),
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
        now = [AT - scenario.earlier]
        made = Endpoint(
            EndpointConfig(
                listen="127.0.0.1:0",
                certificate_source=source.value,
                events_allowed_every=1,
                recording=RecordConfig(headers=("user-agent",), query=True, metadata=True),
                decision_log=DecisionLogOptions(path=self._log, subject=True, query="values"),
                **scenario.settings,
                **changes,
            ),
            clock=lambda: now[0],
        )
        assert made.decisions is not None
        made.decisions.tracing = self._tracing
        made.swap(self.compiled(anew=anew))
        if scenario.remembered is not None:
            made._service.memo._max_entries = scenario.remembered
        for data in scenario.before:
            made.check(data)
        now[0] = AT
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
