# SPDX-License-Identifier: Apache-2.0
"""The peer certificate as it reached us, still encoded.

`Presented` is what extauthz.decode hands on: the encoded certificate and, from XFCC, the encoded
chain. Reading it (PEM, limits) is `read_presented`, so that a remembered certificate is never
parsed twice. Who may be believed is decided by the caller (`certificate_source`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CertificateSource(StrEnum):
    """Where the peer certificate is taken from (architecture 4.5)."""

    ENVOY = "envoy"
    XFCC = "xfcc"


@dataclass(frozen=True, slots=True)
class Presented:
    """A peer certificate in transit form.

    `certificate` is URL-encoded PEM: one block, or the certificate followed by intermediates;
    `chain` is XFCC's `Chain` value in the same encoding (it repeats the certificate first), or
    `""`. `defect` is set when the source itself is wrong (an XFCC hash that does not match, an
    element that cannot be parsed): the certificate then counts as presented and malformed.
    Hashable: (certificate, chain) is what a remembered judgement is keyed by.
    """

    source: CertificateSource = CertificateSource.ENVOY
    certificate: str = ""
    chain: str = ""
    defect: str = ""

    @property
    def is_absent(self) -> bool:
        """True when nothing was presented at all."""
        return not (self.certificate or self.chain or self.defect)


#: No certificate was presented.
ABSENT = Presented()
