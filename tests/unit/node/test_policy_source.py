# SPDX-License-Identifier: Apache-2.0
"""The policy file put in force: numbered, watched, and never half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import CertificateError, ParseError, PolicyError, TypeCheckError
from authz.node.policy_source import MAX_FINDINGS_LOGGED, RETRY_SECONDS, PolicySource, kind_of
from authz.observability.log import flush
from authz.observability.metrics import Metrics
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot

GOOD = 'sites: [{name: api, hosts: ["*"]}]\n'
OTHER = 'sites: [{name: other, hosts: ["*"]}]\n'
BAD = "sites: 7\n"


class _Source:
    """A source with its file, what it published and a clock to turn."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "policy.yaml"
        self.file.write_text(GOOD)
        self.published: list[Snapshot] = []
        self.disk_is_full = False
        self.now = AT
        self.metrics = Metrics()
        self.source = PolicySource(
            self.file,
            publish=self.publish,
            metrics=self.metrics,
            generation=5,
            clock=lambda: self.now,
        )

    def publish(self, model: PolicyModel, snapshot: Snapshot) -> None:
        assert [site.name for site in model.sites] == [site.name for site in snapshot.sites]
        if self.disk_is_full:
            raise PolicyError("cannot write the snapshot")
        self.published.append(snapshot)


@pytest.fixture
def made(tmp_path: Path) -> _Source:
    return _Source(tmp_path)


def test_generations_are_numbered_from_the_given_one(made: _Source) -> None:
    assert made.source.generation == 4
    made.source.load()
    made.source.load()
    assert [snapshot.generation for snapshot in made.published] == [5, 6]
    assert made.source.generation == 6
    assert made.published[0].created_at == AT


def test_only_new_content_is_a_change(made: _Source) -> None:
    made.source.load()
    assert not made.source.changed()
    made.file.write_text(GOOD)
    assert not made.source.changed()
    made.file.write_text(OTHER)
    assert made.source.changed()


def test_a_load_that_fails_publishes_nothing_and_uses_no_number(made: _Source) -> None:
    made.source.load()
    made.file.write_text(BAD)
    with pytest.raises(PolicyError):
        made.source.load()
    assert len(made.published) == 1
    made.file.write_text(OTHER)
    made.source.load()
    assert made.published[-1].generation == 6


def test_broken_content_is_tried_once(made: _Source) -> None:
    made.source.load()
    made.file.write_text(BAD)
    assert made.source.changed()
    with pytest.raises(PolicyError):
        made.source.load()
    assert not made.source.changed()
    made.file.write_text(GOOD)
    assert made.source.changed()


def test_a_file_that_appears_later_is_a_change(made: _Source) -> None:
    made.file.write_text(
        GOOD + "lists: {office: {kind: ip, items_file: office.txt}}\n",
    )
    with pytest.raises(PolicyError):
        made.source.load()
    assert not made.source.changed()
    made.file.with_name("office.txt").write_text("10.0.0.0/8\n")
    assert made.source.changed()
    made.source.load()
    assert len(made.published) == 1


def test_what_does_not_compile_is_not_published(made: _Source) -> None:
    made.file.write_text(
        'sites: [{name: api, hosts: ["*"], rules: [{expression: http.hots, action: block}]}]\n'
    )
    with pytest.raises(TypeCheckError):
        made.source.load()
    assert not made.published
    assert not made.source.changed()


def test_a_policy_that_could_not_be_handed_over_is_tried_again_later(made: _Source) -> None:
    made.disk_is_full = True
    with pytest.raises(PolicyError):
        made.source.load()
    assert not made.source.changed()
    made.now += RETRY_SECONDS
    assert made.source.changed()
    made.disk_is_full = False
    made.source.load()
    assert not made.source.changed()
    assert made.published[0].generation == 5


def test_a_failure_is_counted_by_whose_content_it_is(
    made: _Source, capfd: pytest.CaptureFixture[str]
) -> None:
    made.source.failed(CertificateError("no certificate", hint="give PEM"))
    assert made.metrics.export()["reload_failures"] == [["certificate", 1]]
    flush()
    assert "give PEM" in capfd.readouterr().err


def test_kinds_are_a_closed_set() -> None:
    assert kind_of(PolicyError("x")) == "policy"
    assert kind_of(CertificateError("x")) == "certificate"
    assert kind_of(ParseError("x", source="", span=(0, 0))) == "expression"


def test_findings_are_logged_up_to_a_bound(
    made: _Source, capfd: pytest.CaptureFixture[str]
) -> None:
    rule = '{expression: "not not ssl", action: log}'
    rules = ", ".join([rule] * (MAX_FINDINGS_LOGGED + 5))
    made.file.write_text(f'sites: [{{name: api, hosts: ["*"], rules: [{rules}]}}]\n')
    made.source.load()
    findings = len(made.published[0].findings)
    assert findings > MAX_FINDINGS_LOGGED
    flush()
    logged = capfd.readouterr().err
    assert logged.count('"event": "lint"') == MAX_FINDINGS_LOGGED
    assert f'"findings": {findings}' in logged
