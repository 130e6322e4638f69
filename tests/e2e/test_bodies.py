# SPDX-License-Identifier: Apache-2.0
"""Rules on request bodies and on other filters' metadata, through a real Envoy."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from tests.e2e.harness import http_client, start_stack, unique
from tests.factories.bodies import FORM_TYPE, MULTIPART_TYPE, multipart_body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

LIMIT = 4096

POLICY = """\
sites:
  - name: forms
    hosts: ["forms.localhost"]
    rules:
      - ref: form
        expression: 'any(http.request.body.form["role"][*] eq "admin")'
        action: block
      - ref: multipart
        expression: >-
          any(http.request.body.multipart["role"][*] eq "admin")
          or any(http.request.body.multipart.filenames[*][0] eq "secret.txt")
        action: block
  - name: sizes
    hosts: ["sizes.localhost"]
    rules:
      - ref: size
        expression: 'http.request.body.size gt 6000 or http.request.body.mime eq "image/png"'
        action: block
  - name: other
    hosts: ["*"]
"""

_LONG = b"x" * LIMIT


@pytest.fixture(scope="module")
def bodies(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    credentials = make_credentials(tmp_path_factory.mktemp("bodies"), at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            POLICY,
            upstream=upstream,
            transport=transport,
            body_bytes=LIMIT,
        )


def _post(
    stack: Stack,
    version: str,
    host: str,
    content_type: bytes,
    body: bytes | list[bytes],
) -> tuple[int, str, str]:
    """Status, rule and reason. A list is sent in pieces, its length not declared."""
    path, marker = unique("/")
    with http_client(version, stack.credentials) as client:
        status = client.post(
            f"https://127.0.0.1:{stack.envoy.port}{path}",
            headers=[("host", host), ("content-type", content_type.decode())],
            content=iter(body) if isinstance(body, list) else body,
            extensions={"sni_hostname": "localhost"},
        ).status_code
    logged = stack.logged(marker)
    return status, logged["rule"] or "", logged["reason"]


def _upload(role: bytes, filename: bytes = b"a.txt") -> bytes:
    return multipart_body(
        {"name": b"role", "value": role},
        {"name": b"file", "value": b"\x00\xff\r\n", "filename": filename, "type": b"text/plain"},
    )


ALLOWED = (200, "", "default_action")
FORM = (403, "form", "rule")
MULTIPART = (403, "multipart", "rule")
VERSIONS = pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])


@VERSIONS
@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (FORM_TYPE, b"a=1&role=editor", ALLOWED),
        (FORM_TYPE, b"a=\xff&role=admin", FORM),
        (FORM_TYPE + b"; charset=utf-16", b"a=1", FORM),
        (b"text/plain", b"role=admin", ALLOWED),
        (MULTIPART_TYPE, _upload(b"editor"), ALLOWED),
        (MULTIPART_TYPE, _upload(b"admin"), MULTIPART),
        (MULTIPART_TYPE, _upload(b"editor", b"secret.txt"), MULTIPART),
        (MULTIPART_TYPE, b"\n" + _upload(b"editor"), MULTIPART),
        # In pieces.
        (FORM_TYPE, [b"a=1&ro", b"le=admin"], FORM),
        (FORM_TYPE, [b"a=1&ro", b"le=editor"], ALLOWED),
        (MULTIPART_TYPE, [_upload(b"admin")[:30], _upload(b"admin")[30:]], MULTIPART),
        # Exactly as long as the limit, and beyond it: what is not seen is not judged harmless.
        (FORM_TYPE, _LONG, ALLOWED),
        (FORM_TYPE, _LONG + b"x", FORM),
        (FORM_TYPE, _LONG + b"&role=admin", FORM),
        (FORM_TYPE, [_LONG, b"x"], FORM),
        (FORM_TYPE, b"", ALLOWED),
    ],
)
def test_a_form(
    bodies: Stack,
    version: str,
    content_type: bytes,
    body: bytes | list[bytes],
    expected: tuple[int, str, str],
) -> None:
    assert _post(bodies, version, "forms.localhost", content_type, body) == expected


@VERSIONS
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\x89PNG\r\n\x1a\n", 403),
        (b"GIF89a", 200),
        # Cut short: the kind of content is unknown, whatever the first bytes say.
        (b"GIF89a" + _LONG, 403),
        ([b"GIF89a", _LONG], 403),
    ],
)
def test_size_and_kind(bodies: Stack, version: str, body: bytes | list[bytes], status: int) -> None:
    assert _post(bodies, version, "sizes.localhost", b"image/gif", body)[0] == status


@VERSIONS
def test_a_body_that_no_rule_reads_may_be_longer(bodies: Stack, version: str) -> None:
    assert _post(bodies, version, "other.localhost", FORM_TYPE, _LONG * 10) == ALLOWED


@pytest.fixture(scope="module")
def bodiless(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """The shipped default: no body is forwarded."""
    credentials = make_credentials(tmp_path_factory.mktemp("bodiless"), at=time.time())
    with Children() as children:
        yield start_stack(children, credentials, POLICY, upstream=upstream, transport=transport)


@VERSIONS
@pytest.mark.parametrize("body", [b"a=1", [b"a=1"]])
def test_a_body_that_is_not_forwarded_is_blocked_by_rules_that_read_it(
    bodiless: Stack, version: str, body: bytes | list[bytes]
) -> None:
    assert _post(bodiless, version, "forms.localhost", FORM_TYPE, body) == FORM
    assert _post(bodiless, version, "other.localhost", FORM_TYPE, body) == ALLOWED


# Claims of tokens that Envoy's own filter verified

_KEY = ec.derive_private_key(int.from_bytes(b"a key for tests of tokens"), ec.SECP256R1())

CLAIMS_POLICY = """\
sites:
  - name: api
    hosts: ["*"]
    default_action: block
    rules:
      - ref: alice
        expression: >-
          any(http.request.jwt.claims.sub["main"][*] eq "alice")
          and any(http.request.jwt.claims.aud.values[*] eq "b")
          and http.request.jwt.claims.iat.sec["main"][0] eq 1772366400
          and lookup_json_string(
          authz.metadata["envoy.filters.http.jwt_authn:main"][0], "role") eq "admin"
        action: skip
        action_parameters: {ruleset: current}
