# SPDX-License-Identifier: Apache-2.0
"""`authz serve`: options into settings, then authz.app; as a rule in the child of node.launch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from authz.cli.options import ConfigOption, PolicyOption, settings_of

# Optional[…]: typer evaluates these at run time.
Text = Optional[str]  # noqa: UP045 - see above


def serve(
    config: ConfigOption = None,
    policy: PolicyOption = None,
    data_dir: Annotated[
        Optional[Path],  # noqa: UP045 - see above
        typer.Option(metavar="D", help="Where the service keeps its own files."),
    ] = None,
    database: Annotated[Text, typer.Option(metavar="U", help="sqlite or postgresql://…")] = None,
    grpc: Annotated[
        Text, typer.Option(metavar="A", help="Where checks are answered: host:port, unix:PATH.")
    ] = None,
    sds: Annotated[Text, typer.Option(metavar="A|off", help="Where SDS is served.")] = None,
    metrics: Annotated[
        Text, typer.Option(metavar="A|off", help="Where metrics and health are served.")
    ] = None,
    admin: Annotated[
        Text, typer.Option(metavar="A|off", help="Where the management API is served.")
    ] = None,
    transport: Annotated[Text, typer.Option(metavar="T", help="auto, native or grpcio.")] = None,
    workers: Annotated[
        Optional[int],  # noqa: UP045 - see above
        typer.Option(metavar="N", help="Processes that answer checks."),
    ] = None,
    port_per_worker: Annotated[
        bool, typer.Option("--port-per-worker", help="Worker N listens on the port plus N.")
    ] = False,
) -> None:
    """Answer Envoy's checks until SIGTERM."""
    from authz.settings import Override

    given: list[tuple[str, tuple[str, ...], str | int | bool | Path | None]] = [
        ("--data-dir", ("data_dir",), data_dir),
        ("--database", ("database",), database),
        ("--grpc", ("grpc", "listen"), _from_here(grpc)),
        ("--sds", ("sds", "listen"), sds),
        ("--metrics", ("metrics", "listen"), metrics),
        ("--admin", ("admin", "listen"), admin),
        ("--transport", ("grpc", "transport"), transport),
        ("--workers", ("grpc", "workers"), workers),
        ("--port-per-worker", ("grpc", "port_per_worker"), port_per_worker or None),
    ]
    overrides = [
        Override(
            option=option,
            path=path,
            value=str(value) if isinstance(value, Path) else value,
            is_path=isinstance(value, Path),
        )
        for option, path, value in given
        if value is not None
    ]
    settings = settings_of(config, policy, overrides)
    from authz.node.launch import child_end

    end = child_end()
    if end is not None:
        from authz.node.loader import prepare

        prepare(settings, end)
    from authz.app import serve as run

    raise typer.Exit(run(settings))


def _from_here(address: str | None) -> str | None:
    """A relative socket path is the caller's, not relative to the settings file."""
    if address is None or not address.startswith("unix:"):
        return address
    path = address.removeprefix("unix:")
    return f"unix:{Path.cwd() / path}" if path and not path.startswith("/") else address
