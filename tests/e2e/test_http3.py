# SPDX-License-Identifier: Apache-2.0
"""HTTP/3 on the listener that `authz envoy config --http3` adds: judged as over TCP, on both
transports, with the real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from cryptography import x509

from authz.demo.client import Answer
from authz.demo.pki import make_root
from authz.demo.rows import deviations
from authz.demo.scenario import ROWS, Row, policy_yaml
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import SdsOptions
from authz.settings import Settings, load_settings
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    eventually,
    unique,
    wait_for_health,
)
from tests.e2e.http3_harness import HTTP3, send, start_http3, told
from tests.factories.envoy import expect_valid
from tests.factories.listener_cases import REFUSED, Case, judge
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.factories.http3 import Http3Answer

OID_PRIVATE = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")


# --- who gets in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(http3_stack: Stack, row: Row) -> None:
    """Valid, none, unknown authority, revoked, expired, another host, claimed headers, the rest."""
    path, marker = unique(row.path)

    sent = send(http3_stack, row.host, path, row.certificate, sni=row.sni, headers=row.headers)

    answer = Answer(status=sent.status, headers=tuple(sent.headers), body=sent.body)
    logged = http3_stack.logged(marker)
    assert deviations(row, answer, logged, http3_stack.credentials) == []
    assert (logged["protocol"], logged["sni"]) == ("HTTP/3", row.sni or row.host)


def asking(stack: Stack) -> Callable[[Case, tuple[tuple[str, str], ...]], int]:
    """The status over HTTP/3."""

    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        try:
            return send(stack, case.host, case.path, case.certificate, headers=headers).status
        except ConnectionError:
            return REFUSED

    return ask


@pytest.mark.deploy
def test_the_cases(http3_stack: Stack) -> None:
    judge("listener: plain, HTTP/3", asking(http3_stack), http3_stack.credentials)


def test_a_claimed_certificate_is_removed(http3_stack: Stack) -> None:
    valid = http3_stack.credentials.clients["valid"]
    header = ("x-forwarded-client-cert", xfcc_element(valid))

    assert send(http3_stack, "api.localhost", headers=(header, header)).status == 403
    assert send(http3_stack, "api.localhost", "/", "self-signed", headers=(header,)).status == 403
    seen = told(send(http3_stack, "whoami.localhost", "/", "second", headers=(header,)))
    assert "x-forwarded-client-cert" not in seen
    second = http3_stack.credentials.clients["second"]
    assert seen["cf-cert-fingerprint-sha256"] == second.fingerprint


def test_underscores_in_names_are_refused(http3_stack: Stack) -> None:
    answer = send(http3_stack, "whoami.localhost", headers=(("cf_cert_verified", "true"),))

    assert answer.status == 0


@pytest.mark.parametrize(("size", "status"), [(20_000, 200), (60_000, 200), (70_000, 403)], ids=str)
def test_a_large_certificate_is_judged_like_any_other(
    http3_stack: Stack, size: int, status: int
) -> None:
    """As long as it is not larger than `limits.certificate_bytes`."""
    extension = (x509.UnrecognizedExtension(OID_PRIVATE, b"x" * size), False)
    issued = http3_stack.credentials.authority.client("large", extensions=[extension])
    name = f"large-{size}"
    http3_stack.credentials.client_file(name).write_bytes(issued.chain_pem + issued.key_pem)

    assert send(http3_stack, "api.localhost", "/", name).status == status


def test_both_listeners_tell_of_http_3(http3_stack: Stack) -> None:
    for answer in (http3_stack.get("whoami.localhost"), send(http3_stack, "whoami.localhost")):
        assert dict(answer.headers)["alt-svc"] == 'h3=":443"; ma=86400'


# --- other forms ---------------------------------------------------------------------------------


@pytest.mark.deploy
def test_every_row_holds_where_envoy_writes_the_header(
    tmp_path: Path, upstream: Upstream, transport: str, children: Children
) -> None:
    """`certificate_source: xfcc`: the chain travels too, so a client can bring its intermediate."""
    own = start_http3(
        children,
        tmp_path,
        upstream=upstream,
        transport=transport,
        settings={"certificate_source": "xfcc"},
    )
    rows = [row for row in ROWS if row.id != "misdirected"]

    assert {
        row.id: send(
            own, row.host, row.path, row.certificate, sni=row.sni, headers=row.headers
        ).status
        for row in rows
    } == {row.id: row.status for row in rows} | {"intermediate-only-sent": 200}
    judge("listener: XFCC, written by Envoy, HTTP/3", asking(own), own.credentials)


def with_bundles(
    children: Children, credentials: Credentials, upstream: Upstream, *, strict: bool
) -> Stack:
    """authz that gives Envoy its trust bundles, and Envoy with them on both listeners."""
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    settings = authz_settings("native", {"sds": {"listen": "127.0.0.1:0"}})
    authz = start_authz(children, directory, settings)
    assert authz.sds
    config = render_envoy_config(
        load_settings(directory / "authz.yaml"),
        default_options(
            credentials,
            upstream,
            authz.grpc,
            sds=SdsOptions(strict=strict, address=authz.sds),
            http3=HTTP3,
        ),
    )
    envoy = start_envoy(children, directory, config)
    wait_for_health(envoy, 1)
    return Stack(credentials=credentials, authz=authz, envoy=envoy)


def refused(of: Callable[[], Http3Answer]) -> bool:
    """Whether the handshake fails."""
    try:
        of()
    except ConnectionError:
        return True
    return False


def test_strangers_are_refused_in_the_handshake_where_envoy_verifies(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=True)

    assert send(own, "api.localhost", "/", "valid").status == 200
    # Envoy has no list of serial numbers: that one is for authz.
    assert send(own, "admin.localhost", "/admin", "revoked-by-serial").status == 403
    for stranger in ("", "self-signed", "expired"):
        assert refused(lambda name=stranger: send(own, "whoami.localhost", "/", name)), stranger


#: The handshake knows the authorities, and no rule.
STRICT = dict.fromkeys(("none", "unknown CA", "expired", "spoofed XFCC by nobody"), REFUSED)


@pytest.mark.deploy
@pytest.mark.parametrize(
    ("form", "strict", "differences"),
    [
        ("listener: Envoy verifies (SDS, strict)", True, STRICT),
        ("listener: Envoy names the authorities (SDS)", False, {}),
    ],
)
def test_the_cases_where_envoy_has_the_bundles(
    form: str,
    strict: bool,
    differences: dict[str, int],
    credentials: Credentials,
    upstream: Upstream,
    children: Children,
) -> None:
    """On both listeners."""
    own = with_bundles(children, credentials, upstream, strict=strict)

    def over_tcp(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        try:
            return own.get(case.host, case.path, case.certificate, headers=headers).status
        except OSError:
            return REFUSED

    judge(form, over_tcp, credentials, differences)
    judge(f"{form}, HTTP/3", asking(own), credentials, differences)


def test_a_new_bundle_counts_for_the_next_connection(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=True)
    newcomer = make_root("Newcomer")
    issued = newcomer.client("new")
    credentials.client_file("new").write_bytes(issued.chain_pem + issued.key_pem)
    assert refused(lambda: send(own, "partner.localhost", "/", "new"))

    (credentials.directory / "trust" / "newcomer.pem").write_bytes(newcomer.pem)
    policy = credentials.directory / "policy.yaml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace(
            "[trust/partner-ca.pem]", "[trust/partner-ca.pem, trust/newcomer.pem]"
        ),
        encoding="utf-8",
    )

    eventually(
        lambda: not refused(lambda: send(own, "partner.localhost", "/", "new")), "it is let in"
    )
    assert send(own, "partner.localhost", "/", "new").status == 200


def test_everybody_is_answered_where_envoy_only_names_authorities(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=False)

    assert send(own, "api.localhost", "/", "valid").status == 200
    for name in ("", "self-signed", "expired"):
        assert send(own, "api.localhost", "/", name).status == 403


def test_envoy_has_no_filter_for_proxy_headers_over_quic(credentials: Credentials) -> None:
    """Why `--http3` and `--proxy-protocol-from` do not go together."""
    options = default_options(credentials, None, (), http3=HTTP3)
    balanced = default_options(credentials, None, (), proxy_protocol_from=("10.0.0.0/8",))
    config = yaml.safe_load(render_envoy_config(Settings(), options))
    (over_tcp,) = yaml.safe_load(render_envoy_config(Settings(), balanced))["static_resources"][
        "listeners"
    ]
    file = credentials.directory / "validated.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    expect_valid("-c", file)

    _, quic = config["static_resources"]["listeners"]
    quic["listener_filters"] = over_tcp["listener_filters"][:1]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")

    with pytest.raises(AssertionError, match=r"registered implementation for '.*proxy_protocol'"):
        expect_valid("-c", file)
