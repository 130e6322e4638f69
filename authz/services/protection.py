# SPDX-License-Identifier: Apache-2.0
"""The rule that blocks requests to a host without a valid certificate, as Cloudflare recommends it.

Revoked certificates are asked for as well: they are verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from authz.errors import InvalidInputError
from authz.rules.formatter import format_bytes

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

#: True of everybody who may not come in.
WITHOUT_CERTIFICATE: Final = (
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
)

#: Characters of the name of a rule: what logs and metrics call it (sources.policy_document).
MAX_REF: Final = 100

#: Everything: no condition on the path is needed.
EVERYTHING: Final = "/*"


def protecting_expression(hostname: str, paths: Sequence[str] = ()) -> str:
    """The expression of a `block` rule for a hostname (normalised; exact or `*.` and a name).

    Args:
        paths: what to protect: `/admin` is that path alone, `/admin/*` everything below; without
            any, the whole host.

    Raises:
        InvalidInputError: one is no path.
    """
    parts = [host_test(hostname), WITHOUT_CERTIFICATE]
    for path in paths:
        check_path(path)
    if paths and EVERYTHING not in paths:
        parts.insert(1, paths_test(tuple(dict.fromkeys(paths))))
    return f"({' and '.join(parts)})"


def protecting_rule(hostname: str, paths: Sequence[str] = ()) -> dict[str, Any]:
    """The rule, as the API takes it; raises what `protecting_expression` does."""
    return {
        "ref": f"protect-{hostname}"[:MAX_REF],
        "description": f"Block requests to {hostname} without a valid certificate",
        "expression": protecting_expression(hostname, paths),
        "action": "block",
    }


def with_free_ref(rule: Mapping[str, Any], taken: Container[object]) -> dict[str, Any]:
    """The same rule under a name that no other rule has."""
    ref = str(rule["ref"])
    number = 1
    while ref in taken:
        number += 1
        end = f"-{number}"
        ref = f"{rule['ref'][: MAX_REF - len(end)]}{end}"
    return {**rule, "ref": ref}


def left_open(paths: Sequence[str]) -> list[tuple[str, str]]:
    """What people mean to protect by these paths as well and do not, and the path that would.

    `/admin` leaves open what is below it, `/admin/*` leaves open `/admin`.
    """
    given = dict.fromkeys(paths)
    below = [path[:-1] for path in given if path.endswith("*")]
    found: list[tuple[str, str]] = []
    for path in given:
        whole = path.removesuffix("*").removesuffix("/")
        everything_of = path.endswith("/*") and whole not in ("", *given)
        if not path.endswith("*") and not any(f"{whole}/".startswith(one) for one in below):
            found.append((f"what is below {path}", f"{whole}/*"))
        elif everything_of and not any(whole.startswith(one) for one in below):
            found.append((f"{whole} itself", whole))
    return found


def check_path(path: str) -> None:
    """Make sure that a path can be protected.

    Raises:
        InvalidInputError: it is none, or servers read it as another one.
    """
    if not path.startswith("/") or "*" in path[:-1] or not path.isprintable() or "?" in path:
        raise InvalidInputError(
            f'"{path}" is no path to protect',
            hint='write "/admin" for that path alone, "/admin/*" for everything below it',
        )
    if not _is_plain(path):
        plain = _plain(path)
        raise InvalidInputError(
            f'"{path}" is no path to protect: servers read it as another one',
            hint=f'write "{plain}", which protects every way of writing it'
            if _is_plain(plain)
            else "write it without %, #, ;, \\, // and segments of dots",
        )


def _is_plain(path: str) -> bool:
    """Whether there is one way to read a path: then every other way of writing it has this reading
    among its own (policy.paths), and the rule finds it."""
    segments = path.split("/")
    whole = segments[:-1] if path.endswith("*") else segments
    return (
        path.startswith("/")
        and path.isprintable()
        and not any(character in path for character in "%#;\\?")
        and "//" not in path
        and "*" not in path[:-1]
        and not any(segment in (".", "..") for segment in whole)
    )


def _plain(path: str) -> str:
    """What servers take a path for, most of them."""
    end = "*" if path.endswith("*") else ""
    decoded = unquote(path.removesuffix("*").partition("#")[0]).replace("\\", "/")
    kept: list[str] = []
    *segments, last = (segment.partition(";")[0] for segment in decoded.split("/"))
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    if last in (".", ".."):
        del kept[-1 if last == ".." else len(kept) :]
        last = ""
    return "/".join(["", *kept, last]) + end


def host_test(hostname: str) -> str:
    """The condition that a request is for a hostname (normalised; exact or `*.` and a name)."""
    if hostname.startswith("*."):
        # Any depth below the name and not the name itself, as hosts match (policy.hosts).
        return f"ends_with(http.host, {_text(hostname[1:])})"
    return f"http.host eq {_text(hostname)}"


def paths_test(paths: tuple[str, ...]) -> str:
    """The condition that a request is for one of these paths, each written as `check_path` takes
    it."""
    exact = [path for path in paths if not path.endswith("*")]
    tests = [f"http.request.uri.path in {{{' '.join(map(_text, exact))}}}"] if exact else []
    tests += [
        f"starts_with(http.request.uri.path, {_text(path[:-1])})"
        for path in paths
        if path.endswith("*")
    ]
    return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"


def _text(value: str) -> str:
    return format_bytes(value.encode())
