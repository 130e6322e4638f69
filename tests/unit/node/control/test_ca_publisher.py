# SPDX-License-Identifier: Apache-2.0
"""When something is signed, what is held of it, and what is told of failures."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.certificate import Certificate
from authz.certs.ocsp import build_request
from authz.errors import ConflictError, StoreUnavailableError
from authz.node.control import ca_publisher as module
from authz.node.control.ca_publisher import CaPublisher
from authz.node.control.config import ControlConfig
from authz.observability.log import flush
from authz.services import crls
from authz.services.crls import sign_crl
from authz.services.revocation import revoke_certificate
from tests.factories.pki import AT
from tests.unit.services.conftest import World, world

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["world"]


class _Bench:
    """A publisher over a store, one round at a time."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.now = AT
        self.key_file = directory / "key"
        self.key_file.write_bytes(bytes(range(32)))
        self.key_file.chmod(0o600)
        config = ControlConfig(
            data_dir=str(directory),
            snapshots="",
            geo_directory="",
            geoip={},
            key_file=str(self.key_file),
            publication_url="http://pki.example.com",
            log_format="json",
            log_level="info",
        )
        self.publisher = CaPublisher(config, clock=lambda: self.now)
        self.publisher.use(world.store)

    def step(self, seconds: float = 0.0) -> _Bench:
        self.now += seconds
        self.publisher.step()
        return self

    def numbers(self) -> dict[str, int]:
        with self.world.store.read() as session:
            return {one.kind: one.number for one in session.published.heads()}

    def served(self, name: str) -> bytes:
        assert self.publisher.documents.by_path is not None
        return self.publisher.documents.by_path[name].body

    def sample(self, name: str) -> Any:
        return self.publisher.samples()[name]


