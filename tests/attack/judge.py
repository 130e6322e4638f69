# SPDX-License-Identifier: Apache-2.0
"""The service under attack: the real check, the corpus' policy, and what it was asked and said.

`Judge` decides; `Answering` is one behind a gRPC port, for Envoy. CheckRequests as an Envoy would
build them of a request are made by `asked`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.pb.ext_authz_pb2 import CheckRequest, CheckResponse
from authz.policy.snapshot import compile_snapshot
from authz.sources.policy_file import load_policy
from tests.attack.certificates import CERTIFICATES, write_trust
from tests.attack.corpus import ALLOW, DENY, HTTP1, HTTP2, sites
from tests.e2e.slow_authorizer import SlowAuthorizer
from tests.factories.checks import check_request, sanitised
from tests.factories.pki import AT, url_encoded, xfcc_element

if TYPE_CHECKING:
    from pathlib import Path

    import grpc

    from authz.policy.decision import Decision
    from authz.policy.snapshot import Snapshot
    from tests.attack.corpus import Case, Fields, Site

XFCC: Final = b"x-forwarded-client-cert"

#: Of each listener of the stack (stack.py): whose word its service takes.
OPTIONS: Final[dict[str, DecodeOptions]] = {
    "peer": DecodeOptions(),
    "bodies": DecodeOptions(),
    "xfcc": DecodeOptions(certificate_source=CertificateSource.XFCC),
    "behind": DecodeOptions(
        certificate_source=CertificateSource.XFCC, xfcc_trusted_hops=2, client_ip_trusted_hops=1
    ),
}
#: The most of a body that the listener "bodies" forwards.
BODY_BYTES: Final = 1024
FORWARDED_FOR: Final = b"x-forwarded-for"
PARTIAL_BODY: Final = b"x-envoy-auth-partial-body"
#: Where requests come from: the proxy, if there is one.
PROXY: Final = b"198.51.100.7"
_PROTOCOLS: Final = {HTTP1: "HTTP/1.1", HTTP2: "HTTP/2"}


def snapshot(directory: Path, *, revoked: int | None = None, without: str = "") -> Snapshot:
    """The policy of sites.yaml, loaded as a policy file is.

    `revoked` is the serial number of one more certificate of Acme's, `without` an authority that is
    not trusted any more.
    """
    trust = write_trust(directory)
    if revoked is not None:
        trust["acme"][0]["revoked_serials"] += [f"{revoked:X}"]
    if without:
        trust[without] = []
    file = directory / "policy.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({"sites": [_written(site, trust) for site in sites().values()]}))
    return compile_snapshot(load_policy(file).model, 1, AT)


def _written(site: Site, trust: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "name": site.name,
        "hosts": list(site.hosts),
        "trust": trust[site.trust],
        "paths": site.paths,
        "upstream_headers": list(site.upstream_headers),
        "rules": [
            {
                "ref": f"{site.name}-{number}",
                "expression": expression,
                "action": action,
                **({"action_parameters": {"ruleset": "current"}} if action == "skip" else {}),
            }
            for number, (expression, action) in enumerate(site.rules)
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One check: what was asked and what was said.

    `said` is "allow" or "deny" and the reason, as cases write it.
    """

    request: bytes
    response: CheckResponse
    said: str

    @property
    def allowed(self) -> bool:
        """Whether Envoy lets it through, by the answer alone."""
        return self.response.status.code == 0

    @property
    def http(self) -> Any:
        """The request's http part."""
        return CheckRequest.FromString(self.request).attributes.request.http


class Judge:
    """A check service at a fixed time; keeps every check it answered."""

    def __init__(self, policy: Snapshot, options: DecodeOptions) -> None:
        self.at = AT
        self.judged: list[Judged] = []
        self._last: Decision | None = None
        self.service = CheckService(options, DEFAULT_LIMITS, self, clock=lambda: self.at)
        self.service.snapshot = policy

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """What the service calls after each check."""
        self._last = decision

    def internal_error(self) -> None:
        """What the service calls when a check breaks; it is then denied, and a wrong answer."""

    def check(self, request: bytes) -> Judged:
        """Answer one check and keep it."""
        response = CheckResponse.FromString(self.service.check(request))
        decision = self._last
        assert decision is not None
        said = f"{decision.verdict} {decision.reason}"
        # The answer is what counts for Envoy, and must be what was decided.
        assert response.HasField("status")
        assert (response.status.code == 0) is (decision.verdict == ALLOW)
        assert response.HasField("denied_response") is (decision.verdict == DENY)
        one = Judged(request=request, response=response, said=said)
        self.judged.append(one)
        return one


