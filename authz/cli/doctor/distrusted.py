# SPDX-License-Identifier: Apache-2.0
"""Whether a CA that was distrusted because of an incident is trusted somewhere all the same.

By a program of the release before, which knows of none; under another name with the same key; or in
a policy file beside the store.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from authz.cli.doctor.findings import Finding
from authz.cli.options import fetched_of
from authz.errors import AuthzError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.services.authorities import KnownAuthority
    from authz.services.same_key import KeysOf
    from authz.settings import Settings
    from authz.store.records import AuthorityCertificate


def look(settings: Settings) -> Iterator[Finding]:
    """Findings about distrusted CAs; none where there is no store, or none that can be read."""
    from authz.services.authorities import list_authorities
    from authz.services.hosts import list_hosts
    from authz.services.same_key import KeysOf
    from authz.store.engine import open_store

    # A policy file may be all that is in force, and the store beside it only issue certificates.
    if settings.database == "sqlite" and not (settings.data_dir / "authz.db").exists():
        return
    try:
        with closing(open_store(settings.database, settings.data_dir, create=False)) as store:
            known = list_authorities(store)
            hosts = list_hosts(store) if settings.store_active else []
    except StoreError:
        return  # `installation` says so
    leaked = [one for one in known if one.is_distrusted]
    if not leaked:
        return
    keys = KeysOf()
    asked: dict[str, list[str]] = {}
    for host in hosts:
        for authority in host.authorities:
            asked.setdefault(authority.id, []).append(host.hostname)
    for one in known:
        names = asked.get(one.authority.id)
        of = _distrusted_by(leaked, one.certificates, keys)
        if names and of:
            first, more = names[0], f" and {len(names) - 1} more" if len(names) > 1 else ""
            same = "" if one.is_distrusted else f", which has the key of {of}"
            yield Finding(
                id="distrusted-ca",
                where=f"authority {one.authority.name}",
                what=f"{first}{more} asks for certificates of {one.authority.name}{same}: it was "
                "distrusted because of an incident, and whoever has its key is let in",
                do=f"authz incident distrust {one.authority.name}; then authz ca create --name "
                f"NEW, and authz host add {first} --ca NEW",
            )
    yield from _policy_file(settings, leaked, keys)


def _distrusted_by(
    leaked: Sequence[KnownAuthority], certificates: Sequence[AuthorityCertificate], keys: KeysOf
) -> str:
    """The name of the distrusted authority with a key of these; empty when there is none."""
    return _name(leaked, keys.of(one.der for one in certificates), keys)


def _name(leaked: Sequence[KnownAuthority], wanted: frozenset[str], keys: KeysOf) -> str:
    from authz.services.distrust import leaked_certificates

    for one in leaked:
        if wanted & keys.of(each.der for each in leaked_certificates(one)):
            return one.authority.name
    return ""


def _policy_file(
    settings: Settings, leaked: Sequence[KnownAuthority], keys: KeysOf
) -> Iterator[Finding]:
    from authz.sources.policy_file import load_policy

    if settings.policy is None:
        return
    try:
        sites = load_policy(settings.policy, fetched=fetched_of(settings)).model.sites
    except AuthzError:
        return  # `files` says so
    seen: set[str] = set()
    for site in sites:
        for trusted in site.trust:
            of = _name(leaked, keys.of(trusted.certificates), keys)
            if of and trusted.name not in seen:
                seen.add(trusted.name)
                yield Finding(
                    id="distrusted-ca",
                    where=f"{settings.policy}: authority {trusted.name}",
                    what=f'site "{site.name}" trusts the key of {of}, which was distrusted because '
                    "of an incident: whoever has it is let in",
                    do="take it from trust there: a running service notices",
                )
