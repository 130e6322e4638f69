# SPDX-License-Identifier: Apache-2.0
"""Hints for unknown names: what the writer of an expression may have meant.

A hint never changes what is accepted.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from authz.rules.call_suggestions import method_hint
from authz.rules.repeat_suggestions import REPEAT_FIELD
from authz.rules.suggestion_text import COMPARISON_WORDS, KEYWORDS, LONGEST_NAME, plain
from authz.rules.suggestions import FIELD_FIRST, did_you_mean
from authz.rules.types import Array, Bool, Bytes, Int, Ip, Map

if TYPE_CHECKING:
    from authz.rules.scheme import Scheme

# Above, a misspelt name; below, more likely a name of another program's.
_MISSPELT: Final = 0.88
# How many fields may end in the same word for that word to be a hint.
_FEW: Final = 3

_TLS: Final = "cf.tls_client_auth."
_MEANT: Final = {
    "ip.src": (
        *("addr", "address", "client_ip", "ip", "remote_addr", "remote_ip", "source_ip", "src_ip"),
        *("client_addr", "ip_address", "src_addr", "x_real_ip"),
    ),
    "http.host": ("hostname", "host_name", "domain", "vhost", "authority"),
    "http.request.method": ("verb", "http_method", "request_method"),
    "http.request.uri": ("request_uri",),
    "http.request.uri.path": ("pathname", "url_path", "uri_path"),
    "http.request.uri.query": ("query_string", "querystring"),
    "http.request.full_uri": ("url", "full_url", "href"),
    "http.user_agent": ("agent", "ua"),
    "http.referer": ("referrer",),
    "http.request.headers": ("header",),
    "http.request.cookies": ("cookie_map",),
    "http.request.body.raw": ("body", "request_body"),
    "http.request.timestamp.sec": ("timestamp",),
    "ssl": ("scheme", "https", "is_https", "is_ssl", "tls", "secure"),
    "authz.tls.sni": ("server_name", "ssl_server_name"),
    "authz.cert.san.dns": ("san", "sans", "alt_names", "subject_alt_name", "cert_san"),
    "ip.src.asnum": ("asn",),
    "ip.src.country": ("geo", "country_code", "geoip_country"),
    f"{_TLS}cert_fingerprint_sha256": (
        *("fingerprint", "cert_fingerprint", "thumbprint", "cert_sha256", "fingerprint_sha256"),
        *("client_cert_fingerprint", "sha256"),
    ),
    f"{_TLS}cert_fingerprint_sha1": ("cert_sha1", "fingerprint_sha1", "sha1"),
    f"{_TLS}cert_serial": ("serial", "serial_number", "cert_serial_number"),
    f"{_TLS}cert_subject_dn": (
        *("subject", "cert_subject", "subject_dn", "cn", "common_name", "cert_cn"),
        *("client_dn", "cert_dn", "cert_subject_cn"),
    ),
    f"{_TLS}cert_issuer_dn": ("issuer", "cert_issuer", "issuer_dn", "ca", "cert_ca"),
    f"{_TLS}cert_verified": ("verified", "is_verified", "cert_valid", "client_verified", "verify"),
    f"{_TLS}cert_revoked": ("revoked", "is_revoked"),
    f"{_TLS}cert_presented": ("presented", "client_cert", "has_cert", "cert"),
    f"{_TLS}cert_not_after": ("expires", "cert_expires", "expiry", "cert_expiry", "not_after"),
    f"{_TLS}cert_not_before": ("not_before",),
}
# By the last part of a name, in lower case: the field that was meant.
_FIELDS: Final = {name: field for field, names in _MEANT.items() for name in names}

_OPERATORS: Final = {
    one: other
    for pair in ("== ==", "eq eq", "!= !=", "ne ne", "< >", "<= >=", "lt gt", "le ge")
    for one, other in (pair.split(), pair.split()[::-1])
}
# What turns the rest of a name around, at its beginning or behind another word of it.
_NEGATION: Final = re.compile(
    r"(?:(?<![a-z0-9])|(?<=cert)|(?<=is))(?:un|not_?|non_?|no_|in)(?=[a-z])"
)
_HYPHENS: Final = re.compile(r"-[\w-]*", re.ASCII)
_LITERAL_FIRST: Final = re.compile(
    r"(?P<literal>\"[^\"\\]{0,80}\"|'[^'\"\\]{0,80}'|[0-9][0-9A-Fa-f.:]*)[ \r\n]*"
    r"(?P<operator>[=!<>]=|[<>]|(?:eq|ne|lt|gt|le|ge|in)\b)[ \r\n]*"
    r"(?P<field>[a-z][\w.]*)(?![\w.(\[])"
)


def hint_for_literal(source: str, at: int, end: int, scheme: Scheme) -> str | None:
    """For a literal where a field should be: the comparison turned around, if that is a slip."""
    match = _LITERAL_FIRST.match(source, at, end)
    field = scheme.fields.get(match["field"]) if match else None
    if match is None or field is None:
        return None
    literal, name, kind = match["literal"], field.name, field.type
    is_text = literal[0] in "\"'"
    if is_text:
        literal = f'"{literal[1:-1]}"'
    if match["operator"] == "in":
        if is_text and isinstance(kind, Map):
            return f"the field comes first: has_key({name}, {literal})"
        if is_text and kind == Array(Bytes):
            return f"the field comes first: any({name}[*] == {literal})"
        if is_text and kind == Bytes:
            return f"the field comes first: {name} contains {literal}"
        return FIELD_FIRST
    is_number = literal.isdecimal() and not literal.startswith("0")
    is_address = re.fullmatch(r"(?:[1-9][0-9]{0,2}|0)(?:\.(?:[1-9][0-9]{0,2}|0)){3}", literal)
    if (kind == Bytes and is_text) or (kind == Int and is_number) or (kind == Ip and is_address):
        return f"the field comes first: {name} {_OPERATORS[match['operator']]} {literal}"
    return FIELD_FIRST


def hint_for_name(name: str, source: str, at: int, end: int, *, after_logic: bool) -> str | None:
    """For a name that is a keyword, a literal or a constant: nothing to look up."""
    lower = name.lower()
    if lower != name and lower in KEYWORDS:
        return f'keywords are written in lower case: "{lower}"'
    if name in COMPARISON_WORDS:
        return REPEAT_FIELD if after_logic else f"the field comes first: field {name} value"
    if name in KEYWORDS:
        return f'"{name}" joins two conditions; one is missing here'
    if lower in ("true", "false"):
        if source.strip() == name:
            return f"write {lower}"
        return f'"{lower}" can only be the whole expression; write a Bool field alone, or not field'
    if name[0].isdigit():
        return FIELD_FIRST
    if source.startswith(("not", "NOT", "Not"), at, end) and len(name) > 3:
        return "put a space after not"
    return None


def hint_for_field(name: str, scheme: Scheme, rest: str = "") -> str | None:
    """A field that may have been meant.

    Args:
        rest: what follows the name without a space: a name of a header goes on behind a hyphen.
    """
    parent, _, last = name.rpartition(".")
    known = scheme.fields.get(parent)
    if known is not None and isinstance(known.type, Map) and (more := _HYPHENS.match(rest)):
        last += more[0]
    lower = name.lower()
    if negated := _negated(lower, scheme):
        return f"write not {negated}"
    if known is not None:
        # As a method without its parentheses, length for one.
        if hint := method_hint(parent, known.type, last, ""):
            return hint
        if isinstance(known.type, Map):
            position = "[0]" if isinstance(known.type.of, Array) else ""
            key = plain(last.lower()) or '"…"'
            return f"the value of a key: {parent}[{key}]{position}"
        if known.type in (Bool, Bytes, Int):
            close = difflib.get_close_matches(lower, scheme.fields, n=1, cutoff=_MISSPELT)
            return f'did you mean "{close[0] if close else parent}"?'
    meant = _FIELDS.get(last.lower())
    if meant in scheme.fields:
        return f'did you mean "{meant}"?'
    below = [one for one in scheme.fields if one.startswith(f"{lower}.")]
    if len(below) > 1:
        return f"there are fields below it: {', '.join(below[:_FEW])}{', …' * (len(below) > _FEW)}"
    if len(name) <= LONGEST_NAME and difflib.get_close_matches(
        lower, scheme.fields, n=1, cutoff=_MISSPELT
    ):
        return did_you_mean(name, scheme.fields)
    # The end of a name is what people remember: path, host, cert_verified.
    same = [one for one in scheme.fields if one.rpartition(".")[2] == last.lower()]
    if same and (parent or len(same) <= _FEW):
        best = max(same, key=lambda one: _likeness(lower, one))
        return f'did you mean "{best}"?'
    return did_you_mean(name, scheme.fields)


def _negated(name: str, scheme: Scheme) -> str | None:
    """The Bool field whose opposite a name says, as cert_unverified does."""
    last = name.rpartition(".")[2]
    if len(last) > LONGEST_NAME:
        return None
    known = [one for one, field in scheme.fields.items() if field.type == Bool]
    ends = {one.rpartition(".")[2] for one in known}
    for match in _NEGATION.finditer(last):
        positive = last[: match.start()] + last[match.end() :]
        if (meant := _FIELDS.get(positive)) in known:
            return meant
        close = difflib.get_close_matches(positive, ends, n=1, cutoff=_MISSPELT)
        # A word of the field itself may begin so: union.
        if close and _likeness(positive, close[0]) > _likeness(last, close[0]):
            same = [one for one in known if one.rpartition(".")[2] == close[0]]
            return max(same, key=lambda one: _likeness(name, one))
    return None


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(a=one, b=other).ratio()
