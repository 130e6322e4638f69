# SPDX-License-Identifier: Apache-2.0
"""`authz policy validate`: everything that is wrong with a policy file, and what looks wrong."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, group, settings_of

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot

app = group("Policy files.")


@app.command("validate")
def validate(
    policy: Annotated[Path, typer.Argument(metavar="F", help="The policy file.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check a policy file and everything it names.

    Warns about rules that look wrong. Ends with 0 when the policy can be used, warnings or not,
    and with 2 when it cannot.
    """
    from authz.errors import AuthzError
    from authz.sources.policy_file import load_policy
    from authz.sources.validation import validate as compile_all

    settings_of(config)
    try:
        loaded = load_policy(policy)
        snapshot = compile_all(loaded.model, at=time.time())
    except AuthzError as error:
        if json:
            errors = [messages.error_json(one) for one in (error, *error.others)]
            messages.result_json({"valid": False, "errors": errors, "warnings": []})
            raise typer.Exit(2) from None
        raise
    warnings = _warnings(snapshot)
    if json:
        messages.result_json({"valid": True, "errors": [], "warnings": warnings})
        return
    for found in warnings:
        messages.warning(f"{found['where']}: {found['message']}")
        if found["hint"]:
            messages.hint(found["hint"])
    messages.result(f"{policy}: {_summary(loaded.model, len(loaded.files))}")


def _warnings(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "where": found.where,
            "message": f'rule "{found.rule}": {found.message}' if found.rule else found.message,
            "hint": found.hint,
            "code": found.code,
        }
        for found in snapshot.findings
    ]


def _summary(model: PolicyModel, files: int) -> str:
    counts = (
        (len(model.sites), "site"),
        (sum(len(site.rules) for site in model.sites), "rule"),
        (len(model.lists), "list"),
        (files, "file"),
    )
    return "ok: " + ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
