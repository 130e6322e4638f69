# SPDX-License-Identifier: Apache-2.0
"""`authz expression`: check, fmt, explain and eval expressions of the Rules language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.options import (
    ConfigOption,
    JsonOption,
    PolicyOption,
    geo_of,
    group,
    has_store,
    model_of,
    settings_of,
)

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel
    from authz.rules import Expression, KnownAuthority, NamedList, Scheme

app = group("Expressions of the Rules language.")

ExpressionArgument = Annotated[
    str, typer.Argument(metavar="EXPR", help='The expression; "-" reads it from standard input.')
]


@app.command("check")
def check(
    text: ExpressionArgument,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether an expression can be used, or point at what is wrong.

    Warns about what is probably not meant, as of the condition of a block rule. $lists and the
    authorities that certificates may come from are those of the policy, and fields of places need a
    GeoIP database in the settings. Ends with 0 when it can be used, with 2 when it cannot.
    """
    from authz.errors import ExpressionError
    from authz.policy.fields import scheme_for
    from authz.rules import lint
    from authz.services.expressions import CheckedExpression, checked_object

    model = _model(config, policy)
    try:
        expression = _parsed(text, _lists_of(model), scheme_for(geo_of(settings_of(config))))
    except ExpressionError as error:
        if not json:
            raise
        messages.result_json({"valid": False, "error": messages.error_json(error)})
        raise typer.Exit(2) from None
    findings = lint(expression, authorities=_authorities_of(model))
    if json:
        checked = CheckedExpression(expression=expression, findings=findings)
        messages.result_json(checked_object(checked))
        return
    for found in findings:
        (messages.warning if found.certain else messages.note)(found.message)
        if found.advice:
            messages.hint(found.advice)
    messages.result("ok")


@app.command("fmt")
def fmt(text: ExpressionArgument, policy: PolicyOption = None, config: ConfigOption = None) -> None:
    """Print an expression in its canonical form."""
    from authz.rules import format_expression

    messages.result(format_expression(_parsed(text, _lists(config, policy))))


@app.command("explain")
def explain(
    text: ExpressionArgument,
    fields: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            metavar="JSON", help='Values: {"http.host": "a"}; @F reads a file. Others are empty.'
        ),
    ] = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what every part of an expression gives.

    Conditions, comparisons with the value they have on their left, calls, indexes, fields, and the
    elements of [*]. What is behind a decided "and" or "or" is marked as not reached. The shape of
    the JSON is described in docs/reference/expression-commands.md.
    """
    from authz.cli.explanation import lines
    from authz.rules.trace import trace
    from authz.rules.trace_json import trace_json
    from authz.sources.field_values import values_of

    values = values_of(_json_option(fields))
    traced = trace(_parsed(text, _lists(config, policy)), values)
    if json:
        messages.result_json(trace_json(traced))
        return
    for line in lines(traced):
        messages.result(messages.printable(line))


@app.command("eval")
def eval_(config: ConfigOption = None) -> None:
    """Evaluate expressions, a JSON object a line in and out.

    In: {"expression": …, "fields": {name: value}, "lists": {name: […]}, "id": …}; fields that are
    left out are empty, an id is echoed, other keys are ignored. Out, at once for every line:
    {"id": …, "result": true} or {"id": …, "error": {"message": …, "line": 1, "column": 5, "hint":
    …}}. The whole protocol is in docs/reference/expression-commands.md.
    """
    from authz.cli.evaluation import answer

    settings_of(config)
    for line in sys.stdin.buffer:
        sys.stdout.write(answer(line) + "\n")
        # Whoever talks to us line by line waits for this one before the next.
        sys.stdout.flush()


def _parsed(text: str, lists: dict[str, NamedList], scheme: Scheme | None = None) -> Expression:
    """The expression; in a scheme of its own where it matters which fields have a source."""
    from authz.policy.fields import SCHEME
    from authz.rules import parse

    source = sys.stdin.read().rstrip("\n") if text == "-" else text
    return parse(source, SCHEME if scheme is None else scheme, lists)


def _model(config: Path | None, policy: Path | None) -> PolicyModel | None:
    """The policy of file and store, if there is one."""
    settings = settings_of(config, policy)
    if settings.policy is None and not has_store(settings):
        return None
    return model_of(settings)


def _lists(config: Path | None, policy: Path | None) -> dict[str, NamedList]:
    """The lists of the policy, if there is one."""
    return _lists_of(_model(config, policy))


def _lists_of(model: PolicyModel | None) -> dict[str, NamedList]:
    from authz.rules import compile_list

    # Where file and store have a list of one name, the file's, which comes first.
    lists = () if model is None else reversed(model.lists)
    return {item.name: compile_list(item) for item in lists}


def _authorities_of(model: PolicyModel | None) -> tuple[KnownAuthority, ...] | None:
    """The authorities of the site that has the most of them; None without a policy."""
    if model is None:
        return None
    from authz.certs.trust import compile_trust
    from authz.policy.lint import authorities_of

    trust = max((site.trust for site in model.sites), key=len, default=())
    return authorities_of(compile_trust(trust))


def _json_option(text: str | None) -> Any:
    """The value of an option that is JSON, or the name of a file with it."""
    import json

    from authz.errors import SettingsError

    if text is None:
        return {}
    try:
        return json.loads(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise SettingsError(
            f'"{text[1:]}" cannot be read: {error.strerror}', where="--fields"
        ) from None
    except ValueError as error:
        raise SettingsError(f"not JSON: {error}", where="--fields") from None
