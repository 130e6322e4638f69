# SPDX-License-Identifier: Apache-2.0
"""The policy in force: loaded by somebody else, published, watched, tried again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import (
    CertificateError,
    LoaderError,
    ParseError,
    PolicyError,
    SettingsError,
)
from authz.node.faults import fault_of
from authz.node.loader_messages import (
    Built,
    Finding,
    Findings,
    GeoState,
    LoadPolicy,
    Refused,
    Unsettled,
)
from authz.node.policy_source import (
    MAX_UNSETTLED,
    RETRY_SECONDS,
    PolicyFiles,
    PolicySource,
    kind_of,
)
from authz.observability.log import flush
from authz.observability.metrics import RELOADS, Metrics
from authz.sources.watch import contents_of
from authz.whole_files import remove_unheld
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.errors import AuthzError
    from authz.node.loader_messages import Answer


class _Loader:
    """Answers one order with what the test says."""

    def __init__(self, made: _Source) -> None:
        self.made = made
        self.killed = False
        self.gave_way = False
        self.on_findings: Any = None

    def give_way(self) -> None:
        self.gave_way = True

    def ask(self, order: LoadPolicy) -> None:
        self.made.orders.append(order)

    def answer(self) -> Answer:
        answer = self.made.answer
        if isinstance(answer, LoaderError):
            raise answer
        return answer

    def kill(self) -> None:
        self.killed = True


class _Source:
    """A source with its file, its loaders' answer, what it published and a clock to turn."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "policy.yaml"
        self.file.write_text("1")
        self.orders: list[LoadPolicy] = []
        self.loaders: list[_Loader] = []
        self.published: list[Built] = []
        self.disk_is_full = False
        self.now = AT
        self.metrics = Metrics()
        self.answer: Answer | LoaderError
        self.built()
        self.source = PolicySource(
            PolicyFiles(
                policy=self.file,
                snapshots=directory / "snapshots",
                geoip={"city": directory / "city.mmdb"},
                geo_directory=directory / "geoip",
                fetched=directory / "fetched",
            ),
            publish=self.publish,
            metrics=self.metrics,
            clock=lambda: self.now,
            start=self.start,  # type: ignore[arg-type]
        )

    def start(self) -> _Loader:
        self.loaders.append(_Loader(self))
        return self.loaders[-1]

    def publish(self, built: Built) -> None:
        if self.disk_is_full:
            raise PolicyError("cannot use the snapshot")
        self.published.append(built)

    def _looked(self) -> dict[str, Any]:
        found = contents_of([self.file]).items()
        return {"contents": {str(path): digest for path, digest in found}, "geo": GeoState()}

    def snapshot(self, generation: int) -> Path:
        file = self.file.with_name(f"{generation}.snapshot")
        file.touch()
        return file

    def built(self, generation: int = 1, **changes: Any) -> None:
        self.answer = Built(
            **{
                **self._looked(),
                "generation": generation,
                "file": str(self.snapshot(generation)),
                "sites": 1,
                **changes,
            }
        )

    def refused(self, error: AuthzError, *, retry: bool = False) -> None:
        self.answer = Refused(**self._looked(), fault=fault_of(error), retry=retry)

    def unsettled(self) -> None:
        self.answer = Unsettled(**self._looked())


@pytest.fixture
def made(tmp_path: Path) -> Iterator[_Source]:
    made = _Source(tmp_path)
    yield made
    made.source.release()


def test_what_was_built_is_published_and_its_number_known(made: _Source) -> None:
    made.built(5)
    assert made.source.generation == 0
    made.source.load()
    assert [built.generation for built in made.published] == [5]
    assert made.source.generation == 5


def test_an_order_goes_on_from_what_is_in_force(made: _Source) -> None:
    geo = GeoState(copies={"city": "copy"}, seen={"city": "digest"})
    made.built(5, geo=geo)
    made.source.load()
    made.source.reload()
    first, second = made.orders

    assert (first.generation, first.earlier, first.settled) == (1, None, False)
    assert (second.generation, second.earlier, second.settled) == (6, str(made.snapshot(5)), True)
    # Everybody waits for the first load; during a reload, checks are answered.
    assert [loader.gave_way for loader in made.loaders] == [False, True]
    assert (first.geo, second.geo) == (GeoState(), geo)
    assert second.policy == str(made.file)
    assert second.fetched == str(made.file.with_name("fetched"))


