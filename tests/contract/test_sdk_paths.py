# SPDX-License-Identifier: Apache-2.0
"""What is marked as an extension is what Cloudflare's own SDK does not know, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cloudflare

from authz.api.app import create_api
from authz.services.backend import Backend

_PATH = re.compile(r'"(/[A-Za-z{][^" ]*)"')
_SCOPE = re.compile(r"^/(?:zones|accounts|\{\})/\{\}")


def _shape(path: str) -> str:
    """A path without the names of its parameters; rulesets are an account's or a zone's."""
    return _SCOPE.sub("/SCOPE", re.sub(r"\{[^}]*\}", "{}", path))


def _known() -> set[str]:
    resources = (Path(cloudflare.__file__).parent / "resources").rglob("*.py")
    return {_shape(path) for file in resources for path in _PATH.findall(file.read_text())}


def _nothing() -> Any:
    raise AssertionError("a document needs no store")


def test_extensions_are_what_the_sdk_has_not() -> None:
    known = _known()
    assert {_shape("/zones/{zone_id}"), _shape("/user/tokens/verify")} <= known
    document = create_api(Backend(store=_nothing, encryption=_nothing)).openapi()

    wrong = [
        f"{method} {path} is {'' if marked else 'not '}marked"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if (marked := operation.get("x-extension") is True) is (_shape(path) in known)
    ]

    assert not wrong
