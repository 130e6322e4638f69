# SPDX-License-Identifier: Apache-2.0
"""What a running authz has counted: certificates that never come, hosts nobody knows.

Reads its own metrics in the Prometheus text format; names are those of docs/reference/metrics.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Final

from authz.cli.doctor.findings import Finding, many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authz.settings import Settings

#: Fewer checks without a certificate may be chance.
ENOUGH_CHECKS: Final = 10

#: What is reloaded besides the policy, by kind: what happened, what to do.
_RELOADED: Final = {
    "tls": (
        "changed TLS files of the gRPC port could not be used; the last good ones were kept",
        "give grpc.tls a certificate and its key; the log says what is wrong with them",
    ),
    "loader": (
        "the process that loads a changed policy died or took too long; the last good one was kept",
        "the log says how it ended; give the service more memory if the system killed it",
    ),
    "geoip": (
        "a changed GeoIP database could not be used; the last good copy was kept",
        "replace the file; the log says what is wrong with it",
    ),
}

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of the text format."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse_metrics(text: str) -> list[Sample]:
    """Every sample of a text-format document; what is none is left out."""
    samples: list[Sample] = []
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found is None or line.startswith("#"):
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        labels = dict(_LABEL.findall(found[2] or ""))
        samples.append(Sample(name=found[1], labels=labels, value=value))
    return samples


def total_of(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum of the samples of a metric that have (at least) these labels."""
    return sum(
        one.value
        for one in samples
        if one.name == name and labels.items() <= dict(one.labels).items()
    )


def validating(settings: Settings) -> str:
    """The command that looks at the policy file; F where these settings name none."""
    return f"authz policy validate {quote(str(settings.policy or 'F'))}"


def look(samples: Iterable[Sample], settings: Settings, where: str) -> Iterator[Finding]:
    """Findings about what the service at `where` has counted."""
    known = list(samples)

    def total(name: str, **labels: str) -> float:
        return total_of(known, name, **labels)

    checks = total("authz_checks_total")
    absent = total("authz_certificates_total", result="absent")
    judged = total("authz_certificates_total")
    if judged >= ENOUGH_CHECKS and absent == judged:
        yield Finding(
            id="no-certificate-ever",
            where=where,
            what=f"none of {judged:.0f} checks had a client certificate",
            do="let Envoy ask for one (a validation context in its TLS context) and "
            + (
                "hand it over (include_peer_certificate: true)"
                if settings.certificate_source == "envoy"
                else "write it into x-forwarded-client-cert "
                "(SANITIZE_SET, set_current_client_cert_details.cert: true)"
            ),
        )
    malformed = total("authz_certificates_total", result="malformed", source="xfcc")
    if malformed:
        yield Finding(
            id="xfcc-malformed",
            where=where,
            what=f"{many(malformed, 'check')} had an x-forwarded-client-cert without a "
            "readable Cert",
            do="set set_current_client_cert_details.cert: true on the proxy that writes it, "
            "and see that nothing shortens the header",
        )
    unknown = total("authz_decisions_total", reason="unknown_host")
    if checks >= ENOUGH_CHECKS and unknown == checks:
        yield Finding(
            id="only-unknown-hosts",
            where=where,
            what=f"all {checks:.0f} checks were for hosts of no site",
            do='add them to the hosts of a site ("*" is every host)',
        )
    misdirected = total("authz_decisions_total", reason="misdirected")
    if misdirected:
        yield Finding(
            id="misdirected",
            where=where,
            what=f"{many(misdirected, 'check')} had an SNI and a Host of sites with different "
            "trust",
            do="give these hosts server certificates of their own, so that browsers do not reuse "
            "a connection, or set misdirected: ignore",
        )
    if total("authz_internal_errors_total"):
        yield Finding(
            id="internal-errors",
            where=where,
            what=f"{many(total('authz_internal_errors_total'), 'check')} ended in an exception",
            do="please report what the log says about them",
        )
    of_others = sum(total("authz_reload_failures_total", kind=kind) for kind in _RELOADED)
    if total("authz_reload_failures_total") > of_others:
        yield Finding(
            id="reload-failed",
            where=where,
            what="a changed policy could not be used; the last good one was kept",
            do=f"{validating(settings)} says why",
        )
    for kind, (what, do) in _RELOADED.items():
        if total("authz_reload_failures_total", kind=kind):
            yield Finding(id="reload-failed", where=where, what=what, do=do)
