# SPDX-License-Identifier: Apache-2.0
"""`authz policy`: what is wrong with a policy file, how it decides, loading it into the store."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.confirm import YesOption, confirmed
from authz.cli.options import (
    ConfigOption,
    JsonOption,
    PolicyOption,
    fetched_of,
    geo_of,
    group,
    settings_of,
)
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    ZoneOption,
    actor,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot
    from authz.services.policies import Applied
    from authz.sources.building import NotFetched
    from authz.sources.policy_import import ImportedPolicy

app = group("Policy files.")


@app.command("validate")
def validate(
    policy: Annotated[Path, typer.Argument(metavar="F", help="The policy file.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check a policy file and everything it names.

    Warns about rules that look wrong, and names the CRL URLs of which nothing was fetched here.
    Ends with 0 when the policy can be used, warnings or not,
    and with 2 when it cannot.
    """
    from authz.errors import AuthzError
    from authz.sources.policy_file import load_policy
    from authz.sources.validation import validate as compile_all

    settings = settings_of(config)
    try:
        loaded = load_policy(policy, fetched=fetched_of(settings))
        snapshot = compile_all(loaded.model, at=time.time(), geo=geo_of(settings))
    except AuthzError as error:
        if json:
            errors = [messages.error_json(one) for one in (error, *error.others)]
            messages.result_json({"valid": False, "errors": errors, "warnings": []})
            raise typer.Exit(2) from None
        raise
    warnings = _warnings(snapshot) + [_not_fetched(one) for one in loaded.not_fetched]
    if json:
        messages.result_json({"valid": True, "errors": [], "warnings": warnings})
        return
    for found in warnings:
        messages.warning(f"{found['where']}: {found['message']}")
        if found["hint"]:
            messages.hint(found["hint"])
    messages.result(f"{policy}: {_summary(loaded.model, len(loaded.files))}")


@app.command("test")
def run_cases(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory of cases (*_test.yaml), or a file.")
    ],
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    junit: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML as well."),
    ] = None,
    require_coverage: Annotated[
        bool,
        typer.Option(
            "--require-coverage", help="Fail when a rule or condition was not seen both ways."
        ),
    ] = False,
) -> None:
    """Run cases: a request, a certificate, and what should be decided.

    Every case is decided as serve would decide it, by the policy of --policy, or else of its file,
    or else of the settings (file or store). Prints what was decided differently, and which
    rules and conditions no case has seen both true and false. Ends with 0 when every case passed,
    with 1 when one failed, with 2 when the cases or the policy cannot be used.
    """
    from authz.cli.policy_test import report
    from authz.cli.policy_test.loading import load_tests
    from authz.cli.policy_test.running import run

    settings = settings_of(config, policy)
    done = run(load_tests(directory, time.time()), settings, policy)
    if junit is not None:
        _write(junit, report.as_junit(done))
    if json:
        messages.result_json(report.as_json(done))
    else:
        for line in report.lines(done):
            messages.result(line)
    fine = not done.failed and (done.coverage.complete or not require_coverage)
    raise typer.Exit(0 if fine else 1)


@app.command("apply")
def apply(
    policy: Annotated[Path, typer.Argument(metavar="F", help="The policy file.")],
    zone: ZoneOption = "default",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Load a policy file into the store: a zone's rules, settings and lists.

    Replaces those of the zone, for every host that it has. Asks before rules go or settings become
    less strict. Trust is not taken from files: see ca upload and host add.
    """
    from authz.services.policies import apply_policy
    from authz.services.representation import applied_object
    from authz.sources.policy_import import import_policy

    settings = store_settings(config, database, data_dir)
    imported = import_policy(policy)
    with opened_store(settings, create=not dry_run) as store:

        def run(*, dry_run: bool, agreed: tuple[str, ...] | None = None) -> Applied:
            return apply_policy(
                store,
                zone,
                imported,
                dry_run=dry_run,
                agreed=agreed,
                geo=geo_of(settings),
                actor=actor(),
                at=time.time(),
            )

        applied = run(dry_run=dry_run or not yes)
        if not applied.covers:
            _warn_of_other_hosts(imported, applied)
        if not dry_run and not yes:
            if applied.loosened:
                confirmed(f"{applied.zone.name}: {'; '.join(applied.loosened)}: apply", yes)
            applied = run(dry_run=False, agreed=applied.loosened)
    if json:
        messages.result_json(applied_object(applied, dry_run=dry_run))
        return
    for line in _changes(applied):
        messages.result(messages.printable(line))
    if dry_run:
        for line in applied.loosened:
            messages.warning(f"{applied.zone.name}: less strict: {line}")
        if applied.loosened:
            messages.hint("apply asks for a confirmation of this; --yes in scripts")
        messages.note("nothing was changed (--dry-run)")


def _warn_of_other_hosts(imported: ImportedPolicy, applied: Applied) -> None:
    hosts = ", ".join(imported.hosts)
    messages.warning(
        f"{imported.file}: written for {hosts}; in the store it is for every host of the zone "
        f"{applied.zone.name}"
    )
    messages.hint('tell hosts apart in the rules (http.host eq "…"), or make a zone for them')


def _changes(applied: Applied) -> list[str]:
    rules, lists = applied.rules, applied.lists
    told = [
        ("added rule", rules.added),
        ("changed rule", rules.changed),
        ("removed rule", rules.removed),
        ("added list", lists.added),
        ("changed list", lists.changed),
        ("removed list", lists.removed),
        ("kept list, which other rules name:", lists.kept),
    ]
    found = [f"{what} {name}" for what, names in told for name in names]
    if rules.moved:
        found.append("changed the order of rules")
    for name, value in applied.settings.items():
        shown = value if isinstance(value, str) else ", ".join(value) or "none"
        found.append(f"set {name}: {shown}")
    return [f"{applied.zone.name}: {line}" for line in found or ["nothing changed"]]


def _write(path: Path, data: bytes) -> None:
    from authz.errors import SettingsError

    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be written: {error.strerror}',
            where="--junit",
            hint="name a file in a directory that exists",
        ) from None


def _warnings(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "where": found.where,
            "message": f'rule "{found.rule}": {found.message}' if found.rule else found.message,
            "hint": found.hint,
            "suggestion": found.suggestion,
            "span": found.span,
            "code": found.code,
        }
        for found in snapshot.findings
    ]


def _not_fetched(one: NotFetched) -> dict[str, Any]:
    return {
        "where": one.where,
        "message": f"nothing was fetched here from {one.url}",
        "hint": "serve fetches it; until then revocation: strict verifies nobody by this authority",
        "suggestion": None,
        "span": None,
        "code": "not_fetched",
    }


def _summary(model: PolicyModel, files: int) -> str:
    counts = (
        (len(model.sites), "site"),
        (sum(len(site.rules) for site in model.sites), "rule"),
        (len(model.lists), "list"),
        (files, "file"),
    )
    return "ok: " + ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
