# SPDX-License-Identifier: Apache-2.0
"""Chains that are made up to be dear: each is refused for a bounded number of signature checks.

Behind a proxy whose word is taken for the chain (`certificate_source: xfcc`), certificates that
nobody vouches for reach the service. Counted is what is checked, not how long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from authz.certs.paths import MAX_SIGNATURE_CHECKS, SENT_PRICE
from authz.certs.presented import DEFAULT_LIMITS
from authz.certs.signature import Signed, signed_by
from authz.demo.pki import Issued, make_root
from tests.attack.report import tried
from tests.factories.checks import check_request
from tests.factories.pki import AT, KeyKind, fixed_key, slow_key, url_encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.certs.certificate import Certificate
    from authz.demo.keys import PrivateKey
    from tests.attack.judge import Judge

pytestmark = pytest.mark.attack

HOST: Final = "everything.test"
#: The common name of the authority that is trusted there.
ACME_NAME: Final = "Acme Root CA"
#: The certificates of the longest chain that is allowed.
_LONGEST: Final = DEFAULT_LIMITS.chain_length + 1


def _keys(name: str) -> list[PrivateKey]:
    if name == "a large exponent":
        return [slow_key(2047 - number) for number in range(DEFAULT_LIMITS.chain_length)]
    kind = {"P-256": KeyKind.P256, "P-384": KeyKind.P384, "P-521": KeyKind.P521}[name]
    return [fixed_key(f"costly {number}", kind) for number in range(DEFAULT_LIMITS.chain_length)]


def _chains(keys: list[PrivateKey]) -> Iterator[tuple[Issued, ...]]:
    """A client and eight CAs: all of the trusted one's name, or each of its own."""
    for same in (True, False):
        made: list[Issued] = []
        for number, key in enumerate(keys):
            name = ACME_NAME if same or not number else f"Acme {number}"
            above = made[-1] if made else None
            made.append(
                make_root(name, at=AT, key=key, serial=900)
                if above is None
                else above.intermediate(name, key=key, serial=900 + number)
            )
        yield made[-1].client("alice", key=fixed_key("costly")), *made


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "a large exponent"])
def test_what_a_made_up_chain_costs_is_bounded(
    kind: str, judges: dict[str, Judge], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []

    def counted(child: Certificate, issuer: Certificate) -> Signed:
        if issuer.key.supported:
            checked.append(issuer.key.price)
        return signed_by(child, issuer)

    monkeypatch.setattr("authz.certs.paths.signed_by", counted)
    wrong, times = [], 0
    for leaf, *above in _chains(_keys(kind)):
        assert leaf.certificate.issuer == above[-1].subject
        chain = url_encoded(b"".join(one.pem for one in (leaf, *above)))
        element = f'Hash={leaf.fingerprint};Cert="{url_encoded(leaf.pem)}";Chain="{chain}"'
        request = check_request(
            host=HOST, headers=[("x-forwarded-client-cert", element.encode())], raw=True
        )
        checked.clear()
        one = judges["xfcc"].check(request.SerializeToString())
        times += 1
        # And one by what is trusted, for the client's own certificate.
        if one.allowed or sum(checked) > SENT_PRICE * _LONGEST + 1:
            wrong.append((kind, one.said, checked[:]))
        assert len(checked) <= MAX_SIGNATURE_CHECKS
        assert checked or kind == "a large exponent"

    tried("corpus", "chains that are made up to be dear", times, wrong=len(wrong))
    assert not wrong
