# SPDX-License-Identifier: Apache-2.0
"""`authz expression`: check, fmt, explain and eval expressions of the Rules language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, PolicyOption, geo_of, group, settings_of

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel
    from authz.rules import Expression, Finding, KnownAuthority, NamedList, Scheme

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
    from authz.rules import format_expression, lint

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
        messages.result_json(
            {
                "valid": True,
                "expression": format_expression(expression),
                "fields": sorted(expression.fields),
                "warnings": [_warning(one, expression.source) for one in findings if one.certain],
                "notes": [_warning(one, expression.source) for one in findings if not one.certain],
            }
        )
        return
    for found in findings:
        (messages.warning if found.certain else messages.note)(found.message)
        if found.advice:
            messages.hint(found.advice)
    messages.result("ok")


def _warning(found: Finding, source: str) -> dict[str, Any]:
    start = found.span[0]
    return {
        "code": found.code,
        "message": found.message,
        "suggestion": found.suggestion,
        "hint": found.hint,
        "line": source.count("\n", 0, start) + 1,
        "column": start - source.rfind("\n", 0, start),
        "span": found.span,
    }


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
    """Show which sub-expression says what."""
    from authz.cli.explanation import explain as explained
    from authz.cli.field_values import values_of

    values = values_of(_json_option(fields))
    tree = explained(_parsed(text, _lists(config, policy)), values)
    if json:
        messages.result_json(tree.as_json())
        return
    for line in tree.lines():
        messages.result(line)


@app.command("eval")
def eval_(config: ConfigOption = None) -> None:
    """Evaluate expressions, a JSON object a line in and out.

    In: {"expression": …, "fields": {name: value}, "lists": {name: {"kind": …, "items": […]}}}.
    Out: {"result": true} or {"error": {"message": …, "line": 1, "column": 5, "hint": …}}.
    """
    import json

    settings_of(config)
    for line in sys.stdin.buffer:
        # A line for every line, in ASCII: whoever pairs them up need not know our locale.
        sys.stdout.write(json.dumps(_evaluated(line)) + "\n")
        sys.stdout.flush()


def _evaluated(line: bytes) -> dict[str, Any]:
    import json

    from authz.cli.field_values import parse_with_lists, values_of
    from authz.errors import AuthzError, ExpressionError, SettingsError
    from authz.rules import compile_expression

    try:
        given = json.loads(line)
        if not isinstance(given, dict) or not isinstance(given.get("expression"), str):
            raise SettingsError("the line has no expression", hint='write {"expression": "ssl"}')
        unknown = sorted(given.keys() - {"expression", "fields", "lists"})
        if unknown:
            raise SettingsError(
                f'unknown key "{unknown[0]}"', hint="known here: expression, fields, lists"
            )
        expression = parse_with_lists(given["expression"], given.get("lists", {}))
        values = values_of(given.get("fields", {}))
        return {"result": compile_expression(expression).matches(values)}
    except (ValueError, RecursionError) as error:
        return {"error": _error(f"the line is not JSON: {error}", None, None, None)}
    except ExpressionError as error:
        return {"error": _error(error.message, error.line, error.column, error.hint)}
    except AuthzError as error:
        return {"error": _error(str(error), None, None, error.hint)}


def _error(message: str, line: int | None, column: int | None, hint: str | None) -> dict[str, Any]:
    return {"message": message, "line": line, "column": column, "hint": hint}


def _parsed(text: str, lists: dict[str, NamedList], scheme: Scheme | None = None) -> Expression:
    """The expression; in a scheme of its own where it matters which fields have a source."""
    from authz.policy.fields import SCHEME
    from authz.rules import parse

    source = sys.stdin.read().rstrip("\n") if text == "-" else text
    return parse(source, SCHEME if scheme is None else scheme, lists)


def _model(config: Path | None, policy: Path | None) -> PolicyModel | None:
    """The policy, if there is one."""
    settings = settings_of(config, policy)
    if settings.policy is None:
        return None
    from authz.sources.policy_file import load_policy

    return load_policy(settings.policy).model


def _lists(config: Path | None, policy: Path | None) -> dict[str, NamedList]:
    """The lists of the policy, if there is one."""
    return _lists_of(_model(config, policy))


def _lists_of(model: PolicyModel | None) -> dict[str, NamedList]:
    from authz.rules import compile_list

    return {} if model is None else {item.name: compile_list(item) for item in model.lists}


def _authorities_of(model: PolicyModel | None) -> tuple[KnownAuthority, ...] | None:
    """The authorities of the site that has the most of them; None without a policy."""
    if model is None:
        return None
    from authz.certs.trust import compile_trust
    from authz.policy.lint import authorities_of

    return authorities_of(compile_trust(max((site.trust for site in model.sites), key=len)))


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
