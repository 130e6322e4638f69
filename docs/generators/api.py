# SPDX-License-Identifier: Apache-2.0
"""The page of the management API, and its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from authz.api import problems
from authz.api.app import PREFIX, create_api
from authz.api.openapi import as_text
from authz.services.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODES = (
    (f"{problems.INVALID_TOKEN}", "the token is missing or not valid"),
    (
        f"{problems.INVALID_REQUEST}",
        "the body or a parameter is not what the call takes, or is refused by name",
    ),
    (f"{problems.INTERNAL}", "a defect; the log of the service says more"),
    (f"{problems.INVALID_HEADERS}", "`Authorization` cannot be read"),
    (
        f"{problems.NO_ROUTE}, {problems.COULD_NOT_ROUTE}",
        "no such path, or no such zone or account in it",
    ),
    (f"{problems.NO_METHOD}", "the path has no such method"),
    (f"{problems.AUTHENTICATION}", "the token may not do this"),
    ("others", "[errors of this service](errors.md), where Cloudflare has no code for it"),
)

#: What is so here, and why.
_DIFFERENCES = (
    ("no call answers 409; what clashes is a 400", "the SDK repeats a call that got a 409"),
    ("an error is always an HTTP error", "the SDK does not look at `success`"),
    (
        (
            "a change that the SDK repeats (`x-stainless-retry-count` above 0) is answered as "
            "before, and not made again, unless another change of the same object came in between"
        ),
        (
            "its answer may have been lost; five minutes, and for certificates ten and on every "
            "node. Revoking and hostname associations are always done again; restoring a "
            "certificate that another call changed since is refused (412)"
        ),
    ),
    (
        (
            "`client_certificates`: besides, `label`, `certificate_authority_id`, `reason`, "
            "`search`, and the header `Idempotency-Key` (30 days)"
        ),
        "labels, several CAs and reasons are what people miss",
    ),
    (
        (
            "the managed CA of a zone is its oldest active embedded authority, made by the first "
            "call that needs it; `/zones/ID/certificate_authorities` shows all"
        ),
        "at Cloudflare it is always there",
    ),
    (
        "`certificate_authority.id` of a client certificate is 32 hex digits, not a UUID",
        "all identifiers here are",
    ),
    (
        (
            "hostnames, of zones, associations and lists, are answered in lower case, and each "
            "once; in Terraform, another spelling is a difference at every plan"
        ),
        "a name is kept as it is matched",
    ),
    (
        "certificates that are revoked and restored are `revoked` and `active` at once",
        "there is nothing to wait for; the pending states are accepted as filters",
    ),
    (
        (
            "`mtls_certificates`: `ca: false` and `private_key` are refused, and the number is not "
            "limited"
        ),
        "nothing here would use the key; upload a CA, or `authz ca import` its key",
    ),
    (
        "an uploaded CA counts for the hosts that ask for it, and for no others",
        "at Cloudflare, any CA of the account is good for any host",
    ),
    (
        (
            "rulesets: one phase (`http_request_firewall_custom`), kinds `zone` and `root`; other "
            "phases, kinds and actions are refused with a pointer and the reason"
        ),
        "what is not enforced must not look as if it were ([more](api-rulesets.md))",
    ),
    (
        (
            "`If-Match` with the `ETag` of a ruleset, of hostname associations or of the items of "
            "a list is answered by 412 when somebody was quicker; where it is not supported it is "
            "refused"
        ),
        (
            "replacing everything would undo what another writer did; without `If-Match`, whoever "
            "writes last wins"
        ),
    ),
    (
        (
            "lists: kinds `string` and `integer` besides, no `redirect`; changes of items are done "
            "when the call is answered, and the operation is complete"
        ),
        "there is nothing to wait for ([more](lists-api.md))",
    ),
    (
        "tokens: `deny`, `condition` and permission groups of other products are refused",
        "a condition by address would judge the proxy in front",
    ),
    (
        "`DELETE /zones/ID` is refused while hosts, CAs, rules, lists or tokens are the zone's own",
        "what they protect would be open; the answer names them",
    ),
    (
        "`POST /accounts` is refused",
        "a store has one account; another one is another installation",
    ),
    (
        "`paused`, `plan`, `type` and `vanity_name_servers` of a zone are refused",
        "every zone is enforced, has no plan, and nobody's DNS is looked at",
    ),
    (
        "zones have `default_action`, `paths`, `misdirected` and `upstream_headers`, for PATCH",
        "they are settings of this service",
    ),
    (
        (
            "`POST /zones` takes `force`; it is needed, and so is Zone WAF Write for the zone that "
            "has the names until then, where that zone has rules that block, a wildcard host over "
            "the names, or `default_action: block`. What is lost is in `messages` (code 1004) and "
            "in the audit log"
        ),
        "a new zone has no rules, and takes its names out of the zone that has",
    ),
    (
        "audit logs: a filter by address, method, result or product is refused, and so is CSV",
        "nothing of it is kept, and ignoring a filter would show what was not asked for",
    ),
    (
        (
            "audit logs: `actor.id` and `actor.email` are one text, `cli:USER` or "
            "`token NAME (1a2b3c4d)` with the first 8 digits of the token's identifier"
        ),
        "there are no users",
    ),
    (
        "audit logs: `since` and `before` may be left out, and entries are not counted",
        "they are found by index",
    ),
)


def openapi_json() -> str:
    """docs/reference/openapi.json."""
    return as_text(_document())


def api_page() -> str:
    """docs/reference/api.md."""
    return f"""\