def test_a_loader_that_was_started_before_is_asked(made: _Source) -> None:
    early = _Loader(made)
    made.source.begin(early)  # type: ignore[arg-type]
    assert len(made.orders) == 1
    made.source.load()
    assert made.loaders == []
    assert len(made.published) == 1


def test_only_new_content_is_a_change(made: _Source) -> None:
    made.source.load()
    assert not made.source.changed()
    made.file.write_text("1")
    assert not made.source.changed()
    made.file.write_text("2")
    assert made.source.changed()


def test_what_is_refused_is_raised_published_by_nobody_and_tried_once(made: _Source) -> None:
    made.source.load()
    made.file.write_text("2")
    made.refused(ParseError("bad", source="x", span=(0, 1)))
    with pytest.raises(ParseError, match="bad"):
        made.source.reload()
    assert len(made.published) == 1
    assert made.source.generation == 1
    assert not made.source.changed()
    made.now += RETRY_SECONDS
    assert not made.source.changed()
    made.file.write_text("1")
    assert made.source.changed()


def test_a_file_that_appears_later_is_a_change(made: _Source) -> None:
    missing = made.file.with_name("office.txt")
    made.built(contents={str(missing): None})
    made.source.load()
    assert not made.source.changed()
    missing.write_text("10.0.0.0/8\n")
    assert made.source.changed()


@pytest.mark.parametrize("where", ["loader", "publish"])
def test_a_policy_that_could_not_be_handed_over_is_tried_again_later(
    made: _Source, where: str
) -> None:
    made.disk_is_full = where == "publish"
    if where == "loader":
        made.refused(PolicyError("cannot write the snapshot"), retry=True)
    with pytest.raises(PolicyError, match="snapshot"):
        made.source.load()
    assert not made.source.changed()
    # A clock that was put back keeps nobody waiting until then.
    made.now -= 86400
    assert made.source.changed()
    made.now += 86400 + RETRY_SECONDS
    assert made.source.changed()
    made.disk_is_full = False
    made.built()
    made.source.load()
    assert not made.source.changed()
    made.now += RETRY_SECONDS
    assert not made.source.changed()


def test_a_loader_that_came_to_no_end_is_tried_again_later_or_with_other_content(
    made: _Source,
) -> None:
    made.source.load()
    made.file.write_text("2")
    made.answer = LoaderError("killed by SIGKILL")
    with pytest.raises(LoaderError):
        made.source.reload()
    assert not made.source.changed()
    made.file.write_text("3")
    assert made.source.changed()
    with pytest.raises(LoaderError):
        made.source.reload()
    assert not made.source.changed()
    made.now += RETRY_SECONDS
    assert made.source.changed()


def test_no_process_for_a_loader_is_the_same(made: _Source, tmp_path: Path) -> None:
    def refuse() -> Any:
        raise LoaderError("a process cannot be started")

    made.source.load()
    made.source._start = refuse
    made.file.write_text("2")
    with pytest.raises(LoaderError):
        made.source.reload()
    assert not made.source.changed()


def test_what_is_not_settled_is_tried_again_at_once(made: _Source) -> None:
    made.source.load()
    made.unsettled()
    made.source.reload()
    assert len(made.published) == 1
    assert made.source.changed()
    made.built(2)
    made.source.reload()
    assert len(made.published) == 2
    assert not made.source.changed()


def test_files_that_never_settle_are_an_error_in_the_end(made: _Source) -> None:
    made.source.load()
    made.unsettled()
    for _ in range(MAX_UNSETTLED - 1):
        made.source.reload()
    with pytest.raises(PolicyError, match="again and again") as caught:
        made.source.reload()
    assert "rename" in str(caught.value.hint)
    assert made.source.changed()


def test_a_geoip_file_that_cannot_be_used_is_counted_and_logged_and_holds_nothing_up(
    made: _Source, capfd: pytest.CaptureFixture[str]
) -> None:
    error = SettingsError("no intact MaxMind DB file", where="geoip.city", hint="get it again")
    made.built(geo_faults=(fault_of(error),))
    made.source.load()
    assert len(made.published) == 1
    assert made.metrics.export()["reload_failures"] == [["geoip", 1]]
    flush()
    assert "get it again" in capfd.readouterr().err


