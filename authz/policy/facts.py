# SPDX-License-Identifier: Apache-2.0
"""What Envoy told us about one request, decoded and no more.

extauthz.decode supplies it, each part when it is first read; policy.authorizer and the fields read
it. Values are bytes as received (header bytes survive); nothing is normalised or trusted here.
Source: Envoy service.auth.v3.AttributeContext.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from authz.certs.presented import Presented


class RequestFacts(Protocol):
    """One request as its CheckRequest described it.

    Reading a part may raise what extauthz.decode raises: a part that no rule reads is not parsed.
    """

    @property
    def size(self) -> int:
        """Bytes of the whole CheckRequest: more than all its texts together."""

    @property
    def method(self) -> bytes:
        """The method as sent."""

    @property
    def host(self) -> bytes:
        """The Host or :authority value as sent."""

    @property
    def path(self) -> bytes:
        """The request target with its query, as sent to us."""

    @property
    def scheme(self) -> bytes:
        """`https` or `http`."""

    @property
    def protocol(self) -> bytes:
        """`HTTP/1.1`, `HTTP/2`, `HTTP/3`."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """`(lower-case name, value)` in order, pseudo headers left out."""

    @property
    def headers_truncated(self) -> bool:
        """True when not every header reached us."""

    @property
    def body(self) -> bytes:
        """As much of the body as was forwarded."""

    @property
    def body_size(self) -> int:
        """Bytes of the whole body, -1 when unknown."""

    @property
    def body_truncated(self) -> bool:
        """True when `body` may be less than all of it."""

    @property
    def request_id(self) -> str:
        """Envoy's x-request-id."""

    @property
    def time_seconds(self) -> int:
        """When Envoy got the request, Unix seconds; 0 when it did not say."""

    @property
    def time_nanos(self) -> int:
        """Nanoseconds of that second."""

    @property
    def source_address(self) -> str:
        """The client's address after `client_ip.trusted_hops`; `""` when unknown."""

    @property
    def peer_address(self) -> str:
        """The TCP peer's address; `""` when unknown."""

    @property
    def peer_port(self) -> int:
        """The TCP peer's port."""

    @property
    def destination_address(self) -> str:
        """The address that took the request; `""` when unknown."""

    @property
    def destination_port(self) -> int:
        """The port that took the request."""

    @property
    def sni(self) -> str | None:
        """The TLS server name: None when Envoy did not say, `""` for TLS without one."""

    @property
    def credential(self) -> Hashable | None:
        """What identifies `presented` as it was sent; None when nothing was presented.

        Equal credentials are the same presented certificate: what is remembered is kept under it.
        """

    @property
    def presented(self) -> Presented:
        """The peer certificate in transit form."""

    @property
    def context_extensions(self) -> Mapping[str, str]:
        """The route's `context_extensions`."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What other Envoy filters left, by namespace."""
