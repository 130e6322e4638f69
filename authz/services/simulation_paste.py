# SPDX-License-Identifier: Apache-2.0
"""Which of the forms a pasted text has: a curl command, a line of an access log, a CheckRequest."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.services.pasted import Kind
from authz.services.simulation_access_log import read_access_log
from authz.services.simulation_check_request import read_check_request
from authz.services.simulation_curl import read_curl

if TYPE_CHECKING:
    from authz.extauthz.decode import DecodeOptions
    from authz.services.pasted import Pasted

#: Most characters of a text: twice what a simulation takes, for the base64 in it.
MAX_TEXT: Final = 4 * 1024 * 1024

_CURL: Final = re.compile(r"(?:\$ )?(?:[^\s'\"]*/)?curl(?:\.exe)?(?:\s|\\|\Z)", re.IGNORECASE)


def kind_of(text: str) -> Kind:
    """What a text looks like.

    Raises:
        InvalidInputError: none of them.
    """
    text = text.strip()
    if _CURL.match(text):
        return Kind.CURL
    if text.startswith("["):
        return Kind.ACCESS_LOG
    if text.startswith("{"):
        return Kind.CHECK_REQUEST if _is_check_request(text) else Kind.ACCESS_LOG
    raise InvalidInputError(
        "this is neither a curl command, nor a line of Envoy's access log, nor a CheckRequest",
        hint="paste a text that begins with curl, with [ or with {",
    )


def read_pasted(text: str, options: DecodeOptions | None = None) -> Pasted:
    """The request that a text describes.

    Args:
        options: whose word counts for the certificate of a CheckRequest.

    Raises:
        InvalidInputError: none, and why.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInputError(
            f"the text has {len(text):,} characters, {MAX_TEXT:,} are possible here",
            hint="paste one request",
        )
    kind = kind_of(text)
    if kind is Kind.CURL:
        return read_curl(text)
    if kind is Kind.ACCESS_LOG:
        return read_access_log(text)
    return read_check_request(text, options)


def _is_check_request(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # Broken: what it was meant to be is told by what stands at its beginning.
        return '"attributes"' in text[:200]
    return isinstance(found, dict) and ("attributes" in found or not found)
