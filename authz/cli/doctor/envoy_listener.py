# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the listener around the filter: connection manager, XFCC, TLS.

The connection manager must read hosts and paths as authz does, and the certificate must be asked
for and handed over the way `certificate_source` expects (architecture 4.5-4.7, 4.16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.cli.doctor.envoy_dump import at
from authz.cli.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.doctor.envoy_dump import Chain, Json
    from authz.settings import Settings

_PATHS: Final = (
    ("normalize-path", "normalize_path", "dot segments reach authz and the application as sent"),
    ("merge-slashes", "merge_slashes", "// reaches authz and the application as sent"),
)
_ESCAPED_SLASHES_RIGHT: Final = frozenset(
    {"REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"}
)


def look(chain: Chain, settings: Settings) -> Iterator[Finding]:
    """Findings about the connection manager and the TLS context of one chain."""
    where = f"{chain.where}: http_connection_manager"
    yield from _paths_and_hosts(chain.manager, where)
    yield from _streams(chain.manager, where)
    yield from _client_address(chain.manager, where, settings)
    yield from _forwarding(chain.manager, where, settings)
    yield from _tls(chain, settings)


def _paths_and_hosts(manager: Json, where: str) -> Iterator[Finding]:
    for id_, option, what in _PATHS:
        if manager.get(option) is not True:
            yield Finding(id=id_, where=where, what=what, do=f"set {option}: true")
    if manager.get("path_with_escaped_slashes_action") not in _ESCAPED_SLASHES_RIGHT:
        yield Finding(
            id="escaped-slashes",
            where=where,
            what="%2F in a path is one segment to authz and may be two to the application",
            do="set path_with_escaped_slashes_action: REJECT_REQUEST",
        )
    if not (manager.get("strip_any_host_port") or manager.get("strip_matching_host_port")):
        yield Finding(
            id="host-port",
            where=where,
            what="Envoy routes example.com:443 by another virtual host than example.com, "
            "authz does not",
            do="set strip_any_host_port: true",
        )
    if manager.get("strip_trailing_host_dot") is not True:
        yield Finding(
            id="host-dot",
            where=where,
            what='Envoy routes "example.com." by another virtual host than "example.com", '
            "authz does not",
            do="set strip_trailing_host_dot: true",
        )


def _streams(manager: Json, where: str) -> Iterator[Finding]:
    if at(manager, "common_http_protocol_options", "max_stream_duration") is None:
        yield Finding(
            id="stream-duration",
            where=where,
            what="an open stream (WebSocket, long call) outlives a revocation without end",
            do="set common_http_protocol_options.max_stream_duration",
        )
    if at(manager, "common_http_protocol_options", "max_connection_duration") is None:
        yield Finding(
            id="connection-duration",
            where=where,
            what="a connection lives as long as its client likes, by the handshake that it had: "
            "changed trust bundles and server certificates do not reach it",
            do="set common_http_protocol_options.max_connection_duration",
        )
    action = at(manager, "common_http_protocol_options", "headers_with_underscores_action")
    if action not in {"REJECT_REQUEST", "DROP_HEADER"}:
        yield Finding(
            id="underscores",
            where=where,
            what="client_cert and client-cert are one header to many applications, "
            "and only one of them is removed",
            do="set common_http_protocol_options.headers_with_underscores_action: REJECT_REQUEST",
        )


def _client_address(manager: Json, where: str, settings: Settings) -> Iterator[Finding]:
    envoy = manager.get("xff_num_trusted_hops") or 0
    ours = settings.client_ip.trusted_hops
    extensions = manager.get("original_ip_detection_extensions")
    if extensions:
        yield Finding(
            id="client-ip-otherwise",
            where=where,
            what="Envoy finds the client's address by an extension, authz by x-forwarded-for",
            do="use use_remote_address and xff_num_trusted_hops, or no rule by ip.src",
        )
    elif manager.get("use_remote_address") is not True:
        yield Finding(
            id="remote-address",
            where=where,
            what="Envoy does not append its peer to x-forwarded-for, and believes x-envoy-* and "
            "x-forwarded-* headers of clients as those of another Envoy",
            do="set use_remote_address: true",
        )
    if envoy != ours and not extensions:
        yield Finding(
            id="client-ip-hops",
            where=where,
            what=f"Envoy trusts {envoy} proxies in x-forwarded-for, authz {ours}",
            do=f"set xff_num_trusted_hops: {ours}, or client_ip.trusted_hops: {envoy}",
        )


def _forwarding(manager: Json, where: str, settings: Settings) -> Iterator[Finding]:
    mode = manager.get("forward_client_cert_details", "SANITIZE")
    if settings.certificate_source == "envoy":
        if mode not in {"SANITIZE", "SANITIZE_SET"}:
            yield Finding(
                id="xfcc-forwarded",
                where=where,
                what=f"clients' own x-forwarded-client-cert goes upstream ({mode})",
                do="set forward_client_cert_details: SANITIZE",
            )
        return
    hops = settings.xfcc.trusted_hops
    if mode == "SANITIZE":
        yield Finding(
            id="xfcc-not-written",
            where=where,
            what="Envoy removes x-forwarded-client-cert, where authz looks for the certificate",
            do="set forward_client_cert_details: SANITIZE_SET"
            if hops == 1
            else "set forward_client_cert_details: APPEND_FORWARD",
        )
    elif mode in {"FORWARD_ONLY", "ALWAYS_FORWARD_ONLY"} or (hops > 1 and mode == "SANITIZE_SET"):
        yield Finding(
            id="xfcc-hops",
            where=where,
            what=f"{mode} does not go with xfcc.trusted_hops: {hops}",
            do="SANITIZE_SET goes with 1, APPEND_FORWARD with one more than the proxies in front",
        )
    elif hops == 1 and mode == "APPEND_FORWARD":
        yield Finding(
            id="xfcc-forwarded",
            where=where,
            what="what clients wrote into x-forwarded-client-cert themselves goes upstream, in "
            "front of what Envoy saw",
            do="set forward_client_cert_details: SANITIZE_SET",
        )
    details = manager.get("set_current_client_cert_details")
    if hops == 1 and not (isinstance(details, dict) and details.get("cert") is True):
        yield Finding(
            id="xfcc-without-cert",
            where=where,
            what="Envoy writes x-forwarded-client-cert without Cert: there is nothing to judge",
            do="set set_current_client_cert_details: {cert: true, chain: true}",
        )


def _tls(chain: Chain, settings: Settings) -> Iterator[Finding]:
    tls = chain.tls
    where = f"{chain.where}: TLS"
    behind = settings.certificate_source == "xfcc" and settings.xfcc.trusted_hops > 1
    if tls is None:
        yield Finding(
            id="no-tls",
            where=chain.where,
            what="the listener has no TLS: "
            + (
                "anybody can claim to be the proxy in front"
                if behind
                else "no client certificate is ever seen"
            ),
            do="add a transport_socket with a DownstreamTlsContext",
        )
        return
    yield from _asking(tls, where, behind=behind)
    if chain.quic is not None:
        yield from _resuming_over_quic(chain.quic, where)
        return
    for id_, option in (
        ("session-tickets", "disable_stateless_session_resumption"),
        ("session-ids", "disable_stateful_session_resumption"),
    ):
        if tls.get(option) is not True:
            yield Finding(
                id=id_,
                where=where,
                what="a resumed session shows the certificate of an earlier handshake",
                do=f"set {option}: true",
            )


def _resuming_over_quic(quic: Json, where: str) -> Iterator[Finding]:
    """Switches of its own; those of TLS over TCP do nothing there. What is not set is off where
    clients are asked for certificates (Envoy 1.40), and where they are not is another finding."""
    if quic.get("enable_resumption") is True:
        yield Finding(
            id="quic-resumption",
            where=where,
            what="a resumed session shows the certificate of an earlier handshake"
            + (
                ", and a request in early data may be somebody's recording"
                if quic.get("enable_early_data") is True
                else ""
            ),
            do="set enable_resumption: false and enable_early_data: false in the "
            "QuicDownstreamTransport",
        )


def _asking(tls: Json, where: str, *, behind: bool) -> Iterator[Finding]:
    common = tls.get("common_tls_context")
    common = common if isinstance(common, dict) else {}
    named = [name for name in common if "validation_context" in name]
    context = common.get("validation_context")
    if context is None:
        context = at(common, "combined_validation_context", "default_validation_context")
    accepts_all = at(context, "trust_chain_verification") == "ACCEPT_UNTRUSTED"
    if behind:
        if accepts_all or not named or tls.get("require_client_certificate") is not True:
            yield Finding(
                id="proxy-not-verified",
                where=where,
                what="the proxy in front is not verified: whoever connects can claim any "
                "certificate",
                do="set require_client_certificate: true and a validation_context with the "
                "authority of that proxy alone",
            )
        return
    if not named:
        yield Finding(
            id="no-validation-context",
            where=where,
            what="Envoy never asks clients for a certificate",
            do="add validation_context: {trust_chain_verification: ACCEPT_UNTRUSTED}",
        )
    elif not accepts_all and isinstance(context, dict) and not _is_strict(tls):
        yield Finding(
            id="handshake-refuses",
            where=where,
            what="bad certificates end in a TLS alert: authz never sees them and cannot answer",
            do="set trust_chain_verification: ACCEPT_UNTRUSTED; authz verifies",
        )


def _is_strict(tls: Json) -> bool:
    """A listener that refuses on purpose, by the authorities that authz gives it
    (docs/how-to/let-envoy-verify.md)."""
    over_sds = at(
        tls,
        "common_tls_context",
        "combined_validation_context",
        "validation_context_sds_secret_config",
        "sds_config",
    )
    return over_sds is not None and tls.get("require_client_certificate") is True
