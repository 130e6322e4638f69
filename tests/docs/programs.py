# SPDX-License-Identifier: Apache-2.0
"""What is known of each program that pages call: `check(words)` raises when a call is wrong.

Our own command reads its arguments as it does when it runs. Of other programs as much is asked as
they say of themselves without doing anything.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer import Exit
from typer._click.exceptions import ClickException

from authz.cli.main import app
from authz.errors import AuthzError
from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.lists import ListKind, ListModel, compile_list
from authz.services.simulation_curl import read_curl
from tests.docs.dry_run import ANSWER, calls_of
from tests.factories.envoy import require_envoy
from tests.factories.page_blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

#: Programs that a page may call and that say nothing of their arguments without working: those of
#: every Unix, those that install, and those whose work needs what is not here (a cluster, an
#: engine, an init system); what operators install is tested with its artefacts (tests/deploy).
TAKEN_AS_WRITTEN = frozenset(
    """
    awk base64 basename bash cat chgrp chmod chown cmp column cp cut date diff dirname du find grep
    groupadd gzip head hostname id install jq ln ls mkdir mktemp mv nc nproc rm sed seq sh
    sha256sum shred sleep sort ss ssh stat tail tar tee touch tr uniq useradd watch wc xargs
    apt-get git go npm pip pipx python python3 uv uvx
    cosign cyclonedx-py docker docker-compose egctl helm istioctl journalctl kubeconform kubectl
    logger logrotate pg_dump podman prometheus promtool psql skopeo systemctl terraform tofu
    """.split()  # noqa: SIM905 - a list of so many words would be a page of quotes
)
_SHELL_SCRIPT = "repository-script"


def check(words: list[str]) -> None:
    """Look at one call.

    Raises:
        AssertionError: the program would refuse it, or nothing is known of the program.
    """
    program, *arguments = _inside(words)
    known: dict[str, Callable[[list[str]], None]] = {
        "authz": _authz,
        "curl": _curl,
        "make": _make,
        "openssl": _openssl,
        "envoy": _envoy,
        _SHELL_SCRIPT: _script,
    }
    if program in {"sh", "bash"} and "-c" in arguments:
        for call_ in calls_of(arguments[arguments.index("-c") + 1]):
            check(call_)
    elif program in known:
        known[program](arguments)
    elif program not in TAKEN_AS_WRITTEN and not program.startswith("systemd-"):
        raise AssertionError(
            f"nothing is known of {program}: add it to tests/docs/programs.py, or mark the block "
            "with <!-- not checked: why -->"
        )


def _inside(words: list[str]) -> list[str]:
    """The command that is run in a container, where our own is: it is looked at as any other."""
    if words[0] in {"docker", "kubectl", "podman"} and "exec" in words:
        rest = words[words.index("exec") + 1 :]
        if "--" in rest:
            rest = ["", *rest[rest.index("--") + 1 :]]
        while rest and rest[0].startswith("-"):
            rest = rest[1:]
        if rest[1:2] == ["authz"]:
            return rest[1:]
    return words


def _authz(arguments: list[str]) -> None:
    """Our own command reads its arguments, and does nothing."""
    # Typer brings its own copy of click, which has no public name.
    command: Any = typer.main.get_command(app)
    context: Any = None
    name, rest = "authz", list(arguments)
    try:
        while True:
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "resolve_command"):
                break
            rest = [*context._protected_args, *context.args]
            if not rest:
                break
            name, command, rest = command.resolve_command(context, rest)
    except Exit:
        return
    except ClickException as error:
        raise AssertionError(f"authz {' '.join(arguments)}: {error.format_message()}") from error
    if arguments[:1] == ["expression"]:
        expression(str(context.params.get("text") or "true"))


def expression(text: str) -> None:
    """Parse an expression; placeholders in capitals stand for one.

    Lists that it names are of the kind that fits.
    """
    if text in {ANSWER, "EXPR"} or "…" in text:
        return
    names = re.findall(r"\$([a-z_][\w.]*)", text)
    problems = []
    for kind in ListKind:
        lists = {name: compile_list(ListModel(name=name, kind=kind)) for name in names}
        try:
            parse(text, SCHEME, lists)
        except AuthzError as error:
            problems.append(error.render())
        else:
            return
    raise AssertionError(f"{text}\n{problems[0]}")


def _curl(arguments: list[str]) -> None:
    """Read as curl reads it; a path of the management API has to be one, for its method."""
    if arguments and arguments[-1] == "…":
        arguments = [*arguments[:-1], "http://example.com/"]
    command = shlex.join(["curl", *arguments])
    try:
        request = read_curl(command)
    except AuthzError as error:
        raise AssertionError(f"{command}\n{error.render()}") from error
    path = request.path.partition("?")[0]
    if "/client/v4" in path:
        call(request.method, path.partition("/client/v4")[2], request.body.decode("utf-8"))


@cache
def _openapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (ROOT / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
    )
    return document


def call(method: str, path: str, body: str = "") -> None:
    """A call of the management API has to be in its document; a body has to be JSON."""
    for template, methods in _openapi()["paths"].items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in methods:
            break
    else:
        raise AssertionError(f"the API has no {method} {path}")
    if body and "…" not in body and ANSWER not in body:
        json.loads(body)


def _make(arguments: list[str]) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w./-]+):", text, re.MULTILINE))
    for word in arguments:
        assert "=" in word or word in targets, f"make has no target {word}"


@cache
def _said_by(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not there")
    return run.stdout + run.stderr


def _openssl(arguments: list[str]) -> None:
    """The command and its options are those of OpenSSL's own help."""
    name, *rest = arguments
    commands = _said_by("openssl", "list", "-commands").split()
    assert name in commands, f"openssl has no command {name}"
    options = set(re.findall(r"^ (-\w+)", _said_by("openssl", name, "-help"), re.MULTILINE))
    # Digests and ciphers are options of many commands, and in no list.
    options |= {"-sha256", "-sha384", "-sha512", "-aes256", "-help"}
    for word in rest:
        assert not re.fullmatch(r"-[a-z]\w*", word) or word in options, f"openssl {name}: {word}"


def _envoy(arguments: list[str]) -> None:
    options = set(re.findall(r"--?[a-z][\w-]*", _said_by(str(require_envoy()), "--help")))
    for word in arguments:
        option = word.partition("=")[0]
        assert not re.fullmatch(r"--?[a-z][\w-]*", option) or option in options, f"envoy {word}"


def _script(arguments: list[str]) -> None:
    """A script of this repository: bash or Python reads it."""
    file = ROOT / arguments[0]
    if file.suffix == ".py":
        compile(file.read_text(encoding="utf-8"), str(file), "exec")
    else:
        subprocess.run(["bash", "-n", file], check=True, timeout=20)
