# SPDX-License-Identifier: Apache-2.0
"""The checks of blocks refuse what is wrong: each of these has one mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.forms import form_of
from tests.factories.page_blocks import Block
from tests.factories.page_commands import Command, commands_of
from tests.factories.page_drills import headings
from tests.factories.pages import fenced

if TYPE_CHECKING:
    from pathlib import Path


def block(language: str, text: str, title: str = "") -> Block:
    """A block as a page would have it."""
    return Block(
        page="docs/index.md",
        line=1,
        heading="",
        language=language,
        title=title,
        text=text,
        reason="",
        generated=False,
    )


WRONG = {
    "an option that authz does not have": ("console", "$ authz ca create --nmae Acme\n", ""),
    "a command that authz does not have": ("console", "$ authz ca make\n", ""),
    "a wrong expression": ("sh", "authz expression check 'http.hots eq \"a\"'\n", ""),
    "an option inside a substitution": ("console", '$ ID="$(authz cert list --jason)"\n', ""),
    "an unfinished quote": ("console", "$ authz zone create 'a\n", ""),
    "an option that openssl does not have": ("console", "$ openssl x509 -inn a.pem\n", ""),
    "an option that curl does not have": ("console", "$ curl --silnt http://a.test/\n", ""),
    "a path that the API does not have": (
        "console",
        "$ curl http://127.0.0.1:8080/client/v4/zoness\n",
        "",
    ),
    "a target that make does not have": ("console", "make demoo\n", ""),
    "an option that Envoy does not have": ("console", "$ envoy --confg-path envoy.yaml\n", ""),
    "a program that nobody knows": ("console", "$ frobnicate\n", ""),
    "a script that is not there": ("console", "$ deploy/make-certificate.sh\n", ""),
    "a setting that is not one": ("yaml", "grpc: {port: 1}\n", ""),
    "a value that a setting cannot have": ("yaml", "grpc: {workers: many}\n", "authz.yaml"),
    "an unknown field in a policy": (
        "yaml",
        "- {ref: a, expression: http.hots eq 1, action: block}\n",
        "",
    ),
    "a rule that lint would not leave": (
        "yaml",
        """sites: [{name: a, hosts: [a.test], rules: [{ref: a, action: block,
           expression: 'http.host eq "A.TEST"'}]}]""",
        "policy.yaml",
    ),
    "a field that Envoy does not have": ("yaml", "normalise_path: true\n", "envoy.yaml"),
    "a field of the filter that Envoy does not have": (
        "yaml",
        "failure_mode_allow: false\nstatus_on_eror: {code: Forbidden}\n",
        "",
    ),
    "a Kubernetes object with a slip": (
        "yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatta: {}\n",
        "",
    ),
    "an option of authz in a container": (
        "console",
        "$ docker compose exec -T authz authz ca create --nmae a\n",
        "",
    ),
    "an option of authz by a path, as another user": (
        "console",
        "$ sudo -u authz /opt/authz/bin/authz ca create --nmae a\n",
        "",
    ),
    "annotations that are no text": ("yaml", "annotations: {a: 1}\n", ""),
    "an access log that Envoy cannot write": ("yaml", 'a: "%DYNAMIC_METADATAA(x:y)%"\n', ""),
    "a compose file with a slip": ("yaml", "services: {a: {imge: b}}\n", ""),
    "a metric that is not one": ("promql", "rate(authz_decision_total[5m])\n", ""),
    "PromQL that is none": ("promql", "sum(rate(authz_decisions_total[5m])\n", ""),
    "an expression in Terraform": (
        "hcl",
        'resource "a" "b" {\n  expression = "http.host eqq \\"a\\""\n}\n',
        "",
    ),
    "Terraform that is none": ("hcl", 'resource "a" "b" {\n', ""),
    "JSON that is none": ("json", "{\n  'a': 1\n}\n", ""),
    "an expression in JSON": ("json", '{"action": "block", "expression": "ssl eq"}', ""),
    "Python that is none": ("python", "print(\n", ""),
    "a call that the API does not have": ("http", "POST /zones/ZONE/rules\n", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_block_is_refused(name: str, tmp_path: Path) -> None:
    wrong = block(*WRONG[name])
    form = form_of(wrong)
    assert form is not None

    with pytest.raises(Exception) as refused:
        form.check(wrong, tmp_path)

    # None of those that a mistake of the check itself would raise.
    defects = {"Skipped", "AttributeError", "KeyError", "TypeError", "FileNotFoundError"}
    assert refused.typename not in defects


@pytest.mark.parametrize(
    ("language", "text"), [("", "a"), ("text", "a"), ("yaml", "some: {thing: else}"), ("rust", "")]
)
def test_what_nobody_knows_has_no_form(language: str, text: str) -> None:
    assert form_of(block(language, text)) is None


def test_commands_have_the_output_below_them() -> None:
    text = "$ first \\\n    --option\n$ second 'a\nb'\nprinted\nmore\n$ cat <<EOF\n$ x\nEOF\n"

    assert commands_of(text) == [
        Command("first \\\n    --option", ""),
        Command("second 'a\nb'", "printed\nmore"),
        Command("cat <<EOF\n$ x\nEOF", ""),
    ]


def test_a_comment_inside_a_block_is_no_heading() -> None:
    page = "how-to/install-with-helm.md"
    found = headings(page)

    assert any(text.startswith("# gate.yaml\n") for text in fenced(page, "yaml"))
    assert "gate.yaml" not in found
    assert "A policy beside Istio or Envoy Gateway" in found
