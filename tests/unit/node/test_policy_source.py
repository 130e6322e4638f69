# SPDX-License-Identifier: Apache-2.0
"""The policy file put in force: numbered, watched, and never half."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from authz.certs.serials import MAX_CHANGES
from authz.errors import CertificateError, ParseError, PolicyError, TypeCheckError
from authz.node import policy_source
from authz.node.policy_source import (
    MAX_FINDINGS_LOGGED,
    MAX_UNSETTLED,
    RETRY_SECONDS,
    SETTLE_SECONDS,
    PolicySource,
    kind_of,
)
from authz.node.snapshot_file import read_snapshot, write_snapshot
from authz.observability.log import flush
from authz.observability.metrics import Metrics
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from collections.abc import Callable
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
        self.models: list[PolicyModel] = []
        self.gives_back: Callable[[PolicyModel], PolicyModel | None] = lambda _: None
        self.disk_is_full = False
        self.now = AT
        self.metrics = Metrics()
        self.slept: list[float] = []
        self.while_asleep: Callable[[], object] = int  # nothing
        self.source = PolicySource(
            self.file,
            publish=self.publish,
            metrics=self.metrics,
            generation=5,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.while_asleep()

    def rewrite(self, text: str) -> None:
        """Write in place while the source waits for the file to settle, once."""

        def write() -> None:
            self.file.write_text(text)
            self.while_asleep = int

        self.while_asleep = write

    def publish(self, model: PolicyModel, snapshot: Snapshot) -> PolicyModel | None:
        assert [site.name for site in model.sites] == [site.name for site in snapshot.sites]
        if self.disk_is_full:
            raise PolicyError("cannot write the snapshot")
        self.published.append(snapshot)
        self.models.append(model)
        return self.gives_back(model)


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


def test_files_that_keep_still_are_put_in_force(made: _Source) -> None:
    made.source.load()
    assert not made.slept
    made.file.write_text(OTHER)
    made.source.reload()
    assert made.slept == [SETTLE_SECONDS]
    assert made.published[-1].generation == 6
    assert not made.source.changed()


def test_half_a_policy_is_not_put_in_force_though_it_is_valid(made: _Source) -> None:
    made.source.load()
    made.file.write_text(GOOD)
    whole = GOOD.replace("]}]", "], default_action: block}]")
    made.rewrite(whole)
    made.source.reload()
    assert len(made.published) == 1
    assert made.source.changed()
    made.source.reload()
    assert len(made.published) == 2
    assert not made.source.changed()


def test_what_is_wrong_with_half_a_policy_is_not_reported(made: _Source) -> None:
    made.source.load()
    made.file.write_text(BAD)
    made.rewrite(OTHER)
    made.source.reload()
    assert made.source.changed()
    made.source.reload()
    assert [site.name for site in made.published[-1].sites] == ["other"]


def test_what_is_wrong_with_a_policy_that_stays_is_reported_once(made: _Source) -> None:
    made.source.load()
    made.file.write_text(BAD)
    with pytest.raises(PolicyError):
        made.source.reload()
    assert not made.source.changed()


def test_a_file_that_the_new_policy_names_has_to_settle_too(made: _Source) -> None:
    made.source.load()
    listed = made.file.with_name("office.txt")
    listed.write_text("10.0.0.0/8\n")
    made.file.write_text(GOOD + "lists: {office: {kind: ip, items_file: office.txt}}\n")
    made.while_asleep = lambda: listed.write_text("10.0.0.0/8\n192.0.2.0/24\n")
    made.source.reload()
    assert len(made.published) == 1
    assert made.source.changed()
    made.source.reload()
    assert len(made.published) == 2


def test_a_reload_that_was_asked_for_happens_though_the_files_change_back(made: _Source) -> None:
    made.source.load()
    made.file.write_text(OTHER)
    made.rewrite(GOOD)
    made.source.reload()
    assert made.source.changed()
    made.source.reload()
    assert len(made.published) == 2


def test_files_that_never_settle_are_an_error_in_the_end(made: _Source) -> None:
    made.source.load()
    numbers = iter(range(1000))
    made.while_asleep = lambda: made.file.write_text(f"{GOOD}# {next(numbers)}\n")
    for _ in range(MAX_UNSETTLED - 1):
        made.source.reload()
    with pytest.raises(PolicyError, match="again and again") as caught:
        made.source.reload()
    assert "rename" in str(caught.value.hint)
    assert len(made.published) == 1
    made.while_asleep = int
    assert made.source.changed()
    made.source.reload()
    assert len(made.published) == 2


def test_a_list_that_is_empty_for_a_moment_revokes_nothing_less(made: _Source) -> None:
    listed = made.file.with_name("office.txt")
    listed.write_text("10.0.0.0/8\n")
    made.file.write_text(GOOD + "lists: {office: {kind: ip, items_file: office.txt}}\n")
    made.source.load()
    listed.write_text("")
    with pytest.raises(PolicyError, match="is empty"):
        made.source.reload()
    assert len(made.published) == 1


# --- large sets ----------------------------------------------------------------------------------


def many(made: _Source, *more: str) -> None:
    """A policy with a large list and so many revoked serial numbers that they are packed."""
    directory = made.file.parent
    (directory / "ca.pem").write_bytes(root().pem)
    (directory / "agents.txt").write_text("".join(f"agent {n}\n" for n in range(2000)))
    revoked = [f"{n:X}" for n in range(1, MAX_CHANGES + 2)]
    (directory / "revoked.txt").write_text("\n".join([*revoked, *more]) + "\n")
    made.file.write_text(
        "sites:\n"
        '  - {name: api, hosts: ["*"], trust: [{name: acme, certificates: [ca.pem], '
        "revoked_serials_file: revoked.txt}]}\n"
        "lists: {agents: {kind: string, items_file: agents.txt}}\n"
    )


def test_what_is_large_and_the_same_is_not_packed_again(made: _Source) -> None:
    many(made)
    made.source.load()
    many(made, "FFFFFFFF")
    made.source.load()

    first, second = made.models
    assert second.lists[0].packed is first.lists[0].packed
    (before,), (after,) = first.sites[0].trust, second.sites[0].trust
    assert after.revoked_base is before.revoked_base
    assert (before.revoked_serials, after.revoked_serials) == ((), (0xFFFFFFFF,))
    serials = made.published[1].sites[0].trust.revocation_by_authority["acme"].serials
    assert serials.has(0xFFFFFFFF)
    assert serials.has(1)


def test_the_next_policy_is_compared_with_what_publishing_gave_back(
    made: _Source, tmp_path: Path
) -> None:
    many(made)
    made.gives_back = lambda model: (
        read_snapshot(write_snapshot(tmp_path / "snapshots", model, 1, AT)).model
    )
    made.source.load()
    made.source.load()

    (before,), (after,) = made.models[0].sites[0].trust, made.models[1].sites[0].trust
    assert after.revoked_base == before.revoked_base
    assert after.revoked_base is not before.revoked_base


def test_memory_is_given_back_after_a_large_load_only(
    made: _Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[int] = []
    monkeypatch.setattr(policy_source, "release_memory", lambda: released.append(1))
    made.source.load()
    assert released == []
    many(made)
    made.source.load()
    assert released == [1]


def test_checks_wait_less_while_a_policy_is_loaded_and_as_ever_afterwards(made: _Source) -> None:
    usual = sys.getswitchinterval()
    seen: list[float] = []
    made.gives_back = lambda _: seen.append(sys.getswitchinterval())
    made.source.load()
    assert seen == [pytest.approx(policy_source.SWITCH_SECONDS)]
    assert sys.getswitchinterval() == usual
    made.file.write_text(BAD)
    with pytest.raises(PolicyError):
        made.source.load()
    assert sys.getswitchinterval() == usual
