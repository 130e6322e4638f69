# SPDX-License-Identifier: Apache-2.0
"""The page of the attack corpus: the vectors of tests/vectors/attack, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

VECTORS: Final = Path(__file__).parents[2] / "tests" / "vectors" / "attack"
_NO_CASES: Final = frozenset({"disguises", "rows", "sites"})
#: Titles of the files of cases, in the order of the page.
_TITLES: Final = {
    "paths": "Paths",
    "hosts": "Hosts and SNI",
    "headers": "Headers",
    "xfcc": "x-forwarded-client-cert",
    "certificates": "Certificates",
    "names": "Names in certificates",
    "smuggling": "Request smuggling",
    "http2": "HTTP/2",
    "methods": "Methods",
    "bodies": "Bodies",
    "addresses": "Addresses",
    "messages": "CheckRequests that no Envoy sends",
}
_NOT_TRIED: Final = """\
The chains are our own vectors: x509-limbo, whose cases are of servers' certificates, is not run.
What Envoy makes of errors and of odd answers was tried with one version of Envoy, the one that `make setup` takes.\
"""
_WORDS: Final = {
    "refused_or_allow": "refused, or one reading",
    "allow_or_refused": "refused, or one reading",
    "refused_or_deny": "refused or denied",
}


def attack_corpus_page() -> str:
    """docs/reference/attack-corpus.md."""
    read = {file.stem: _read(file) for file in sorted(VECTORS.glob("*.yaml"))}
    kinds = {name: read[name] for name in _TITLES}
    assert set(read) - _NO_CASES == set(kinds)
    return (
        f"""\
# The attack corpus

Ways around an authorizer, as [data](../../tests/vectors/attack/README.md), and what comes of each.
`make attack` tries all of them and prints how often, with how many wrong answers; `make test` does, too.
What stands against each class of attack is in the [threat model](../explanation/threat-model.md).

Each request is tried over TLS, over HTTP/1.1 and HTTP/2, through a real Envoy with the shipped listeners, to an upstream that records what it receives.
Those that Envoy asks about are tried a second time: as a CheckRequest to the service alone, as from a proxy that refuses and normalises nothing,
with its headers apart (`encode_raw_headers`) and joined.
What Envoy refuses by itself has no check, and neither have octets that say something only to whoever takes HTTP/1.1 apart (blanks, folded lines, `Connection`).
Three things hold of every request through Envoy, whatever it is:

1. What reached the upstream was judged and allowed, and method, path, host and headers are the same to the octet, and the body as far as it was forwarded to the check; a refused request reached nobody.
2. An answer of 200 came from the upstream.
3. Nobody without a good certificate got to what is guarded, whichever of the servers that `tests/attack/application.py` knows reads the request: one that decodes twice, takes parameters off, takes a backslash for a slash, stops at NUL.

That last one does not ask the rules.
So it needs no expectations, and every spelling can be tried against every form of a rule.

## Disguises

{_disguises(read["disguises"], read["sites"])}
## What is left to whoever writes rules

- An application that ignores the case of paths, methods or values needs a rule that does: `lower()`, `wildcard`.
- An application that decodes arguments and cookies needs a rule that does: `url_decode()`.
- What an application believes of other headers (`x-forwarded-host`, `x-original-url`, `x-http-method-override`) is passed on and not judged.
- Without `encode_raw_headers`, lines of a header that is sent twice arrive as one value, cookies over HTTP/1.1 among them: a rule that compares a whole value does not match it.
- Overlong UTF-8, `%u0061` and look-alikes of letters are other paths: an application that takes them for plain letters is not protected by a rule on these.

"""
        + "\n".join(_kind(name, document) for name, document in kinds.items())
        + "\n"
        + _rows(read["rows"])
        + _advisories(kinds, read["rows"]["advisories"])
    )


def _read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def _disguises(table: dict[str, Any], sites: dict[str, Any]) -> str:
    lines = ["| of | spellings | sites |", "|---|---|---|"]
    counted: dict[str, int] = {}
    for site in sites.values():
        what = (site.get("guards") or {}).get("what", "")
        counted[what.partition(":")[0]] = counted.get(what.partition(":")[0], 0) + 1
    of = {
        "paths": counted["path"],
        "headers": counted["header"] + counted["cookie"],
        "queries": counted["query"],
        "methods": counted["method"],
        "hosts": 2,
        "forms": counted["form"] + counted["body"],
    }
    assert set(of) == set(table)
    lines += [f"| {name} | {len(spellings)} | {of[name]} |" for name, spellings in table.items()]
    return "\n".join(lines) + "\n"


def _kind(name: str, document: dict[str, Any]) -> str:
    if name == "messages":
        head = ["| case | what | the service |", "|---|---|---|"]
        rows = [
            f"| `{one['id']}` | {_cell(one['says'])} | {one['said']} |" for one in document["cases"]
        ]
    else:
        head = ["| case | what | through Envoy | because |", "|---|---|---|---|"]
        rows = [
            f"| `{one['id']}` | {_cell(one['says'])} | {_expected(one['envoy'])} "
            f"| {_cell(one['why'])} |"
            for one in document["cases"]
        ]
    about = " ".join(document["about"].split()).replace("<", "&lt;")
    return "\n".join([f"## {_TITLES[name]}", "", about, "", *head, *rows, ""])


def _expected(given: str | dict[str, str]) -> str:
    if isinstance(given, dict):
        return ", ".join(
            f"{over.upper().replace('HTTP', 'HTTP/')} {_expected(one)}"
            for over, one in given.items()
        )
    return _WORDS.get(given, given)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _rows(rows: dict[str, Any]) -> str:
    lines = ["## Known pitfalls", "", "| pitfall | cases | tests |", "|---|---|---|"]
    for name, given in (*rows["pitfalls"].items(), *rows["least"].items()):
        cases = ", ".join(f"`{case}`" for case in given.get("cases", ()))
        tests = ", ".join(f"`{test}`" for test in given.get("tests", ()))
        lines.append(f"| {name} | {cases} | {tests} |")
    lines += ["", _NOT_TRIED]
    return "\n".join([*lines, "", ""])


def _advisories(kinds: dict[str, Any], others: dict[str, Any]) -> str:
    found: dict[str, list[str]] = {}
    for name, document in kinds.items():
        for one in document["cases"]:
            for advisory in one.get("advisory", ()):
                found.setdefault(advisory, []).append(f"`{name}/{one['id']}`")
    cells = {advisory: ", ".join(cases) for advisory, cases in found.items()}
    for advisory, given in others.items():
        tests = ", ".join(f"`{test}`" for test in given.get("tests", ()))
        cells[advisory] = f"{tests}: {given['why']}" if tests else f"not here: {given['elsewhere']}"
    lines = ["## Advisories", "", "| advisory | here |", "|---|---|"]
    lines += [f"| {advisory} | {cells[advisory]} |" for advisory in sorted(cells)]
    return "\n".join(lines) + "\n"
