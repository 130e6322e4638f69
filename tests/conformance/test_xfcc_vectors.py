# SPDX-License-Identifier: Apache-2.0
"""Runs tests/vectors/xfcc: a header value and the elements in it. Unknown lines are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from authz.certs.xfcc import XfccElement, format_xfcc, format_xfcc_json, parse_xfcc

FOLDER = Path(__file__).parent.parent / "vectors" / "xfcc"
REPEATABLE = ("by", "uri", "dns")


def _chunks() -> list[dict[str, Any]]:
    chunks: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.txt")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.name}:{number}"
            if not line or line.startswith("# "):
                continue
            if line.startswith("--- "):
                chunks.append({"title": line[4:], "where": where, "elements": [], "defect": ""})
            elif line.startswith("header:"):
                chunks[-1]["header"] = line[7:].removeprefix(" ").replace("\\t", "\t")
            elif line == "element":
                chunks[-1]["elements"].append({})
            else:
                key, colon, value = line.partition(": ")
                assert colon, where
                if key == "defect":
                    chunks[-1]["defect"] = value
                    continue
                element = chunks[-1]["elements"][-1]
                assert key in XfccElement.__dataclass_fields__, where
                element[key] = (*element.get(key, ()), value) if key in REPEATABLE else value
    return chunks


CHUNKS = _chunks()


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: str(chunk["title"]))
def test_a_header_has_these_elements(chunk: dict[str, Any]) -> None:
    found = parse_xfcc(chunk["header"])

    if chunk["defect"]:
        (element,) = found
        assert chunk["defect"] in element.defect, chunk["where"]
        assert element == XfccElement(defect=element.defect)
    else:
        assert found == tuple(XfccElement(**one) for one in chunk["elements"]), chunk["where"]
        assert parse_xfcc(format_xfcc(found)) == found
        assert parse_xfcc(format_xfcc_json(found)) == found or not found
