# SPDX-License-Identifier: Apache-2.0
"""`authz import cloudflare`: what carries over of an installation at Cloudflare, and taking it."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, geo_of, group, has_store
from authz.cli.stores import DatabaseOption, DataDirOption, actor, opened_store, store_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.services.cloudflare_options import ImportOptions
    from authz.services.cloudflare_report import Item, Part, Report
    from authz.settings import Settings
    from authz.sources.cloudflare_document import ExportDocument
    from authz.store.engine import Store

#: Where a token may stand besides a file; never on the command line, where everybody sees it.
_TOKEN: Final = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the name of a variable
_DEFAULT_API: Final = "https://api.cloudflare.com/client/v4"
_WORDS: Final = {"carries_over": "carries over", "changes": "changes", "cannot": "cannot"}

app = group("Take over what is elsewhere.")


@app.command("cloudflare")
def cloudflare(
    api: Annotated[
        str, typer.Option("--api", metavar="U", help="The address of Cloudflare's API.")
    ] = _DEFAULT_API,
    token_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--token-file", metavar="F", help=f"A file with the API token, instead of {_TOKEN}."
        ),
    ] = None,
    file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--file", metavar="F", help="A saved export, instead of the API."),
    ] = None,
    terraform: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--terraform", metavar="F", help="Terraform state, instead of the API."),
    ] = None,
    zone: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Option("--zone", metavar="NAME", help="Only this zone; several times for several."),
    ] = None,
    zone_name: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--zone-name",
            metavar="ID=NAME",
            help="The name of a zone that Terraform state has by its identifier only.",
        ),
    ] = None,
    save: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--save", metavar="F", help="Write what was read to a file as well."),
    ] = None,
    challenge: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--challenge",
            metavar="block|skip-rule",
            help="What to make of rules that challenge, which nothing here can do.",
        ),
    ] = None,
    managed_ca: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--managed-ca",
            metavar="F",
            help="The certificate of Cloudflare's managed CA (PEM): the API does not have it.",
        ),
    ] = None,
    accept_loosening: Annotated[
        bool,
        typer.Option(
            "--accept-loosening", help="Apply although something is not protected here any more."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Apply it; without, nothing is changed.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Report what carries over from Cloudflare, and with --yes take it.

    Reads zones, their hosts that ask for client certificates, custom rules, lists and
    certificates: by the API, from a saved export, or from Terraform state. Each zone is applied
    whole or not at all; again, it changes nothing. Ends with 0 when everything carries over as it
    is, with 1 when something does not.
    """
    from authz.services.cloudflare_import import apply_import, rehearse_import
    from authz.services.cloudflare_report import report_object

    settings = store_settings(config, database, data_dir)
    options = _options(settings, challenge, managed_ca)
    read = _read(api, token_file, file, terraform, zone or [], zone_name or [])
    if save is not None:
        _save(save, read)
    with _store(settings, create=yes) as store:
        report = rehearse_import(store, read, options)
        changes = any(part.changes for part in report.parts)
        refused = yes and changes and report.losses and not accept_loosening
        if yes and not refused:
            report = apply_import(store, read, options, rehearsed=report, agreed=report.losses)
    if json:
        messages.result_json(report_object(report))
    else:
        _tell(report)
    if refused:
        _refuse(report)
    if not yes:
        messages.note("nothing was changed (--yes applies it)")
    raise typer.Exit(0 if report.complete else 1)


def _refuse(report: Report) -> None:
    from authz.errors import SettingsError

    raise SettingsError(
        f"{len(report.losses)} things that are protected at Cloudflare would not be here; nothing "
        "was changed",
        where="--accept-loosening",
        hint="look at them in the report, and add it if they may be lost",
    )


def _options(settings: Settings, challenge: str | None, managed_ca: Path | None) -> ImportOptions:
    from authz.errors import SettingsError
    from authz.services.cloudflare_options import ImportOptions
    from authz.services.cloudflare_rules import Challenge

    if challenge is not None and challenge not in list(Challenge):
        raise SettingsError(
            f'"{challenge}" is nothing to make of a challenge',
            where="--challenge",
            hint=f"one of {', '.join(Challenge)}",
        )
    return ImportOptions(
        challenge=None if challenge is None else Challenge(challenge),
        managed_ca=None if managed_ca is None else _bytes(managed_ca, "--managed-ca"),
        geo=geo_of(settings),
        actor=actor(),
        at=time.time(),
    )


