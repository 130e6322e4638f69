# SPDX-License-Identifier: Apache-2.0
"""Which rules may keep requests without a valid certificate away from a host, read off their text.

To ask for certificates blocks nobody: a rule does. This says which rules look as if they did, so
that a page can tell a host that nothing protects from one that something does. What a rule really
does with a request, the simulator says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VERIFIED: Final = "cf.tls_client_auth.cert_verified"
_REVOKED: Final = "cf.tls_client_auth.cert_revoked"
_CERTIFICATE: Final = re.compile(r"\b(?:cf\.tls_client_auth|authz\.cert)\.")
_HOST: Final = re.compile(r"\bhttp\.host\b")
#: Compared by a part or a pattern: it may be about any host.
_LOOSE: Final = re.compile(
    r"\bhttp\.host\)?\s*(?:contains|matches|~|wildcard|strict|ne\b|!=)|starts_with\(\s*http\.host"
)
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


def guarding(rules: Sequence[Mapping[str, Any]], hostname: str) -> list[Mapping[str, Any]]:
    """The rules that block by the certificate, and are about this host or about every one."""
    return [
        rule
        for rule in rules
        if _blocks(rule)
        and _CERTIFICATE.search(str(rule["expression"]))
        and _may_mean(str(rule["expression"]), hostname)
    ]


def blind_to_revocation(rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rules that block who is not verified, and let in whose certificate is revoked."""
    return [
        rule
        for rule in rules
        if _blocks(rule)
        and _VERIFIED in str(rule["expression"])
        and _REVOKED not in str(rule["expression"])
    ]


def named(rule: Mapping[str, Any]) -> str:
    """What people call a rule."""
    return str(rule.get("description") or rule.get("ref") or rule.get("id") or "rule")


def _blocks(rule: Mapping[str, Any]) -> bool:
    return rule.get("action") == "block" and bool(rule.get("enabled", True))


def _may_mean(expression: str, hostname: str) -> bool:
    if not _HOST.search(expression):
        return True
    if _LOOSE.search(expression):
        return True
    # `.example.com` (ends_with) is everything below it, and so is what `*.example.com` stands for.
    name = hostname.removeprefix("*")
    return any(
        text == hostname or (text.startswith(".") and name.endswith(text))
        for text in _TEXT.findall(expression.lower())
    )
