# SPDX-License-Identifier: Apache-2.0
"""Which chains of signatures lead from a certificate to an anchor (RFC 4158).

Names and signatures only; whether the certificates of a path are good is asked afterwards, one path
at a time. The library could search as well, but a peer chooses the certificates it searches: here
every bound is ours. A path never holds the same name with the same key twice, a signature is
checked once however many paths use it, signatures and paths are counted, and what signatures of
certificates that the peer sent cost is bounded as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from authz.certs.signature import Signed, signed_by
from authz.certs.trust import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.certs.certificate import Certificate
    from authz.certs.trust import TrustBundle

#: A real chain needs one a certificate, and one more for each CA of the same name.
MAX_SIGNATURE_CHECKS = 64
#: What checks that a sent certificate has a part in may cost, for each certificate of the longest
#: chain that is allowed; a check by a key of P-256 costs 1, by the slowest usual one 8
#: (`KeyDescription.price`). A chain needs one a certificate, and whoever made the certificates up
#: chose their keys: with P-384, 64 checks would be 70 ms. Go's crypto/x509 counts 100 checks
#: (`maxChainSignatureChecks`), whatever they cost.
SENT_PRICE = 10
#: Cross-certification makes two or three; more are only found by looking for them.
MAX_PATHS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """A chain in which every signature is right: leaf first, anchor last."""

    certificates: tuple[Certificate, ...]
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What was found, and what was not.

    `named` is true when the issuer names alone lead to an anchor; `broken` and `unsupported` say
    how the signatures then failed; `too_long` that a path was given up for its length or number.
    `involved` are all certificates that could be part of a path.
    """

    paths: tuple[Path, ...]
    named: bool
    broken: bool
    unsupported: bool
    too_long: bool
    involved: tuple[Certificate, ...]


def find_paths(
    leaf: Certificate, sent: Sequence[Certificate], bundle: TrustBundle, chain_length: int
) -> Search:
    """Every chain from `leaf` over `sent` and the bundle to an anchor, the likeliest first."""
    return _Finder(leaf, sent, bundle, chain_length).search()


class _Finder:
    """One search. Mutable, and gone when it ends."""

    def __init__(
        self,
        leaf: Certificate,
        sent: Sequence[Certificate],
        bundle: TrustBundle,
        chain_length: int,
    ) -> None:
        self._leaf = leaf
        self._bundle = bundle
        self._chain_length = chain_length
        self._sent: dict[bytes, list[Issuer]] = {}
        for certificate in dict.fromkeys(sent):
            if certificate.der not in bundle.members:
                known = self._sent.setdefault(certificate.subject_raw, [])
                known.append(Issuer(certificate=certificate))
        self._left = SENT_PRICE * (chain_length + 1)
        self._checked: dict[tuple[bytes, bytes], Signed] = {}
        self._broken = self._unsupported = self._too_long = False

    def search(self) -> Search:
        involved, named = self._closure()
        paths: list[Path] = []
        if named:
            # Those that do not count are counted all the same: the peer may make them many.
            found = islice(self._extend((self._leaf,)), MAX_PATHS)
            paths = [path for path in found if self._counts(path)]
        return Search(
            paths=tuple(paths),
            named=named,
            broken=self._broken,
            unsupported=self._unsupported,
            too_long=self._too_long,
            involved=involved,
        )

    def _counts(self, path: Path) -> bool:
        through = self._bundle.through_by_authority.get(path.authority)
        return through is None or any(one.der in through for one in path.certificates[1:])

    def _closure(self) -> tuple[tuple[Certificate, ...], bool]:
        """Everything reachable by issuer names, and whether an anchor is among it."""
        involved = {self._leaf: None}
        named = False
        waiting = [self._leaf]
        names: set[bytes] = set()
        while waiting:
            name = waiting.pop().issuer_raw
            if name in names:
                continue
            names.add(name)
            for issuer in self._named(name):
                if issuer.authority:
                    named = True
                if issuer.certificate not in involved:
                    involved[issuer.certificate] = None
                    if not issuer.authority:
                        waiting.append(issuer.certificate)
        return tuple(involved), named

    def _named(self, subject: bytes) -> list[Issuer]:
        return [*self._bundle.issuers_by_subject.get(subject, ()), *self._sent.get(subject, ())]

    def _extend(self, path: tuple[Certificate, ...]) -> Iterator[Path]:
        child = path[-1]
        claimed = child.authority_key_id
        candidates = self._named(child.issuer_raw)
        # RFC 4158 §3.5.12: a hint about the order and never a reason to refuse; sorted() is stable.
        for issuer in sorted(candidates, key=lambda one: _distance(claimed, one.certificate.ski)):
            certificate = issuer.certificate
            if any(
                certificate.spki == above.spki and certificate.subject_raw == above.subject_raw
                for above in path[1:]
            ):
                continue
            if not self._signed(child, certificate):
                continue
            if issuer.authority:
                yield Path(certificates=(*path, certificate), authority=issuer.authority)
            elif len(path) > self._chain_length:
                self._too_long = True
            else:
                yield from self._extend((*path, certificate))

    def _signed(self, child: Certificate, issuer: Certificate) -> bool:
        key = (child.der, issuer.spki)
        answer = self._checked.get(key)
        if answer is None:
            if len(self._checked) >= MAX_SIGNATURE_CHECKS or not self._affords(child, issuer):
                self._too_long = True
                return False
            answer = self._checked[key] = signed_by(child, issuer)
            self._broken |= answer is Signed.NO
            self._unsupported |= answer is Signed.UNSUPPORTED
        return answer is Signed.YES

    def _affords(self, child: Certificate, issuer: Certificate) -> bool:
        """Whether this check may be made still; one that the sent have no part in always may."""
        if not issuer.key.supported:
            return True
        known = child is self._leaf or child.der in self._bundle.members
        if known and issuer.der in self._bundle.members:
            return True
        if issuer.key.price > self._left:
            return False
        self._left -= issuer.key.price
        return True


def _distance(claimed: str, ski: str) -> int:
    if not claimed or not ski:
        return 1
    return 0 if claimed == ski else 2
