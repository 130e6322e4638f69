# SPDX-License-Identifier: Apache-2.0
"""Any bytes as x-forwarded-client-cert are elements, read back as written, or one defect."""

from __future__ import annotations

from authz.certs.xfcc import XfccElement, format_xfcc, format_xfcc_json, parse_xfcc


def run(data: bytes) -> None:
    """Read it, write it, read it again."""
    elements = parse_xfcc(data)
    if any(element.defect for element in elements):
        assert elements == (XfccElement(defect=elements[0].defect),)
        return
    full = tuple(one for one in elements if one != XfccElement())
    assert parse_xfcc(format_xfcc(full)) == full
    # Of no element there is nothing to write.
    assert not full or parse_xfcc(format_xfcc_json(full)) == full
