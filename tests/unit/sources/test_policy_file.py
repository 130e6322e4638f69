# SPDX-License-Identifier: Apache-2.0
"""policy.yaml as a whole: what a good one becomes, and what is said about a bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import AuthzError, CertificateError, PolicyError
from authz.policy.model import (
    Action,
    DefaultAction,
    Misdirected,
    PathMode,
    UpstreamHeaders,
)
from authz.sources.files import FileReader, digest_of
from authz.sources.policy_file import load_policy
from tests.factories.pki import root

if TYPE_CHECKING:
    from pathlib import Path

FULL = """\
sites:
  - name: api
    hosts: ["api.example.com", "*"]
    trust:
      - {name: acme, certificates: [ca.pem], revoked_serials: ["0A:1b"], revocation: off}
    default_action: block
    paths: refuse
    misdirected: ignore
    upstream_headers: [cf-cert, client-cert, cf-cert]
    rules:
      - ref: protect
        description: d
        expression: ssl
        action: block
        action_parameters:
          response: {status_code: 451, content_type: application/json, content: '{"e":1}'}
        enabled: false
      - expression: not ssl
        action: log
lists:
  office: {kind: ip, items: ["10.0.0.0/8"], items_file: more.txt}
"""
MINIMAL = 'sites: [{name: a, hosts: ["*"]}]\n'


def write(directory: Path, text: str) -> Path:
    file = directory / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(directory: Path, text: str) -> list[str]:
    file = write(directory, text)
    with pytest.raises(AuthzError) as caught:
        load_policy(file)
    prefix = f"{file}:"
    return [str(one).removeprefix(prefix) for one in (caught.value, *caught.value.others)]


def test_every_key_reaches_the_model(directory: Path) -> None:
    (directory / "more.txt").write_text("192.0.2.1 # x\n")
    file = write(directory, FULL)

    loaded = load_policy(file)

    (site,) = loaded.model.sites
    assert (site.name, site.hosts) == ("api", ("api.example.com", "*"))
    assert site.default_action is DefaultAction.BLOCK
    assert site.paths is PathMode.REFUSE
    assert site.misdirected is Misdirected.IGNORE
    assert site.upstream_headers == (UpstreamHeaders.CF_CERT, UpstreamHeaders.CLIENT_CERT)
    assert site.where == f"{file}:2: sites[0]"
    (authority,) = site.trust
    assert authority.certificates == (root().der,)
    protect, other = site.rules
    assert (protect.ref, protect.description, protect.enabled) == ("protect", "d", False)
    assert protect.response is not None
    assert protect.response.status_code == 451
    assert (other.ref, other.action, other.expression) == ("api-rule-2", Action.LOG, "not ssl")
    assert other.where == f"{file}:18: sites[0].rules[1]"
    (office,) = loaded.model.lists
    assert office.items == ("10.0.0.0/8", "192.0.2.1")
    assert office.where == f"{file}:21: lists.office"


def test_defaults_are_those_of_the_model(directory: Path) -> None:
    (site,) = load_policy(write(directory, MINIMAL)).model.sites

    assert site.default_action is DefaultAction.ALLOW
    assert site.paths is PathMode.COMPARE
    assert site.misdirected is Misdirected.ANSWER_421
    assert (site.trust, site.rules, site.upstream_headers) == ((), (), ())


def test_what_was_read_is_told(directory: Path) -> None:
    (directory / "more.txt").write_text("192.0.2.1\n")
    file = write(directory, FULL)

    loaded = load_policy(file)

    assert loaded.files == (file, directory / "ca.pem", directory / "more.txt")
    assert loaded.contents[directory / "more.txt"] == digest_of(b"192.0.2.1\n")


def test_the_digest_follows_the_content_of_every_file(directory: Path) -> None:
    (directory / "more.txt").write_text("192.0.2.1\n")
    file = write(directory, FULL)
    first = load_policy(file).digest

    assert load_policy(file).digest == first
    (directory / "more.txt").write_text("192.0.2.2\n")
    assert load_policy(file).digest != first


def test_a_failed_load_tells_what_it_looked_at(directory: Path) -> None:
    file = write(directory, MINIMAL.replace("]}", "], trust: [{name: x, certificates: [n.pem]}]}"))
    reader = FileReader()

    with pytest.raises(CertificateError):
        load_policy(file, reader)

    assert reader.contents[directory / "n.pem"] is None
    assert reader.contents[file] is not None


def test_unknown_keys_are_errors_with_line_key_and_hint(directory: Path) -> None:
    file = write(directory, "sites:\n  - name: a\n    hsots: ['*']\n    hosts: ['*']\n")

    with pytest.raises(PolicyError) as caught:
        load_policy(file)

    assert caught.value.where == f"{file}:3: sites[0].hsots"
    assert caught.value.message == 'unknown key "hsots"'
    assert caught.value.hint == 'did you mean "hosts"?'


def test_every_mistake_of_the_schema_is_reported(directory: Path) -> None:
    text = """\
