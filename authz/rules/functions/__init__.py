# SPDX-License-Identifier: Apache-2.0
"""The functions of the Rules language that custom rules may use (Cloudflare, "Functions").

`CUSTOM_RULES_FUNCTIONS` is what a `Scheme` offers unless told otherwise. `any` and `all` are not
here: they are grammar (`ast.Quantifier`). Functions that Cloudflare has for other phases are
`NOT_IN_CUSTOM_RULES`, those of its other products `NOT_HERE`, so that a rule that names one is told
why it cannot work.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.rules.functions.collections import COALESCE, HAS_KEY, HAS_VALUE, JOIN, LEN
from authz.rules.functions.encoding import DECODE_BASE64, URL_DECODE
from authz.rules.functions.json_lookup import LOOKUP_JSON_INTEGER, LOOKUP_JSON_STRING
from authz.rules.functions.network import CIDR, CIDR6
from authz.rules.functions.text import (
    CONCAT,
    ENDS_WITH,
    LOWER,
    REMOVE_BYTES,
    STARTS_WITH,
    SUBSTRING,
    UPPER,
)
from authz.rules.functions.timed_hmac import IS_TIMED_HMAC_VALID_V0

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.functions.model import Function

CUSTOM_RULES_FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        function.name: function
        for function in (
            CIDR,
            CIDR6,
            COALESCE,
            CONCAT,
            DECODE_BASE64,
            ENDS_WITH,
            HAS_KEY,
            HAS_VALUE,
            IS_TIMED_HMAC_VALID_V0,
            JOIN,
            LEN,
            LOOKUP_JSON_INTEGER,
            LOOKUP_JSON_STRING,
            LOWER,
            REMOVE_BYTES,
            STARTS_WITH,
            SUBSTRING,
            UPPER,
            URL_DECODE,
        )
    }
)

_TOKENS: Final = (
    "it belongs to Cloudflare's API Shield; Envoy's jwt_authn filter verifies tokens, and "
    "http.request.jwt.claims.* are the claims of those that passed"
)
# Name -> why it is not here although custom rules may use it at Cloudflare.
NOT_HERE: Final[Mapping[str, str]] = MappingProxyType(
    {"is_jwt_present": _TOKENS, "is_jwt_valid": _TOKENS}
)

# Name -> where Cloudflare allows it instead.
NOT_IN_CUSTOM_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bit_slice": "Magic Firewall",
        "encode_base64": "header transform rules",
        "regex_replace": "transform rules and redirects",
        "remove_query_args": "transform rules",
        "sha256": "header transform rules",
        "split": "response header transform rules and custom error rules",
        "to_string": "transform rules and redirects",
        "uuidv4": "transform rules",
        "wildcard_replace": "URL rewrites and redirects",
    }
)