class Answering(SlowAuthorizer):
    """A judge behind a gRPC port of its own, healthy throughout."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def _check(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        return self.judge.check(data).response.SerializeToString()


def asked(case: Case, *, over: str, raw: bool) -> bytes:
    """The CheckRequest of a case by an Envoy that normalises nothing and refuses nothing.

    That of the shipped listener is recorded (test_through_envoy.py). What the connection manager
    does to x-forwarded-client-cert is done here: it is no matter of paths.
    """
    issued = CERTIFICATES[case.certificate] if case.certificate else None
    host = case.host or f"{case.site}.test".encode()
    sni = host.decode("latin-1") if case.sni is None else case.sni
    line, headers = _of(case, host)
    method, path, host = line
    headers = _addressed(case, _forwarded(case, headers))
    body = case.body
    if case.listener == "bodies":
        body = _body_of(case)
        headers = _with_length(headers, body, over)
    request = check_request(
        host=host,
        path=path,
        method=method.decode("latin-1"),
        protocol=_PROTOCOLS.get(over, "HTTP/3"),
        headers=[(name.decode("latin-1"), value) for name, value in headers],
        raw=raw,
        certificate=url_encoded(issued.pem) if issued and case.listener != "behind" else "",
        sni=sni,
        raw_body=body[:BODY_BYTES] if case.listener == "bodies" else b"",
        size=len(body) if body else -1,
    )
    return request.SerializeToString()


def _of(case: Case, host: bytes) -> tuple[tuple[bytes, bytes, bytes], Fields]:
    """Method, path and host, and the headers, of a case in any of its forms."""
    if case.http2:
        pseudo = {name: value for name, value in case.http2[::-1] if name.startswith(b":")}
        others = tuple((n.lower(), v) for n, v in case.http2 if not n.startswith(b":"))
        line = (pseudo.get(b":method", b"GET"), pseudo.get(b":path", b""))
        return (*line, pseudo.get(b":authority", host)), others
    if case.http1:
        head = case.http1.partition(b"\r\n\r\n")[0].split(b"\r\n")
        words = head[0].split(b" ")
        lines = [line.partition(b":") for line in head[1:]]
        named = tuple((name.strip().lower(), value.strip()) for name, _, value in lines)
        found = next((value for name, value in named if name == b"host"), host)
        others = tuple(line for line in named if line[0] != b"host")
        return (words[0], words[1] if len(words) > 1 else b"", found), others
    return (case.method, case.path, host), tuple((n.lower(), v) for n, v in case.headers)


def _forwarded(case: Case, headers: Fields) -> Fields:
    if case.listener not in ("xfcc", "behind"):
        return headers
    issued = CERTIFICATES[case.certificate] if case.certificate else None
    own = (xfcc_element(issued).encode(),) if issued else ()
    sent = tuple(value for name, value in headers if name == XFCC)
    # SANITIZE_SET replaces, APPEND_FORWARD appends.
    elements = (*sent, *own) if case.listener == "behind" else own
    others = tuple(line for line in headers if line[0] != XFCC)
    return (*others, (XFCC, b",".join(elements))) if elements else others


def _addressed(case: Case, headers: Fields) -> Fields:
    """Behind a proxy: the address of the connection stands behind what the proxy wrote."""
    if case.listener != "behind":
        return headers
    written = [value for name, value in headers if name == FORWARDED_FOR]
    others = tuple(line for line in headers if line[0] != FORWARDED_FOR)
    return (*others, (FORWARDED_FOR, b",".join([*written, PROXY])))


def _body_of(case: Case) -> bytes:
    """The body without its transfer coding."""
    head, _, rest = case.http1.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return case.body or rest
    body = b""
    while size := int(rest.partition(b"\r\n")[0], 16):
        rest = rest.partition(b"\r\n")[2]
        body, rest = body + rest[:size], rest[size + 2 :]
    return body


def _with_length(headers: Fields, body: bytes, over: str) -> Fields:
    """Envoy's own word on whether the body is whole, and the length that HTTP/1.1 needs."""
    others = [line for line in headers if line[0] != PARTIAL_BODY]
    named = {name for name, _ in others}
    if over == HTTP1 and body and not named & {b"content-length", b"transfer-encoding"}:
        others.append((b"content-length", b"%d" % len(body)))
    return (*others, (PARTIAL_BODY, b"true" if len(body) > BODY_BYTES else b"false"))


def joined(request: bytes) -> bytes:
    """The same CheckRequest from an Envoy without encode_raw_headers."""
    message = CheckRequest.FromString(request)
    http = message.attributes.request.http
    lines: dict[str, list[bytes]] = {}
    for line in http.header_map.headers:
        lines.setdefault(line.key.lower(), []).append(line.raw_value)
    http.ClearField("header_map")
    for name, values in lines.items():
        http.headers[name] = sanitised(b",".join(values))
    return message.SerializeToString()