sites:
  - name: a
    hosts: []
    default_action: deny
    rules:
      - expression: ssl
        action: managed_challenge
      - action: blokc
        expression: " "
        logging: {}
lists:
  Bad-Name: {kind: ip, items: []}
"""

    assert faults(directory, text) == [
        "3: sites[0].hosts: the list is too short",
        '4: sites[0].default_action: "deny" is not one of allow, block',
        '7: sites[0].rules[0].action: the action "managed_challenge" is not available here',
        '8: sites[0].rules[1].action: unknown action "blokc"',
        "9: sites[0].rules[1].expression: is empty",
        '10: sites[0].rules[1].logging: unknown key "logging"',
        '12: lists.Bad-Name: "Bad-Name" is no list name',
    ]


def test_every_mistake_behind_the_schema_is_reported(directory: Path) -> None:
    text = """\
sites:
  - name: a
    hosts: ["*"]
    trust: [{name: x, certificates: [gone.pem]}, {name: x, certificates: [ca.pem]}]
    rules:
      - {expression: ssl, action: skip}
  - name: a
    hosts: ["b"]
lists:
  empty: {kind: ip}
"""

    assert faults(directory, text) == [
        '4: sites[0].trust[0].certificates[0]: "gone.pem" does not exist',
        '4: sites[0].trust[1].name: a second authority "x"',
        "6: sites[0].rules[0].action_parameters: the skip rule does not say what to skip",
        '7: sites[1].name: a second site "a"',
        "10: lists.empty: the list has no items",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1: the policy is not a mapping with sites"),
        ("sites: []\n", "1: sites: the list is too short"),
        ("lists: {}\n", '1: sites: the key "sites" is missing'),
        ('sites: [{name: " x", hosts: ["*"]}]\n', "1: sites[0].name: is no name"),
        ('sites: [{name: "a\\nb", hosts: ["*"]}]\n', "1: sites[0].name: is no name"),
    ],
)
def test_a_policy_without_substance_is_refused(directory: Path, text: str, fault: str) -> None:
    assert faults(directory, text)[0] == fault


def test_hosts_that_yaml_reads_as_aliases_have_a_hint(directory: Path) -> None:
    file = write(directory, "sites:\n  - name: a\n    hosts: [*]\n")

    with pytest.raises(PolicyError) as caught:
        load_policy(file)

    assert caught.value.hint == 'put a value that starts with "*" in quotes'
    assert str(caught.value.where) == f"{file}:3"


def test_a_policy_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the policy file does not exist"):
        load_policy(tmp_path / "policy.yaml")


def test_a_policy_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(b"\xff")

    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "policy.yaml")


def test_rules_can_be_shared_between_sites_by_an_anchor(directory: Path) -> None:
    text = """\
sites:
  - name: a
    hosts: [a]
    rules: &common
      - {ref: r, expression: ssl, action: block}
  - name: b
    hosts: [b]
    rules: *common
"""
    first, second = load_policy(write(directory, text)).model.sites

    assert first.rules[0].ref == second.rules[0].ref == "r"


SHARED = """\
sites:
  - name: a
    hosts: [a.example]
    trust: &shared
      - {name: acme, certificates: [gone.pem, gone.pem]}
  - name: b
    hosts: [b.example]
    trust: *shared
"""


def test_what_is_wrong_behind_an_alias_is_said_once(directory: Path) -> None:
    # Twice in the text is twice; two sites with the same text are not.
    assert [one.partition(": ")[2].partition(": ")[0] for one in faults(directory, SHARED)] == [
        "sites[0].trust[0].certificates[0]",
        "sites[0].trust[0].certificates[1]",
    ]
    written_out = SHARED.replace("&shared", "").replace(
        "*shared", "[{name: acme, certificates: [gone.pem, gone.pem]}]"
    )
    assert len(faults(directory, written_out)) == 4