def test_a_failure_is_counted_by_whose_content_it_is(
    made: _Source, capfd: pytest.CaptureFixture[str]
) -> None:
    made.source.failed(CertificateError("no certificate", hint="give PEM"))
    assert made.metrics.export()["reload_failures"] == [["certificate", 1]]
    flush()
    assert "give PEM" in capfd.readouterr().err


def test_that_the_policy_cannot_be_loaded_is_told_until_it_can(made: _Source) -> None:
    assert made.metrics.export()["reload_failing"] is None
    made.source.load()
    assert made.metrics.export()["reload_failing"] is False
    made.source.failed(PolicyError("a colon is missing"))
    assert made.metrics.export()["reload_failing"] is True
    made.source.load()
    assert made.metrics.export()["reload_failing"] is False


def test_kinds_are_a_closed_set() -> None:
    kinds = {kind_of(one("x")) for one in (PolicyError, CertificateError, LoaderError)}
    assert kinds | {"expression", "geoip", "tls", "snapshot"} == set(RELOADS)
    assert kind_of(PolicyError("x")) == "policy"
    assert kind_of(CertificateError("x")) == "certificate"
    assert kind_of(ParseError("x", source="", span=(0, 0))) == "expression"
    assert kind_of(LoaderError("x")) == "loader"


def test_findings_are_logged_and_how_many_there_are(
    made: _Source, capfd: pytest.CaptureFixture[str]
) -> None:
    made.source.load()
    one = Finding(where="p:1", rule="r", code="revoked_not_checked", finding="odd", hint=None)
    made.loaders[0].on_findings(Findings(first=(one, one), count=30))
    flush()
    logged = capfd.readouterr().err
    assert logged.count('"event": "lint"') == 2
    assert '"findings": 30' in logged
    made.loaders[0].on_findings(Findings(first=(one,), count=1))
    flush()
    assert "more findings" not in capfd.readouterr().err


def test_when_it_is_stopped_the_loader_is_ended_and_nothing_is_a_failure_any_more(
    made: _Source,
) -> None:
    made.source.load()
    loader = _Loader(made)
    made.source.begin(loader)  # type: ignore[arg-type]
    made.source.stop()
    assert loader.killed
    made.file.write_text("2")
    assert not made.source.changed()
    made.source.failed(LoaderError("killed by SIGKILL"))
    assert made.metrics.export()["reload_failures"] == []
    made.source.load()
    made.source.stop()  # with no loader at work


# --- the file in force ----------------------------------------------------------------------


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _remove(file: Path) -> bool:
    return remove_unheld(file, before=math.inf, before_without_locks=math.inf)


def test_the_file_in_force_is_held_until_the_next_one_is_in_force(made: _Source) -> None:
    made.source.load()
    made.built(2)
    made.disk_is_full = True
    with pytest.raises(PolicyError):
        made.source.load()
    assert not _remove(made.snapshot(1)), "it still is"
    assert _remove(made.snapshot(2))

    made.disk_is_full = False
    made.built(2)
    made.source.load()
    assert _remove(made.snapshot(1))
    assert not _remove(made.snapshot(2))

    made.source.release()
    made.source.release()
    assert _remove(made.snapshot(2))


def test_the_file_is_held_before_anybody_is_told(
    made: _Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(
        made.source, "_publish", lambda built: kept.append(not _remove(made.snapshot(1)))
    )
    made.source.load()
    assert kept == [True]


def test_a_file_that_is_gone_before_it_is_held_is_not_published_and_asked_for_again(
    made: _Source,
) -> None:
    made.source.load()
    made.built(2)
    made.snapshot(2).unlink()
    with pytest.raises(PolicyError, match="cannot use the snapshot: No such file"):
        made.source.load()
    assert (len(made.published), made.source.generation) == (1, 1)
    assert not _remove(made.file.with_name("1.snapshot"))
    made.now += RETRY_SECONDS
    assert made.source.changed()


def test_a_hundred_policies_leave_one_file_open(made: _Source) -> None:
    made.source.load()
    before = _open_files()
    for generation in range(2, 102):
        made.built(generation)
        made.source.load()
    assert _open_files() == before
