# SPDX-License-Identifier: Apache-2.0
"""The parts of an Envoy configuration that this service needs, for whoever has one already.

They are cut from what `config` renders, so they say the same; `marked` finds them there again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.envoy.cluster import authz_cluster_text
from authz.envoy.listener import asking, ext_authz, one_reading
from authz.envoy.options import EnvoyOptions, authz_cluster, forwarding_of
from authz.envoy.sds import sds_cluster_text
from authz.envoy.text import indented

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a configuration.

    Args:
        name: one word, for a link to it.
        where: the part of Envoy's configuration that it belongs into.
        why: what it is there for.
        text: YAML without indentation.
    """

    name: str
    where: str
    why: str
    text: str


def pieces_of(settings: Settings, options: EnvoyOptions) -> tuple[Piece, ...]:
    """What Envoy needs for this installation, in the order of the whole configuration.

    Raises:
        SettingsError: as `config.render_envoy_config`.
    """
    forwarding = forwarding_of(settings)
    found = [
        Piece(
            name="tls",
            where="DownstreamTlsContext of the listener",
            why="Envoy asks its clients for a certificate.",
            text=asking(options, forwarding),
        ),
        Piece(
            name="requests",
            where="HttpConnectionManager",
            why="Envoy, this service and your application read each request the same way.",
            text=one_reading(forwarding, settings.client_ip.trusted_hops),
        ),
        Piece(
            name="filter",
            where="http_filters of the HttpConnectionManager, before all others",
            why="Envoy asks this service about every request.",
            text=ext_authz(options, forwarding),
        ),
        Piece(
            name="cluster",
            where="static_resources, clusters",
            why="Where Envoy finds this service.",
            text=authz_cluster_text(authz_cluster(settings, options), options),
        ),
    ]
    if options.sds is not None:
        found.append(
            Piece(
                name="sds",
                where="static_resources, clusters",
                why="Where Envoy gets the CAs of its clients.",
                text=sds_cluster_text(settings, options.sds),
            )
        )
    return tuple(found)


def marked(text: str, pieces: Sequence[Piece]) -> Iterator[tuple[str, Piece | None]]:
    """A rendered configuration in its order, cut into the pieces and what is between them."""
    at = 0
    for piece in pieces:
        found = _place(text, piece.text, at)
        if found is None:
            continue
        begin, end = found
        if begin > at:
            yield text[at:begin], None
        yield text[begin:end], piece
        at = end
    if at < len(text):
        yield text[at:], None


def _place(text: str, piece: str, at: int) -> tuple[int, int] | None:
    """Where a piece is, whatever its indentation."""
    first = piece.partition("\n")[0]
    found = text.find(first, at)
    while found >= 0:
        begin = text.rfind("\n", 0, found) + 1
        wanted = indented(piece, found - begin)
        if text.startswith(wanted, begin):
            return begin, begin + len(wanted)
        found = text.find(first, found + 1)
    return None
