# SPDX-License-Identifier: Apache-2.0
"""What a block is, and the check that goes with it.

`form_of(block)` says in a word what it is and how it is checked; None: nobody knows, and the test
fails. By its title first, then by its language and what is in it. A new kind of file is one entry
of `_BY_TITLE`, a new language one of `_BY_LANGUAGE`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from authz.cli.policy_test.document import TestDocument
from authz.settings import Settings, load_settings
from authz.settings.yaml_document import YamlDocument
from tests.docs import envoy_fragments, policies
from tests.docs.data_forms import (
    api_calls,
    hcl,
    ini,
    json_text,
    promql,
    python,
    sql,
    toml,
)
from tests.docs.dry_run import calls_of
from tests.docs.operator_files import (
    compose,
    helm_values,
    is_pod_metadata,
    is_values,
    kubernetes,
    prometheus,
    rules,
)
from tests.docs.programs import check
from tests.factories.page_blocks import ROOT
from tests.factories.page_commands import commands_of, commands_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.factories.page_blocks import Block


class Form(NamedTuple):
    """What a block is, and its check: it raises when something is wrong."""

    name: str
    check: Callable[[Block, Path], None]


def form_of(block: Block) -> Form | None:
    """The form of a block; None when it has none that is known."""
    if block.reason:
        return Form("not checked, with a reason", _nothing)
    title = block.title or _named_by_a_comment(block.text)
    for pattern, form in _BY_TITLE:
        if re.search(pattern, title):
            return form
    if block.language == "yaml":
        return _yaml_form(block)
    if block.language in {"text", "json"} and block.generated:
        # The text is compared with what the code gives: docs/generate.py --check.
        return Form("generated", _nothing)
    return _BY_LANGUAGE.get(block.language)


def _named_by_a_comment(text: str) -> str:
    """`# NAME.yaml …` on the first line says what the file is."""
    found = re.match(r"# ([\w./-]+\.(?:ya?ml|conf|service))\b", text)
    return found[1] if found else ""


def _nothing(block: Block, directory: Path) -> None:
    """Nothing to do here."""


def _commands(block: Block, directory: Path) -> None:
    functions = _functions(block.page)
    for command in commands_of(block.text):
        for words in calls_of(functions + command.text, (ROOT / block.page).parent):
            check(words)


def _functions(page: str) -> str:
    """The shell functions that a page makes, for the commands that call them."""
    commands = commands_on(ROOT / page, languages=("console", "sh"))
    return "".join(f"{one.text}\n" for one in commands if re.match(r"\w+\(\) ", one.text))


def _settings(block: Block, directory: Path) -> None:
    file = directory / "authz.yaml"
    file.write_text(block.text, encoding="utf-8")
    load_settings(file)


def _policy(block: Block, directory: Path) -> None:
    document = policies.completed(yaml.safe_load(block.text))
    assert document is not None, "no sites, rules or trust in it"
    policies.load(block.text, document, directory)


def _policy_test(block: Block, directory: Path) -> None:
    # Certificates of cases are read from files, which the page does not have: what may stand in a
    # case is all that is looked at.
    TestDocument.model_validate(YamlDocument(block.text).value)


def _envoy(block: Block, directory: Path) -> None:
    from authz.demo.credentials import make_credentials
    from authz.demo.pki import make_root
    from tests.factories.pki import AT

    config = envoy_fragments.with_fragment(yaml.safe_load(block.text))
    assert config is not None, "no part of Envoy's configuration that is known"
    make_credentials(directory, at=AT)
    (directory / "proxy-ca.crt").write_bytes(make_root("Proxy CA").pem)
    envoy_fragments.validate(config, directory)


def _yaml(block: Block, directory: Path) -> None:
    for _ in yaml.safe_load_all(block.text):
        pass


_SETTINGS = Form("authz.yaml, loaded", _settings)
_POLICY = Form("policy, compiled and linted", _policy)
_POLICY_TEST = Form("policy test, read", _policy_test)
_ENVOY = Form("Envoy configuration, validated by Envoy", _envoy)
_KUBERNETES = Form("Kubernetes manifests, against their schema", kubernetes)
_COMPOSE = Form("compose file, against its schema", compose)
_RULES = Form("Prometheus rules, read by promtool", rules)
_PROMETHEUS = Form("Prometheus configuration, read by promtool", prometheus)
_VALUES = Form("Helm values, against the chart", helm_values)
_COMMANDS = Form("commands, read by bash and by the programs", _commands)
_INI = Form("configuration of sections and keys, read", ini)

_BY_TITLE: tuple[tuple[str, Form], ...] = (
    (r"^authz\.ya?ml$", _SETTINGS),
    (r"(^|[-_/])policy\.ya?ml$", _POLICY),
    (r"_test\.ya?ml$", _POLICY_TEST),
    (r"^envoy[\w-]*\.ya?ml", _ENVOY),
    (r"^(docker-)?compose[\w.-]*\.ya?ml$", _COMPOSE),
    (r"values[\w.-]*\.ya?ml$", _VALUES),
    (r"(rules|alerts)[\w.-]*\.ya?ml$", _RULES),
    (r"^prometheus\.ya?ml$", _PROMETHEUS),
    (r"\.(service|socket|timer|conf)$", _INI),
)

_BY_LANGUAGE: dict[str, Form] = {
    **dict.fromkeys(("console", "bash", "sh", "shell"), _COMMANDS),
    "json": Form("JSON, parsed; expressions in it, too", json_text),
    "promql": Form("PromQL, read by promtool; our metrics exist", promql),
    "hcl": Form("Terraform, parsed; expressions in it, too", hcl),
    "python": Form("Python, compiled", python),
    "ini": _INI,
    "toml": Form("TOML, parsed", toml),
    "http": Form("calls of the API, in its document", api_calls),
    "sql": Form("SQL, run on a real PostgreSQL", sql),
}


def _yaml_form(block: Block) -> Form | None:
    """What a YAML block without a (known) title is, by its keys."""
    try:
        documents: list[Any] = [one for one in yaml.safe_load_all(block.text) if one is not None]
    except yaml.YAMLError:
        # A template, maybe; whoever wrote it has to say.
        return None
    if not documents:
        return None
    if all(isinstance(one, dict) and {"apiVersion", "kind"} <= set(one) for one in documents):
        return _KUBERNETES
    (document, *more) = documents
    if more:
        return None
    keys = set(document) if isinstance(document, dict) else set()
    if is_pod_metadata(document):
        return _KUBERNETES
    if keys and _named_by_a_comment(block.text) and is_values(document):
        return _VALUES
    if keys == {"tracing"} and "provider" in document["tracing"]:
        # The one of Envoy's connection manager has the name of ours.
        return _ENVOY
    if keys and keys <= set(Settings.model_fields):
        return _SETTINGS
    if keys and "cases" in keys and keys <= set(TestDocument.model_fields):
        return _POLICY_TEST
    if "services" in keys:
        return _COMPOSE
    if keys == {"groups"}:
        return _RULES
    if keys & {"scrape_configs", "rule_files"}:
        return _PROMETHEUS
    if policies.completed(document) is not None:
        return _POLICY
    if envoy_fragments.with_fragment(document) is not None:
        return _ENVOY
    if keys and is_values(document):
        return _VALUES
    return None
