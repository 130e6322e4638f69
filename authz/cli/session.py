# SPDX-License-Identifier: Apache-2.0
"""`authz session`: who is signed in to the dashboard."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    actor,
    opened_store,
    store_settings,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.records import SignIn

app = group("Sessions of the dashboard.")


@app.command("list")
def list_all(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List who is signed in, and where; those whom nobody uses end by themselves."""
    from authz.services.sign_ins import every_session
    from authz.services.times import rfc3339_seconds

    settings = store_settings(config, database, data_dir)
    idle = settings.admin.dashboard.session_idle_minutes * 60.0
    with opened_store(settings) as store:
        sessions = every_session(store, idle=idle, at=time.time())
    if json:
        messages.result_json([_shown(one) for one in sessions])
        return
    table(
        ("NAME", "BY", "ADDRESS", "SINCE", "LAST USED", "ID"),
        [
            (
                one.name,
                "provider" if one.token_id is None else "token",
                one.address or "-",
                rfc3339_seconds(one.created_at),
                rfc3339_seconds(one.last_used_at),
                one.id,
            )
            for one in sessions
        ],
    )


@app.command("end")
def end(
    session: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Argument(metavar="ID", help="Its identifier, or the beginning of it."),
    ] = None,
    name: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option("--name", metavar="N", help="Every session of this name."),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every session of everybody.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Sign somebody out: their next request is refused.

    Whoever has a token, or is let in by the provider, can sign in again: end that first.
    """
    from authz.services.sign_ins import end_sessions, every_session

    now = time.time()
    with opened_store(store_settings(config, database, data_dir)) as store:
        # Also those that nobody used for a while: another node may be more patient.
        there = every_session(store, idle=math.inf, at=now)
        ended = end_sessions(store, _chosen(there, session, name, everybody), actor=actor(), at=now)
    if json:
        messages.result_json([_shown(one) for one in ended])
        return
    for one in ended:
        messages.result(f"{one.id} {messages.printable(one.name)}")


def _chosen(
    there: Sequence[SignIn], session: str | None, name: str | None, everybody: bool
) -> Sequence[SignIn]:
    """The sessions that are meant.

    Raises:
        InvalidInputError: it is not said which, or it could be several.
        NotFoundError: there is none of this identifier.
    """
    from authz.errors import InvalidInputError, NotFoundError

    if (session is not None) + (name is not None) + everybody != 1:
        raise InvalidInputError(
            "it is not said which sessions end", hint="write one of ID, --name and --all"
        )
    if session is None:
        return [one for one in there if everybody or one.name == name]
    # Not by their names, which many share.
    found = [one for one in there if session and one.id.startswith(session.lower())]
    if not found:
        raise NotFoundError(
            f'there is no session "{session}"', hint="authz session list shows them"
        )
    if len(found) > 1:
        raise InvalidInputError(
            f'{len(found)} identifiers begin with "{session}"', hint="write more of it"
        )
    return found


def _shown(one: SignIn) -> dict[str, Any]:
    """A session as JSON: neither what the browser keeps nor its hash."""
    from authz.services.times import rfc3339_seconds

    return {
        "id": one.id,
        "name": one.name,
        "token_id": one.token_id,
        "address": one.address,
        "browser": one.agent,
        "since": rfc3339_seconds(one.created_at),
        "last_used": rfc3339_seconds(one.last_used_at),
        "until": rfc3339_seconds(one.expires_at),
    }