@pytest.fixture(autouse=True)
def _small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first CRL is number 1. That they are of the time: tests/unit/services/test_crls."""
    monkeypatch.setattr(crls, "least_number", lambda _: 1)


@pytest.fixture
def bench(world: World, tmp_path: Path) -> _Bench:
    return _Bench(world, tmp_path)


def test_what_is_signed_is_held(bench: _Bench) -> None:
    one = bench.world.ca().certificates[0]
    bench.step()

    assert bench.numbers() == {"base": 1, "complete": 1, "delta": 2}
    assert bench.publisher.documents.by_path is not None
    assert set(bench.publisher.documents.by_path) == {
        f"/crl/{one.id}.crl",
        f"/crl/{one.id}-delta.crl",
        f"/ca/{one.id}.crt",
    }
    assert bench.served(f"/ca/{one.id}.crt") == one.der
    assert bench.sample("authz_published_crl_next_update_timestamp_seconds") == [
        (("Acme",), AT + 86400)
    ]


def test_a_change_is_signed_in_the_next_round(bench: _Bench) -> None:
    one = bench.world.ca().certificates[0]
    client = bench.world.issue().certificate
    before = bench.step().served(f"/crl/{one.id}-delta.crl")
    revoke_certificate(bench.world.store, client.id, actor="t", at=AT)
    bench.step(1)

    assert bench.numbers()["delta"] == 3
    assert bench.served(f"/crl/{one.id}-delta.crl") != before


def test_time_alone_makes_things_due(bench: _Bench) -> None:
    bench.world.ca()
    bench.step().step(86400 / 2 - 1)
    assert bench.numbers()["delta"] == 2
    bench.step(1)
    assert bench.numbers()["delta"] == 3


def test_what_somebody_else_signed_is_found(bench: _Bench) -> None:
    one = bench.world.ca().certificates[0]
    bench.step()
    crl = sign_crl(
        bench.world.store, "Acme", encryption=bench.world.encryption, actor="t", at=AT + 1
    )

    assert bench.step(2).served(f"/crl/{one.id}.crl") == crl.body


def test_bodies_are_read_once(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.world.ca()
    bench.step()

    def read(*_: object) -> None:
        raise AssertionError("it is held already")

    monkeypatch.setattr("authz.store.published.PublishedCrls.get", read)
    bench.step(5)


def test_what_cannot_be_signed_is_counted_told_once_and_tried_again(
    bench: _Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.world.ca()
    bench.key_file.chmod(0o644)
    bench.step()
    flush()
    told = capfd.readouterr().err
    assert "chmod 600" in told
    failures = bench.publisher.failures
    assert failures == 2
    bench.step(module.RETRY_SECONDS - 1)
    assert bench.publisher.failures == failures
    bench.step(1)
    assert bench.sample("authz_published_crl_failures_total") == [((), 4.0)]
    flush()
    assert "cannot be signed" not in capfd.readouterr().err
    assert not bench.numbers()
    bench.key_file.chmod(0o600)
    bench.step(module.RETRY_SECONDS)
    assert bench.numbers()["complete"] == 1
    bench.step(module.RETRY_SECONDS)
    assert bench.publisher.failures == 4


def test_a_change_does_not_wear_out_a_key_that_just_failed(bench: _Bench) -> None:
    bench.world.ca()
    bench.key_file.chmod(0o644)
    bench.step()
    bench.key_file.chmod(0o600)
    bench.world.ca("Other")
    bench.step(1)

    assert bench.publisher.failures == 2
    assert set(bench.publisher.documents.next_updates) == {"Other"}


def test_while_the_store_is_down_what_there_is_stays(
    bench: _Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bench.world.ca().certificates[0]
    bench.step()

    def down() -> None:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(bench.world.store, "read", down)
    assert bench.step(5).served(f"/crl/{one.id}.crl")
    bench.publisher.use(None)
    assert bench.step(5).served(f"/crl/{one.id}.crl")


def _question(bench: _Bench) -> tuple[bytes, str]:
    issuer = Certificate.from_der(bench.world.ca().certificates[0].der)
    client = bench.world.issue().certificate
    bench.step()
    return build_request(Certificate.from_der(client.der), issuer), client.id


def test_answers_are_counted(bench: _Bench) -> None:
    question, client = _question(bench)
    bench.publisher.ocsp(question)
    bench.publisher.ocsp(question)
    revoke_certificate(bench.world.store, client, actor="t", at=AT)
    bench.publisher.ocsp(question)
    bench.publisher.ocsp(b"?")

    assert sorted(bench.sample("authz_ocsp_answers_total")) == [
        (("good",), 2.0),
        (("malformed_request",), 1.0),
        (("revoked",), 1.0),
    ]


def test_before_the_store_was_read_there_is_no_answer(bench: _Bench) -> None:
    assert bench.publisher.ocsp(b"?").statuses == ("try_later",)
    bench.step()
    assert bench.publisher.ocsp(b"?").statuses == ("malformed_request",)


def test_an_answer_is_kept_until_something_changes_or_it_is_old(bench: _Bench) -> None:
    question, client = _question(bench)
    first = bench.publisher.ocsp(question, keep=True)
    assert bench.publisher.ocsp(question, keep=True) is first
    assert bench.publisher.ocsp(question) is not first
    bench.now += module.KEEP_SECONDS
    second = bench.publisher.ocsp(question, keep=True)
    assert second is not first
    revoke_certificate(bench.world.store, client, actor="t", at=AT)
    assert bench.publisher.ocsp(question, keep=True).statuses == ("revoked",)


def test_answers_that_say_nothing_are_not_kept(bench: _Bench) -> None:
    _question(bench)

    assert bench.publisher.ocsp(b"?", keep=True) is not bench.publisher.ocsp(b"?", keep=True)


def test_not_everything_is_kept(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 1)
    question, _ = _question(bench)
    first = bench.publisher.ocsp(question, keep=True)

    assert bench.publisher.ocsp(question, keep=True) is not first


def test_kept_answers_need_the_store_too(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    question, _ = _question(bench)
    bench.publisher.ocsp(question, keep=True)

    def down() -> None:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(bench.world.store, "read", down)
    assert bench.publisher.ocsp(question, keep=True).statuses == ("try_later",)
    bench.publisher.use(None)
    assert bench.publisher.ocsp(question, keep=True).statuses == ("try_later",)


def test_too_many_questions_have_to_wait(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.0)
    question, _ = _question(bench)
    busy, go_on = threading.Semaphore(0), threading.Event()
    read = bench.world.store.read

    def slowly() -> Any:
        busy.release()
        assert go_on.wait(10)
        return read()

    monkeypatch.setattr(bench.world.store, "read", slowly)
    asking = [
        threading.Thread(target=bench.publisher.ocsp, args=(question,))
        for _ in range(module.MAX_ANSWERING)
    ]
    for one in asking:
        one.start()
    for _ in asking:
        assert busy.acquire(timeout=10)
    assert bench.publisher.ocsp(question).statuses == ("try_later",)
    go_on.set()
    for one in asking:
        one.join()
    assert bench.publisher.ocsp(question).statuses == ("good",)


def test_the_thread_signs_when_it_is_woken_and_ends_when_it_is_stopped(
    bench: _Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)
    rounds = threading.Semaphore(0)
    step = bench.publisher.step

    def counted() -> None:
        step()
        rounds.release()

    monkeypatch.setattr(bench.publisher, "step", counted)
    thread = threading.Thread(target=bench.publisher.run)
    thread.start()
    try:
        assert rounds.acquire(timeout=10)
        bench.world.ca()
        bench.publisher.published(2)
        assert rounds.acquire(timeout=10)
        assert bench.numbers()["complete"] == 1
    finally:
        bench.publisher.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_what_is_signed_already_wakes_nobody(
    bench: _Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.world.ca()
    bench.step()
    with bench.world.store.read() as session:
        revision = session.revision

    def woken() -> None:
        raise AssertionError("nothing is new")

    monkeypatch.setattr(bench.publisher._woken, "set", woken)
    bench.publisher.published(revision)


class _Leadership:
    """Who leads is what a test says."""

    def __init__(self) -> None:
        self.led = False
        self.rested = 0
        self.refuses = False

    def leads(self, role: str) -> bool:
        return self.led and role == "sign"

    def check(self, role: str) -> Any:
        assert role == "sign"

        def _check(_: object) -> None:
            if self.refuses:
                raise ConflictError("another node does this by now")

        return _check

    def rest(self, role: str, seconds: float) -> None:
        assert (role, seconds) == ("sign", module.RETRY_SECONDS)
        self.rested += 1


@pytest.fixture
def of_several(world: World, tmp_path: Path) -> tuple[_Bench, _Leadership]:
    bench, leadership = _Bench(world, tmp_path), _Leadership()
    bench.publisher = CaPublisher(
        bench.publisher._config,
        leadership=leadership,  # type: ignore[arg-type]  # what it asks of it
        clock=lambda: bench.now,
    )
    bench.publisher.use(world.store)
    return bench, leadership


def test_of_several_nodes_the_one_that_leads_signs_and_all_answer(
    of_several: tuple[_Bench, _Leadership],
) -> None:
    bench, leadership = of_several
    bench.world.ca()
    bench.step()
    assert bench.numbers() == {}
    assert bench.publisher._responders.next_renewal() < float("inf")

    # It takes over: nothing else has to change.
    leadership.led = True
    bench.step(1)
    assert bench.numbers() == {"base": 1, "complete": 1, "delta": 2}
    assert leadership.rested == 0


def test_a_node_that_leads_no_more_by_now_keeps_nothing_that_it_signed(
    of_several: tuple[_Bench, _Leadership],
) -> None:
    bench, leadership = of_several
    leadership.led = leadership.refuses = True
    bench.world.ca()
    bench.step()
    assert bench.numbers() == {}
    assert bench.publisher.failures == 0


def test_a_node_without_the_key_lets_others_lead(
    of_several: tuple[_Bench, _Leadership],
) -> None:
    bench, leadership = of_several
    leadership.led = True
    bench.world.ca()
    bench.key_file.unlink()
    bench.step()
    assert leadership.rested == 1
    assert bench.publisher.failures > 0


def test_a_key_that_nobody_has_does_not_make_the_lease_go_round(
    of_several: tuple[_Bench, _Leadership],
) -> None:
    bench, leadership = of_several
    leadership.led = True
    bench.world.ca()
    bench.key_file.chmod(0o644)
    bench.step()
    for _ in range(5):
        # Others had their turn, and it leads again.
        leadership.led = False
        bench.step(module.RETRY_SECONDS)
        leadership.led = True
        bench.step(module.RETRY_SECONDS)
    assert leadership.rested == 1
    assert bench.publisher.failures > 5

    # One that has the key may have started since.
    bench.step(module.PASS_ON_SECONDS)
    assert leadership.rested == 2

    # Once it was signed, what fails then fails for the first time.
    bench.key_file.chmod(0o600)
    bench.step(module.RETRY_SECONDS)
    assert bench.numbers()["complete"] == 1
    bench.key_file.chmod(0o644)
    bench.step(86400 / 2)
    assert leadership.rested == 3


def test_another_key_that_is_missing_lets_others_lead_again(
    of_several: tuple[_Bench, _Leadership],
) -> None:
    bench, leadership = of_several
    leadership.led = True
    bench.world.ca()
    bench.key_file.chmod(0o644)
    bench.step()
    bench.world.ca("Other")
    bench.step(1)
    assert leadership.rested == 2
    bench.step(module.RETRY_SECONDS)
    assert leadership.rested == 2


def test_who_is_woken_looks(bench: _Bench) -> None:
    bench.publisher.wake()
    assert bench.publisher._woken.is_set()


def test_what_was_signed_ahead_is_signed_again_when_the_clock_is_put_back(bench: _Bench) -> None:
    issuer = Certificate.from_der(bench.world.ca().certificates[0].der)
    client = Certificate.from_der(bench.world.issue().certificate.der)
    question = build_request(client, issuer)
    bench.step()
    ahead = bench.step(30 * 86400).numbers()
    assert bench.publisher.ocsp(question).statuses == ("good",)

    # Less than clocks of nodes may differ by is no reason.
    assert bench.step(-30).numbers() == ahead
    numbers = bench.step(30 - 30 * 86400).numbers()

    assert all(numbers[kind] > ahead[kind] for kind in ("complete", "delta"))
    with bench.world.store.read() as session:
        dated = {one.kind: one.this_update for one in session.published.heads()}
    assert dated["complete"] == dated["delta"] == AT
    assert bench.publisher.ocsp(question).statuses == ("good",)
    assert bench.step(1).numbers() == numbers


def test_past_the_end_of_an_authority_and_back_it_is_answered_for_again(bench: _Bench) -> None:
    issuer = Certificate.from_der(bench.world.ca().certificates[0].der)
    client = Certificate.from_der(bench.world.issue().certificate.der)
    question = build_request(client, issuer)
    bench.step()
    past = issuer.not_after_at + 86400 - AT
    bench.step(past)
    assert bench.publisher.ocsp(question).statuses == ("unauthorized",)

    bench.step(-past)
    assert bench.publisher.ocsp(question).statuses == ("good",)


def test_what_failed_ahead_is_tried_again_when_the_clock_is_put_back(bench: _Bench) -> None:
    bench.world.ca()
    bench.now += 30 * 86400
    bench.key_file.rename(bench.key_file.with_suffix(".gone"))
    bench.step()
    assert bench.publisher.failures
    bench.key_file.with_suffix(".gone").rename(bench.key_file)

    bench.step(-30 * 86400)
    assert bench.numbers()["complete"] == 1
