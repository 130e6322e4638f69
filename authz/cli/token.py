# SPDX-License-Identifier: Apache-2.0
"""`authz token`: API tokens."""

from __future__ import annotations

import time
from typing import Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    OF_A_SERVICE,
    DatabaseOption,
    DataDirOption,
    actor,
    day,
    missing_database,
    opened_store,
    store_settings,
    table,
)

app = group("API tokens.")

_DAY: Final = 86_400

TokenArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Its identifier, the beginning of it, or its name.")
]


@app.command("create")
def create(
    name: Annotated[str, typer.Option("--name", metavar="N", help="What people will know it by.")],
    scope: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--scope",
            metavar="S",
            help="What it may do, WHAT:read or WHAT:write; @ZONE, @* or @account behind it says "
            "where, else everywhere. WHAT: certificates, rules, lists, zones, account, audit, "
            "events, tokens. Can be repeated; left out: everything.",
        ),
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="It may read everything and change nothing."),
    ] = False,
    expires: Annotated[
        Optional[int],  # noqa: UP045 - typer evaluates it
        typer.Option("--expires", metavar="DAYS", min=1, max=36_500, help="When it ends; never."),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token, and print it: it is shown now and never again."""
    from authz.errors import InvalidInputError
    from authz.services.permissions import EVERYTHING, READING
    from authz.services.token_scopes import grants_of_scopes
    from authz.services.tokens import create_token

    if read_only and scope:
        raise InvalidInputError(
            "--read-only and --scope exclude each other", hint="keep one of them"
        )
    everything = READING if read_only else EVERYTHING
    now = time.time()
    settings = store_settings(config, database, data_dir)
    missing = missing_database(settings)
    with opened_store(settings, create=True) as store:
        made = create_token(
            store,
            name,
            grants_of_scopes(store, scope) if scope else everything,
            expires_at=None if expires is None else now + expires * _DAY,
            actor=actor(),
            at=now,
        )
    if missing is not None:
        messages.warning(f"{missing} is a new database: the token is good for this one alone")
        messages.hint(OF_A_SERVICE)
    if not (scope or read_only):
        messages.note("the token may do everything; --scope makes one that may do less")
    _tell(made.token.id, made.secret, json=json)


@app.command("list")
def list_all(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List tokens, never what they are; those that were revoked are in authz audit."""
    from authz.services.authentication import principal_of, status_of
    from authz.services.representation import token_object
    from authz.services.token_scopes import scopes_of
    from authz.services.tokens import list_tokens
    from authz.services.zones import list_zones

    now = time.time()
    with opened_store(store_settings(config, database, data_dir)) as store:
        tokens = list_tokens(store)
        zones = {one.id: one.name for one in list_zones(store)}
    if json:
        messages.result_json([token_object(one, now) for one in tokens])
        return
    table(
        ("NAME", "STATUS", "EXPIRES", "LAST USED", "ID", "MAY"),
        [
            (
                one.name,
                status_of(one, now),
                "never" if one.expires_at is None else day(one.expires_at),
                "never" if one.last_used_at is None else day(one.last_used_at),
                one.id,
                " ".join(scopes_of(principal_of(one).grants, zones)),
            )
            for one in tokens
        ],
    )


@app.command("revoke")
def revoke(
    token: TokenArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """End a token for good: the next call with it is refused."""
    from authz.services.tokens import find_token, has_manager, revoke_token

    now = time.time()
    with opened_store(store_settings(config, database, data_dir)) as store:
        ended = revoke_token(store, find_token(store, token).id, actor=actor(), at=now)
        managed = has_manager(store, now)
    if not managed:
        messages.note("no token is left that may write tokens; authz token create makes one")
    if json:
        messages.result_json({"id": ended.id})
    else:
        messages.result(f"{ended.id} {messages.printable(ended.name)}")


@app.command("roll")
def roll(
    token: TokenArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Make a new token of the same name and permissions, and end the old one, in one step."""
    from authz.services.tokens import find_token, roll_token

    with opened_store(store_settings(config, database, data_dir)) as store:
        made = roll_token(store, find_token(store, token).id, actor=actor(), at=time.time())
    _tell(made.token.id, made.secret, json=json)


def _tell(token_id: str, secret: str, *, json: bool) -> None:
    if json:
        messages.result_json({"id": token_id, "token": secret})
    else:
        messages.result(secret)
