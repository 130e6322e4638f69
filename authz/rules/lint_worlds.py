# SPDX-License-Identifier: Apache-2.0
"""One request judged for several clients at once.

What the lint wants to know of a rule is a comparison: is a revoked certificate treated like a good
one, does another issuer make a difference? So a condition is evaluated in several worlds side by
side, which are the same request with another client. In two of the worlds something is up to
somebody else (what an unverified certificate claims; which of the trusted authorities issued), and
there a condition may be open. The truths in all worlds are a vector; lint_solver finds the vectors
that a condition can have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import FieldRef, Truth
from authz.rules.evaluator import evaluate_node
from authz.rules.lint_domain import ABSENT_FAILURE, FAILURE
from authz.rules.lint_tree import fields_of
from authz.rules.types import Value, default_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Logical

#: Without a certificate; with one that is not verified; verified and not revoked; verified and
#: revoked (which implies verified, architecture 4.1).
ABSENT, UNVERIFIED, GOOD, REVOKED = 1, 2, 4, 8
#: Unverified, and the certificate claims what it likes.
CLAIMING: Final = 16
#: Verified and not revoked, and any of the trusted authorities issued it.
ISSUED: Final = 32
#: Revoked and yet not verified. There is no such client, but a rule that is changed to treat
#: revoked certificates as unverified ones does with them what it did here.
REFUSED: Final = 64

#: The worlds in which nothing is up to anybody.
CERTAIN: Final = ABSENT | UNVERIFIED | GOOD | REVOKED
_WIDTH: Final = 7
_ALL: Final = (1 << _WIDTH) - 1
_OUTSIDE: Final = ABSENT | UNVERIFIED | CLAIMING | REFUSED
_INSIDE: Final = GOOD | REVOKED | ISSUED

#: The worlds where a condition is true, and shifted by _WIDTH those where it is false.
Vector: TypeAlias = int
ALWAYS: Final[Vector] = _ALL
NEVER: Final[Vector] = _ALL << _WIDTH
#: A condition that asks nothing about the client: it may be true or false.
FREE: Final = frozenset({ALWAYS, NEVER})

_TLS: Final = "cf.tls_client_auth."
VERIFIED_FIELD: Final = _TLS + "cert_verified"
REVOKED_FIELD: Final = _TLS + "cert_revoked"
PRESENTED_FIELD: Final = _TLS + "cert_presented"

#: Empty without a verified certificate, and of the issuer on the verified path (architecture 4.4).
ISSUER_FIELDS: Final = frozenset(
    _TLS + name
    for name in (
        "cert_issuer_dn",
        "cert_issuer_dn_rfc2253",
        "cert_issuer_dn_legacy",
        "cert_issuer_serial",
        "cert_issuer_ski",
    )
)
#: Nobody else can show a certificate with one of these: whoever issued it, it is the one.
PROOFS: Final = frozenset(
    {_TLS + "cert_fingerprint_sha256", _TLS + "cert_rfc9440", "authz.cert.spki_sha256"}
)
#: The leaf's own facts: there for whatever was presented, by whomever signed (architecture 4.4).
# SHA-1 is among them: two certificates of one fingerprint can be made.
CLAIMS: Final = frozenset(
    {
        *(
            _TLS + name
            for name in (
                "cert_subject_dn",
                "cert_subject_dn_rfc2253",
                "cert_subject_dn_legacy",
                "cert_serial",
                "cert_fingerprint_sha1",
                "cert_not_before",
                "cert_not_after",
                "cert_ski",
                "cert_chain_rfc9440",
            )
        ),
        "authz.cert.san.dns",
        "authz.cert.san.uri",
        "authz.cert.san.email",
        "authz.cert.san.ip",
    }
)
#: Which authority, or which certificate. A name is neither: any authority may certify any name.
IDENTITY: Final = ISSUER_FIELDS | PROOFS | {_TLS + "cert_fingerprint_sha1"}
_LEAF: Final = (
    CLAIMS | PROOFS | {_TLS + "cert_rfc9440_too_large", _TLS + "cert_chain_rfc9440_too_large"}
)
_FLAGS: Final = {
    VERIFIED_FIELD: _INSIDE,
    REVOKED_FIELD: REVOKED | REFUSED,
    PRESENTED_FIELD: _ALL & ~ABSENT,
}
#: Fields whose value depends on the client.
CLIENT_FIELDS: Final = frozenset({*_FLAGS, *ISSUER_FIELDS, *_LEAF, FAILURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """How a condition's truth for one value becomes a vector.

    It is true in the worlds `true` and open in the worlds `open`, whatever the value; where it is
    `free` it has the value's truth; elsewhere it is false.
    """

    true: int = 0
    free: int = _ALL
    open: int = 0

    def vector(self, truth: bool) -> Vector:
        """The vector of the condition when its value makes it true, or false."""
        holds = self.true | (self.free if truth else 0)
        return holds | (_ALL & ~self.open & ~holds) << _WIDTH


#: Conditions that do not ask about the client.
_NO_PINS: Final = Pins()


def flipped(vector: Vector) -> Vector:
    """The vector of `not`."""
    return vector >> _WIDTH | (vector & _ALL) << _WIDTH


def both(one: Vector, other: Vector) -> Vector:
    """The vector of `and`: true where both are, false where one is."""
    return (one & other & _ALL) | ((one | other) & NEVER)


def either(one: Vector, other: Vector) -> Vector:
    """The vector of `or`."""
    return ((one | other) & _ALL) | (one & other & NEVER)


def one_of(one: Vector, other: Vector) -> Vector:
    """The vector of `xor`: open where one of them is."""
    return either(both(one, flipped(other)), both(flipped(one), other))


def true_in(vector: Vector, worlds: int) -> bool:
    """Whether a condition is true in all of some worlds."""
    return vector & worlds == worlds


def false_in(vector: Vector, worlds: int) -> bool:
    """Whether a condition is false in all of some worlds."""
    return vector >> _WIDTH & worlds == worlds


def flag_vector(leaf: Logical) -> Vector | None:
    """The one vector of a condition that is a fact about the client by itself."""
    if not isinstance(leaf, Truth) or not isinstance(leaf.operand.base, FieldRef):
        return None
    true = _FLAGS.get(leaf.operand.base.field.name)
    return None if true is None else true | (_ALL & ~true) << _WIDTH


def pins_of(leaf: Logical) -> Pins | None:
    """How the client decides about a condition; None when it takes `mixed_vectors`."""
    fields = {field.name: field for field in fields_of(leaf)}
    if CLIENT_FIELDS.isdisjoint(fields):
        return _NO_PINS
    if len(fields) > 1 or not _FLAGS.keys().isdisjoint(fields):
        return None
    ((name, field),) = fields.items()
    empty = {name: default_value(field.type)}
    if name == FAILURE:
        inside = _pinned(leaf, empty, _INSIDE, 0)
        absent = _pinned(leaf, {name: ABSENT_FAILURE}, ABSENT, 0)
        return Pins(true=inside.true | absent.true, free=inside.free & absent.free)
    if name in ISSUER_FIELDS:
        return _pinned(leaf, empty, _OUTSIDE, ISSUED)
    is_open = (CLAIMING if name in CLAIMS else 0) | (ISSUED if name in IDENTITY else 0)
    return _pinned(leaf, empty, ABSENT, is_open)


def mixed_vectors(leaf: Logical) -> frozenset[Vector]:
    """The vectors of a condition that takes several facts about the client, or other values.

    Worlds that differ in nothing it reads have the same truth; all others are independent.
    """
    read = CLIENT_FIELDS.intersection(field.name for field in fields_of(leaf))
    inside = read - _LEAF - {PRESENTED_FIELD, REVOKED_FIELD}
    groups = [ABSENT, UNVERIFIED | CLAIMING, GOOD | ISSUED, REVOKED, REFUSED]
    if REVOKED_FIELD not in read:
        groups = [ABSENT, UNVERIFIED | CLAIMING | REFUSED, _INSIDE]
    if not inside:
        groups[1:3] = [groups[1] | groups[2]]
    is_open = (CLAIMING if read & CLAIMS else 0) | (ISSUED if read & IDENTITY else 0)
    return frozenset(
        Pins(true=sum(chosen) & ~is_open, free=0, open=is_open).vector(False)
        for chosen in product(*((0, group) for group in groups))
    )


def _pinned(leaf: Logical, empty: Mapping[str, Value], worlds: int, is_open: int) -> Pins:
    """A condition that has the truth of an empty value in some worlds."""
    true = worlds if evaluate_node(leaf, empty) is True else 0
    return Pins(true=true, free=_ALL & ~worlds & ~is_open, open=is_open)