# The management API

Cloudflare's v4 API for client certificates, mTLS and custom rules, served by this installation:
Cloudflare's SDKs, its Terraform provider and scripts for it work here with another base address.

```python
from cloudflare import Cloudflare

client = Cloudflare(base_url="http://127.0.0.1:8080{PREFIX}", api_token="…")
for zone in client.zones.list():
    print(zone.id, zone.name)
```

[The OpenAPI document](openapi.json) has every parameter and object.
A running service has it at `{PREFIX}/openapi.json`, without a token:
it says what this page says, and nothing of the installation.

## Authentication

`Authorization: Bearer TOKEN`, or the same token as `X-Auth-Key`, with any `X-Auth-Email`.
A token has permissions for some zones, for all of them, or for the account;
`write` includes `read`.
Permission comes before existence:
whoever may not read a zone gets 403, whether or not it is there.

## Answers

```json
{{"success": true, "errors": [], "messages": [], "result": {{}}}}
```

What fails is an HTTP error, in the same envelope:
`success` is false, `result` is null, and `errors` has at least one
`{{"code": 1001, "message": "…", "source": {{"pointer": "/name"}}}}`.
The pointer (RFC 6901) says where in the body it is, where that is known.

| status | when |
|---|---|
| 400 | what was asked for cannot be done, or is refused; the body or a parameter is wrong |
| 401 | there is no token, or it is not valid |
| 403 | the token may not do this |
| 404 | there is no such object, or no such path |
| 405 | the path has no such method; `Allow` has those that it has |
| 412 | a precondition (`If-Match`) does not hold: somebody was quicker |
| 413 | the body is too large |
| 421 | the call was sent to a name that is not this service's (`admin.hosts`) |
| 429 | too many attempts with invalid tokens; `Retry-After` |
| 503 | the store cannot be reached; `Retry-After` |

| code | means |
|---|---|
{_rows(_CODES)}

Bodies are JSON with `Content-Type: application/json`, in UTF-8.
`NaN`, numbers without end and halves of characters are refused.
A key that is there twice counts as written last;
keys and query parameters that a call does not know are ignored, unless it says otherwise.

## Pages

`page` and `per_page`: a page behind the last one is empty, which is where the SDK stops.
Lists with a cursor go on while `result_info` has one
(`cursor`, or `cursors.after` where Cloudflare has it there); it is absent on the last page.

## What is the same

Paths, names of parameters and keys, identifiers (32 lower-case hexadecimal digits),
moments (RFC 3339 in UTC), the envelope, status codes and the way errors point into a body.

## What differs

| here | why |
|---|---|
{_rows(_DIFFERENCES)}

## Extensions

Marked `x-extension` in the document, and below.

**Events** are checks that are worth telling: denials, matches of `log` rules, a sample of the rest.
The latest 100,000 of 30 days are kept, the latest first.
An event belongs to the zone that its site belonged to when it was kept.
`id` is the decision id that answers and access logs have.

**Expressions** are checked, formatted and explained before they are in a rule.
`check` answers `valid: false` with the place of the mistake, a hint and carets,
or the canonical text, the syntax tree, and [what is probably not meant](findings.md)
with the expression to use instead.
It takes fields without a source here for mistakes, as a rule would be refused.
`explain` takes `{{"fields": {{"http.host": "a"}}}}` as
[`authz expression explain`](expression-commands.md) does,
and gives the tree that is described there;
lists are the account's (up to 10,000 items), for tokens that may read lists, or those in `lists`.
What would take too long with these values is refused before it begins.
`fields`, `operators`, `functions` and `lists` are what an expression can be built from;
the account's lists are named to tokens that may read lists.

## Calls

{chr(10).join(_calls())}
"""


def _calls() -> Iterator[str]:
    yield f"Paths follow `{PREFIX}`."
    by_tag: dict[str, list[str]] = {}
    for path, methods in _document()["paths"].items():
        for method, operation in methods.items():
            mark = " (extension)" if operation.get("x-extension") else ""
            does = operation["description"].split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
            row = f"| `{method.upper()} {path}`{mark} | {does} |"
            by_tag.setdefault(operation["tags"][0], []).append(row)
    for tag, rows in sorted(by_tag.items()):
        yield f"\n### {tag}\n\n| call | does |\n|---|---|"
        yield from rows


def _rows(rows: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"| {first} | {second} |" for first, second in rows)


def _document() -> dict[str, Any]:
    """The document of an application that has no store."""
    return create_api(Backend(store=_nothing, encryption=_nothing)).openapi()


def _nothing() -> NoReturn:
    raise RuntimeError("nothing is asked of a store to describe the API")
