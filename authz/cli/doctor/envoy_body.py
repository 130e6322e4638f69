# SPDX-License-Identifier: Apache-2.0
"""Whether bodies reach the rules that read them, and how their end is told.

Facts: Envoy 1.40. Without `allow_partial_message` it answers 413 beyond `max_request_bytes`; with
it, a body that fills the limit exactly and goes on later is said to be whole (measured), so authz
must know the limit to tell (policy.unknown).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.cli.doctor.envoy_dump import at, check_settings
from authz.cli.doctor.findings import Finding
from authz.policy.unknown import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from authz.cli.doctor.envoy_dump import Chain
    from authz.settings import Settings

_FIELDS: Final = "http.request.body."


def policy_reads_bodies(settings: Settings, now: float) -> bool:
    """Whether any rule does. A policy that cannot be used reads nothing: `installation` says so."""
    from authz.cli.options import snapshot_of
    from authz.errors import AuthzError

    try:
        snapshot = snapshot_of(settings, now)
    except AuthzError:
        return False
    return any(name.startswith(_FIELDS) for site in snapshot.sites for name in site.ruleset.fields)


def look(chain: Chain, dump: Any, *, reads_bodies: bool) -> Iterator[Finding]:
    """Findings about `with_request_body` of one filter and of the routes behind it."""
    where = f"{chain.where}: ext_authz"
    of_filter = chain.filter.get("with_request_body")
    routes = [*check_settings(dump, chain)]
    bodies = [(route, one.get("with_request_body", of_filter), one) for route, one in routes]
    if reads_bodies and not of_filter and not any(body for _, body, _ in bodies):
        yield Finding(
            id="no-body",
            where=where,
            what="rules read http.request.body.*, and bodies are not part of the check",
            do="set with_request_body: {max_request_bytes: 65536, pack_as_bytes: true}",
        )
    for route, body, settings in bodies or [("", of_filter, {})]:
        if at(body, "allow_partial_message") is not True:
            continue
        limit = str(at(body, "max_request_bytes"))
        named = at(settings, "context_extensions", BODY_LIMIT)
        if named == limit:
            continue
        yield Finding(
            id="body-limit",
            where=f"{where}, {route}" if route else where,
            what="a streamed body that fills the limit exactly counts as whole, whatever follows"
            + (f"; authz was told {named}" if named is not None else ""),
            do=f'name the limit: check_settings.context_extensions: {{{BODY_LIMIT}: "{limit}"}} '
            "in typed_per_filter_config of the virtual host; or remove allow_partial_message, "
            "then longer bodies end in 413",
        )
        return  # one is enough to know what to do