"""

JWT_FILTER = """\
- name: envoy.filters.http.jwt_authn
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    providers:
      main:
        issuer: https://issuer.example
        payload_in_metadata: main
        local_jwks: {inline_string: '%s'}
    rules:
    - match: {prefix: "/"}
      requires: {requires_any: {requirements: [{provider_name: main}, {allow_missing: {}}]}}
"""


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _keys() -> str:
    numbers = _KEY.public_key().public_numbers()
    point = {"x": _encoded(numbers.x.to_bytes(32)), "y": _encoded(numbers.y.to_bytes(32))}
    return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", **point}]})


def _token(**claims: object) -> str:
    """A signed token (RFC 7515, ES256)."""
    everything = {"iss": "https://issuer.example", "exp": int(time.time()) + 600, **claims}
    head, body = (_encoded(json.dumps(part).encode()) for part in ({"alg": "ES256"}, everything))
    signed = _KEY.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(signed)
    return f"{head}.{body}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


def _with_jwt_filter(config: str) -> str:
    """The JWT filter before ext_authz: the order of filters is the order of what they know."""
    at = config.index("- name: envoy.filters.http.ext_authz")
    margin = " " * (at - config.rindex("\n", 0, at) - 1)
    lines = (JWT_FILTER % _keys()).splitlines(keepends=True)
    return config[:at] + margin.join(lines) + margin + config[at:]


def test_claims_of_a_verified_token(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    tmp_path: Path,
    transport: str,
) -> None:
    stack = start_stack(
        children,
        credentials,
        CLAIMS_POLICY,
        upstream=upstream,
        transport=transport,
        change=_with_jwt_filter,
        metadata_namespaces=("envoy.filters.http.jwt_authn",),
    )
    good = {"sub": "alice", "aud": ["a", "b"], "iat": 1772366400, "role": "admin"}

    def status(*headers: tuple[str, str]) -> int:
        return stack.get("localhost", headers=headers).status

    assert status(("authorization", f"Bearer {_token(**good)}")) == 200
    assert status(("authorization", f"Bearer {_token(**{**good, 'sub': 'bob'})}")) == 403
    assert status(("authorization", f"Bearer {_token(**{**good, 'role': 'user'})}")) == 403
    assert status(("authorization", f"Bearer {_token(**good)[:-4]}AAAA")) == 401
    assert status() == 403