def _read(
    api: str,
    token_file: Path | None,
    file: Path | None,
    terraform: Path | None,
    zones: list[str],
    names: list[str],
) -> ExportDocument:
    """What is at Cloudflare, from where it was said to be."""
    from authz.errors import SettingsError
    from authz.sources.cloudflare_document import read_export
    from authz.sources.terraform_state import read_state

    given = [one for one in (token_file, file, terraform) if one is not None]
    if len(given) > 1:
        raise SettingsError(
            "the API, a saved export and Terraform state cannot be read together",
            where="authz import cloudflare",
            hint="give one of --token-file, --file and --terraform",
        )
    if file is not None:
        return read_export(_bytes(file, "--file"), str(file)).only(zones)
    if terraform is not None:
        state = read_state(_bytes(terraform, "--terraform"), str(terraform), _names(names))
        return state.only(zones)
    from authz.sources.cloudflare_client import CloudflareClient
    from authz.sources.cloudflare_reader import read_cloudflare

    return read_cloudflare(CloudflareClient(api, _token(token_file)), zones)


def _token(token_file: Path | None) -> str:
    from authz.errors import SettingsError

    where = "--token-file" if token_file is not None else _TOKEN
    text = (
        os.environ.get(_TOKEN, "")
        if token_file is None
        else _bytes(token_file, "--token-file").decode("utf-8", "replace")
    ).strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(
            "there is no API token" if not text else "this is no API token",
            where=where,
            hint=f"write it to a file (--token-file F), or into {_TOKEN}; it needs read "
            "permissions only",
        )
    return text


def _names(given: list[str]) -> dict[str, str]:
    from authz.errors import SettingsError

    pairs = [one.partition("=") for one in given]
    if any(not (zone_id and name) for zone_id, _, name in pairs):
        raise SettingsError(
            "a zone's identifier and its name are wanted",
            where="--zone-name",
            hint="write --zone-name 023e105f4ecef8ad9ca31a8372d0c353=example.com",
        )
    return {zone_id: name for zone_id, _, name in pairs}


def _bytes(path: Path, option: str) -> bytes:
    from authz.errors import SettingsError

    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be read: {error.strerror}', where=option, hint="name a file"
        ) from None


def _save(path: Path, read: ExportDocument) -> None:
    from authz.errors import SettingsError
    from authz.sources.cloudflare_document import write_export

    try:
        path.write_text(write_export(read), encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be written: {error.strerror}',
            where="--save",
            hint="name a file in a directory that exists",
        ) from None


@contextmanager
def _store(settings: Settings, *, create: bool) -> Iterator[Store]:
    """The store to import into; where there is none yet, a report is about an empty one."""
    if create or has_store(settings):
        with opened_store(settings, create=create) as store:
            yield store
        return
    from authz.store.engine import open_store

    with tempfile.TemporaryDirectory(prefix="authz-import-") as directory:
        store = open_store("sqlite", Path(directory))
        try:
            yield store
        finally:
            store.close()


def _tell(report: Report) -> None:
    if report.losses:
        messages.result("protected at Cloudflare and not here:")
        for loss in report.losses:
            messages.result(f"  {messages.printable(loss)}")
        messages.result("")
    for part in report.parts:
        _tell_part(part)
    counts = [
        f"{sum(one.verdict == verdict for part in report.parts for one in part.items)} {words}"
        for verdict, words in _WORDS.items()
    ]
    messages.result(f"{report.source}: {', '.join(counts)}")


def _tell_part(part: Part) -> None:
    messages.result(f"{messages.printable(part.title)}:")
    for one in part.items:
        _tell_item(one)
    if part.error is not None:
        first, *rest = part.error.render().split("\n")
        messages.result(f"  failed: {messages.printable(first)}; nothing of it was applied")
        for line in rest:
            messages.result(f"    {messages.printable(line)}")
    verb = "changed" if part.applied else "would change"
    for change in part.changes if part.error is None else ():
        messages.result(f"  {verb}: {messages.printable(change)}")
    if not part.changes and part.error is None:
        messages.result("  nothing to change here")


def _tell_item(one: Item) -> None:
    name = messages.printable(one.name)
    messages.result(f"  {_WORDS[one.verdict].ljust(12)}  {one.kind} {name}")
    for note in one.notes:
        messages.result(f"                  {note.code}: {messages.printable(note.text)}")
    if one.error is not None:
        for line in one.error.render().split("\n"):
            messages.result(f"                  {messages.printable(line)}")
