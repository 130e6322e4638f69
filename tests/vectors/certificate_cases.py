# SPDX-License-Identifier: Apache-2.0
"""How a certificate vector is written: a function whose docstring is its description.

@case("RFC 5280 §4.2.1.12")
def eku__server_only(pki: Pki) -> Case:
    '''A certificate for servers only is not a client certificate.'''
    return pki.case(pki.root.server("a.test"), failure="wrong_usage")
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authz.demo.pki import Issued, make_root
from tests.factories.pki import AT, fixed_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Unpack

    from authz.demo.pki import Changes, Crl

CASES: list[tuple[str, str, str, Callable[[Pki], Case]]] = []


@dataclass(kw_only=True)
class Case:
    """One vector before it is encoded."""

    peer: bytes
    trusted: Sequence[bytes]
    intermediates: Sequence[bytes] = ()
    crls: Sequence[Crl] = ()
    ocsp: Sequence[bytes] | None = None
    revoked_serials: Sequence[int] = ()
    revocation: str = "strict"
    at: float = AT
    expect: dict[str, Any] = field(default_factory=dict)
    differs: str = ""
    openssl: bool = True


class Pki:
    """Certificates with keys and serial numbers that depend on the case's id alone."""

    def __init__(self, identifier: str) -> None:
        self._identifier = identifier
        self._made = 0
        self.root = self.make_root()
        self.ca = self.intermediate()

    def _fixed(self, changes: Changes) -> Changes:
        self._made += 1
        label = f"{self._identifier}#{self._made}"
        changes.setdefault("key", fixed_key(label))
        changes.setdefault(
            "serial", int.from_bytes(hashlib.sha256(label.encode()).digest()[:16]) >> 1 | 1
        )
        return changes

    def make_root(self, name: str = "Vector Root", **changes: Unpack[Changes]) -> Issued:
        changes.setdefault("at", AT)
        return make_root(name, **self._fixed(changes))

    def intermediate(
        self, issuer: Issued | None = None, name: str = "Vector CA", **changes: Unpack[Changes]
    ) -> Issued:
        return (issuer or self.root).intermediate(name, **self._fixed(changes))

    def client(self, issuer: Issued | None = None, **changes: Unpack[Changes]) -> Issued:
        return (issuer or self.root).client("client", **self._fixed(changes))

    def case(
        self,
        peer: Issued | bytes,
        *intermediates: Issued | bytes,
        trusted: Iterable[Issued | bytes] | None = None,
        failure: str | None = None,
        revoked: bool = False,
        load_error: str = "",
        path: Sequence[str] | None = None,
        **rest: Any,
    ) -> Case:
        """The case: verified unless `failure` or `load_error` is given."""
        expect: dict[str, Any]
        if load_error:
            expect = {"load_error": load_error}
        else:
            expect = {"verified": failure is None, "revoked": revoked}
            if failure:
                expect["failure"] = failure
            if path:
                expect["path"] = list(path)
        return Case(
            peer=_der(peer),
            trusted=[_der(one) for one in ([self.root] if trusted is None else trusted)],
            intermediates=[_der(one) for one in intermediates],
            expect=expect,
            **rest,
        )


def case(clause: str) -> Callable[[Callable[[Pki], Case]], Callable[[Pki], Case]]:
    """Register a function as a vector; its name `group__name` becomes `group/name`."""

    def register(function: Callable[[Pki], Case]) -> Callable[[Pki], Case]:
        identifier = function.__name__.replace("__", "/", 1)
        description = " ".join((function.__doc__ or "").split())
        CASES.append((identifier, description, clause, function))
        return function

    return register


def _der(one: Issued | bytes) -> bytes:
    return one if isinstance(one, bytes) else one.der
