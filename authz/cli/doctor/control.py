# SPDX-License-Identifier: Apache-2.0
"""What a running authz says of its control process: the store it follows, and SDS.

Reads the same metrics as `service`, beside what the store says itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.cli.doctor.envoy_dump import at as value_at
from authz.cli.doctor.findings import Finding
from authz.cli.doctor.service import total_of, validating
from authz.errors import AuthzError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.cli.doctor.envoy_dump import Chain
    from authz.cli.doctor.service import Sample
    from authz.settings import Settings

#: What could not be published, by kind: what happened, what to do ("": look at the policy file).
_NOT_PUBLISHED: Final = {
    "store": ("the store could not be read", "see that the database runs and can be reached"),
    "content": (
        "what the store says could not be put in force",
        "the log says why: what is wrong with it, or a full disk",
    ),
    "policy": ("the policy file beside the store could not be used", ""),
    "geoip": ("a GeoIP file could not be used", "replace the file; the log says what is wrong"),
}


def revision_of(settings: Settings) -> int | None:
    """The revision of the store now; None without one, or when it cannot be read.

    To be asked before the metrics are: then whoever has published less is behind.
    """
    from authz.cli.options import has_store
    from authz.store.engine import open_store

    if not has_store(settings):
        return None
    try:
        store = open_store(settings.database, settings.data_dir, create=False)
    except AuthzError:
        return None  # `installation` says so
    try:
        with store.read() as session:
            return session.revision
    except AuthzError:
        return None
    finally:
        store.close()


def look(
    samples: Iterable[Sample], settings: Settings, revision: int | None, where: str
) -> Iterator[Finding]:
    """Findings about the control process of the service at `where`."""
    known = list(samples)
    names = {one.name for one in known}
    if not (settings.store_active or settings.sds.active):
        return
    if "authz_control_restarts_total" not in names:
        yield Finding(
            id="no-control-process",
            where=where,
            what="it runs without a control process: it follows no store and gives Envoy no "
            "trust bundles",
            do="it was started with other settings than these: restart it",
        )
        return
    restarts = total_of(known, "authz_control_restarts_total")
    if restarts:
        yield Finding(
            id="control-process-restarts",
            where=where,
            what=f"its control process ended {restarts:.0f} times and was started again",
            do="the log says how it ended; give it more memory if the system killed it",
        )
    if settings.store_active:
        yield from _store(known, names, settings, revision, where)
    if total_of(known, "authz_sds_rejections_total"):
        yield Finding(
            id="sds-rejected",
            where=where,
            what="an Envoy refused a trust bundle and keeps the one it had",
            do="the log has Envoy's reason",
        )


def _store(
    known: Sequence[Sample],
    names: set[str],
    settings: Settings,
    revision: int | None,
    where: str,
) -> Iterator[Finding]:
    if "authz_store_up" not in names:
        yield Finding(
            id="no-control-process",
            where=where,
            what="nothing is heard of the store it follows: its control process does not answer",
            do="the log says why; checks are answered by the last good snapshot",
        )
        return
    up = total_of(known, "authz_store_up") == 1
    if not up:
        yield Finding(
            id="store-down",
            where=where,
            what="it cannot follow the store: checks are answered by the last good snapshot, and "
            "no revocation counts that is made now",
            do="see that the database runs and can be reached; /readyz and the log say why",
        )
    published = total_of(known, "authz_store_revision")
    if up and revision is not None and published < revision:
        yield Finding(
            id="store-behind",
            where=where,
            what=f"the store is at revision {revision}, and {published:.0f} is in force",
            do="look again; if it stays, is that the store of these settings (data_dir, database)?",
        )
    for kind, (what, do) in _NOT_PUBLISHED.items():
        times = total_of(known, "authz_publication_failures_total", kind=kind)
        if times:
            often = "once" if times == 1 else f"{times:.0f} times"
            yield Finding(
                id="not-published",
                where=where,
                what=f"{what} ({often})",
                do=do or f"{validating(settings)} says why",
            )


def look_at_envoy(
    chains: Sequence[Chain], samples: Iterable[Sample] | None, where: str
) -> Iterator[Finding]:
    """Findings about an Envoy that wants its trust bundles over SDS.

    Args:
        samples: the metrics of the authz these settings are of; None when they are not known.
    """
    wanting = [chain for chain in chains if _secret(chain) is not None]
    if not wanting or samples is None:
        return
    if total_of(samples, "authz_sds_streams") == 0:
        yield Finding(
            id="no-sds-stream",
            where=f"{where}: {wanting[0].where}",
            what=f'it wants the trust bundle "{_secret(wanting[0])}" over SDS, and no Envoy is '
            "connected to authz's SDS port: changed authorities do not reach it",
            do="see that sds.listen is on and that Envoy's cluster of the secret has its address",
        )


def _secret(chain: Chain) -> str | None:
    """The name of the validation context that a listener gets over SDS."""
    for path in (
        ("combined_validation_context", "validation_context_sds_secret_config"),
        ("validation_context_sds_secret_config",),
    ):
        config = value_at(chain.tls, "common_tls_context", *path)
        if value_at(config, "sds_config") is not None:
            return str(value_at(config, "name"))
    return None
