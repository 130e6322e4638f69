# SPDX-License-Identifier: Apache-2.0
"""This node: what its settings say, where it listens by now, and Envoy's configuration for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, SdsOptions, reachable
from authz.envoy.pieces import Piece, pieces_of
from authz.settings import Settings, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a running node listens, port 0 resolved; None for what is not served."""

    grpc: tuple[str, ...]
    sds: str | None = None
    metrics: str | None = None
    publication: str | None = None
    admin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyText:
    """Envoy's configuration: all of it, and the pieces of it that this service needs."""

    whole: str
    pieces: tuple[Piece, ...]


def _unknown() -> Addresses | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What pages say about the node that serves them.

    Args:
        settings: without secrets.
        addresses: None while nobody knows.
    """

    settings: Settings = field(default_factory=Settings)
    addresses: Callable[[], Addresses | None] = _unknown

    def envoy(self, options: EnvoyOptions) -> EnvoyText:
        """Envoy's configuration.

        Args:
            options: what the settings do not know; where the node listens is filled in.

        Raises:
            SettingsError: an address is none, or is not known.
        """
        there = self.addresses()
        if there is not None:
            options = replace(options, authz=tuple(map(_reached, there.grpc)))
            if options.sds is not None and there.sds is not None:
                options = replace(options, sds=replace(options.sds, address=_reached(there.sds)))
        return EnvoyText(
            whole=render_envoy_config(self.settings, options),
            pieces=pieces_of(self.settings, options),
        )

    @property
    def offers_sds(self) -> bool:
        """Whether Envoy can get its trust bundle from this service."""
        return self.settings.sds.active and self.settings.xfcc.trusted_hops == 1


def sds_options(*, strict: bool = False) -> SdsOptions:
    """The trust bundle of all sites together."""
    return SdsOptions(strict=strict)


def _reached(address: str) -> str:
    return str(reachable(parse_address(address)))
