# SPDX-License-Identifier: Apache-2.0
"""The `authz` command: its subcommands, and what happens when one of them raises.

Exit status 0 is fine, 1 is "no" (a check that denied, a demo with a wrong answer), 2 is usage or
configuration. Start-up time is a feature: subcommands import what they need when they run.
"""

from __future__ import annotations

from typing import Annotated

import typer

from authz import __version__
from authz.cli import (
    audit,
    ca_revocation,
    cert_issue,
    check,
    db,
    demo,
    envoy,
    export,
    expression,
    fingerprint,
    health,
    host,
    import_cloudflare,
    incident,
    messages,
    policy_export,
    schema,
    serve,
    session,
    token,
    zone,
)
from authz.cli import version as version_command
from authz.cli.doctor import command as doctor
from authz.cli.options import MisplacedConfigOption, check_place

app = typer.Typer(
    help="Cloudflare's mTLS rules as an external authorizer for Envoy.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
)


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    config: MisplacedConfigOption = None,
) -> None:
    """Print help, or the version."""
    check_place(context, config)
    if version:
        messages.result(f"authz {__version__}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(0)


app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("fingerprint")(fingerprint.fingerprint)
app.add_typer(policy_export.app, name="policy")
app.add_typer(expression.app, name="expression")
app.add_typer(zone.app, name="zone")
app.add_typer(ca_revocation.app, name="ca")
app.add_typer(host.app, name="host")
app.add_typer(cert_issue.app, name="cert")
app.add_typer(token.app, name="token")
app.add_typer(session.app, name="session")
app.add_typer(incident.app, name="incident")
app.add_typer(envoy.app, name="envoy")
app.add_typer(db.app, name="db")
app.add_typer(import_cloudflare.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(schema.app, name="schema")
app.command("audit")(audit.audit)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("version")(version_command.version)
app.command("health")(health.health)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its status."""
    with messages.reporting():
        app(arguments, prog_name=messages.PROGRAM)
