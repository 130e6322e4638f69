# SPDX-License-Identifier: Apache-2.0
"""What settings and policy, in a file or a store, give away: no service and no Envoy is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from authz.cli.doctor import no_trust
from authz.cli.doctor.findings import Finding
from authz.cli.options import geo_of, has_store, model_of
from authz.errors import AuthzError, StoreError
from authz.settings import parse_address
from authz.sources.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from authz.certs.certificate import Certificate
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Site, Snapshot
    from authz.settings import Settings

DAY: Final = 86400.0

#: An authority that expires sooner should be replaced already: its clients need new certificates.
ANCHOR_DAYS: Final = 30

#: CRLs are commonly published daily; less than this left means that a publication is due.
CRL_SECONDS: Final = 6 * 3600.0

#: No clock that is right says less: this release did not exist before (2026-01-01).
EARLIEST: Final = 1767225600.0


def look(settings: Settings, at: float) -> Iterator[Finding]:
    """Every finding about settings and policy at Unix time `at`, each once.

    The rules of a zone are those of each of its hosts.
    """
    yield from dict.fromkeys(_look(settings, at))


def _look(settings: Settings, at: float) -> Iterator[Finding]:
    yield from _clock(at)
    yield from _settings(settings)
    if settings.policy is None and not has_store(settings):
        yield Finding(
            id="no-policy",
            where="policy",
            what="no policy file is named, and there is no store"
            + (": serve would make an empty one" if settings.store_active else ""),
            do="name a file with the key policy, or with --policy; or begin a store: "
            "authz ca create, authz host add",
        )
        return
    try:
        model = model_of(settings)
        snapshot = validate(model, at, geo_of(settings))
    except StoreError as error:
        yield Finding(
            id="store",
            where=error.where or settings.database,
            what=error.message,
            do=error.hint or "what answers checks goes on with what it has",
        )
        return
    except AuthzError as error:
        for one in (error, *error.others):
            yield Finding(
                id="policy",
                where=one.where or str(settings.policy or "the store"),
                what=one.message,
                do=one.hint or "correct it; until then the last good policy stays in force",
            )
        return
    if settings.policy is None and not any(site.trust for site in model.sites):
        yield Finding(
            id="no-hosts",
            where="the store",
            what="no host asks for certificates: nobody is kept out",
            do="authz host add HOST --ca NAME --protect '/*'",
        )
    yield from _policy(settings.policy, model, snapshot, at)


def _clock(at: float) -> Iterator[Finding]:
    if at < EARLIEST:
        yield Finding(
            id="clock",
            where="this machine",
            what=f"the clock says {_day(at)}, before this release existed",
            do="set the clock (NTP): certificates and CRLs are judged by it",
        )


def _settings(settings: Settings) -> Iterator[Finding]:
    grpc = settings.grpc
    if grpc.tls is None and not parse_address(grpc.listen).is_local:
        yield Finding(
            id="open-port",
            where=f"grpc.listen {grpc.listen}",
            what="everybody who reaches the port can ask, and claim any certificate, unencrypted",
            do="listen on loopback or a Unix socket, or set grpc.tls with client_ca; in a cluster, "
            "let a NetworkPolicy admit Envoy alone",
        )
    if settings.admin_active and settings.admin.allow_plaintext:
        address = parse_address(settings.admin.listen)
        if settings.admin.tls is None and not address.is_local:
            yield Finding(
                id="admin-plaintext",
                where=f"admin.listen {settings.admin.listen}",
                what="tokens and sessions cross the network unencrypted",
                do="set admin.tls, or listen on loopback behind a proxy with TLS",
            )
    if grpc.workers > 1 and not grpc.port_per_worker:
        yield Finding(
            id="shared-port",
            where="grpc.workers",
            what=f"{grpc.workers} workers share one port: a restart can lose requests, and at any "
            "moment a few connections keep a few workers busy",
            do="set grpc.port_per_worker: true and name every port in Envoy's cluster "
            "(authz envoy config does)",
        )
    hops = settings.xfcc.trusted_hops
    if settings.certificate_source == "envoy" and hops != 1:
        yield Finding(
            id="hops-without-xfcc",
            where="xfcc.trusted_hops",
            what="it has no effect: certificates are taken from source.certificate",
            do="set certificate_source: xfcc, or remove the key",
        )
    if settings.certificate_source == "xfcc" and hops > 1:
        yield Finding(
            id="proxy-in-front",
            where="xfcc.trusted_hops",
            what="the certificate is what the "
            + ("proxy" if hops == 2 else f"outermost of {hops - 1} proxies")
            + " in front of Envoy says it saw",
            do="make Envoy's listener require and verify the own certificate of the proxy that "
            "connects to it; --envoy-admin checks it",
        )


def _policy(
    file: Path | None, model: PolicyModel, snapshot: Snapshot, at: float
) -> Iterator[Finding]:
    for found in snapshot.findings:
        do = found.hint or "see docs/reference/policy-file.md"
        if found.rule:
            what = f'rule "{found.rule}": {found.message}'
            yield Finding(id="lint", where=found.where, what=what, do=do)
        else:
            yield Finding(id="trust-note", where=found.where, what=found.message, do=do)
    models = {site.name: site for site in model.sites}
    for site in snapshot.sites:
        written = models[site.name]
        where = written.where or str(file or "the store")
        places = {authority.name: authority.where or where for authority in written.trust}
        yield from no_trust.look(snapshot, site, written.hosts, where)
        yield from _trust(site, places, at)


def _trust(site: Site, places: Mapping[str, str], at: float) -> Iterator[Finding]:
    """`places` are those of its authorities by name."""
    for authority in site.trust.authorities:
        for certificate in (*authority.anchors, *authority.intermediates):
            yield from _authority(certificate, places[authority.name], at)
    for name, next_update in site.trust.crl_next_updates().items():
        yield from _crl(name, next_update, places[name], at)


def _authority(certificate: Certificate, where: str, at: float) -> Iterator[Finding]:
    subject = certificate.subject_dn
    if at < certificate.not_before_at:
        yield Finding(
            id="authority-not-yet-valid",
            where=where,
            what=f"{subject} is valid from {certificate.not_before} on",
            do="check this machine's clock, or wait: until then it verifies nobody",
        )
    elif at > certificate.not_after_at:
        yield Finding(
            id="authority-expired",
            where=where,
            what=f"{subject} expired on {certificate.not_after}",
            do="replace it: it verifies nobody any more",
        )
    elif at > certificate.not_after_at - ANCHOR_DAYS * DAY:
        yield Finding(
            id="authority-expires-soon",
            where=where,
            what=f"{subject} expires on {certificate.not_after}",
            do="add its successor to trust now (authz ca rotate, with --root for a root above an "
            "intermediate), and issue new certificates",
        )


def _crl(authority: str, next_update: float, where: str, at: float) -> Iterator[Finding]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(next_update))
    if at > next_update:
        yield Finding(
            id="crl-stale",
            where=where,
            what=f'a CRL of "{authority}" was to be replaced at {moment}',
            do="see why it was not replaced (a file: whoever writes it; a URL: the log of serve); "
            "under revocation: strict nobody is verified until then",
        )
    elif at > next_update - CRL_SECONDS:
        yield Finding(
            id="crl-stale-soon",
            where=where,
            what=f'a CRL of "{authority}" is to be replaced by {moment}',
            do="check whatever fetches it",
        )


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
