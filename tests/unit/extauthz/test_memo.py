# SPDX-License-Identifier: Apache-2.0
"""What the memo remembers, for how long, and what it costs."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.certs.failure import VerifyFailure
from authz.certs.judgement import Judgement
from authz.certs.presented import ABSENT, DEFAULT_LIMITS, CertificateSource, Presented
from authz.certs.trust import compile_trust
from authz.extauthz.memo import ClientMemo
from authz.policy.decision import Reason, Ruling, Verdict
from tests.factories.facts import RequestFacts
from tests.factories.pki import AT, authority, root
from tests.factories.pki import presented as given

if TYPE_CHECKING:
    from authz.certs.trust import TrustBundle


def bundle(digest: bytes = b"a") -> TrustBundle:
    return replace(compile_trust([]), digest=digest)


def presented(number: int = 0, size: int = 100) -> Presented:
    return Presented(certificate=f"{number:0{size}d}")


_RULING = Ruling(verdict=Verdict.DENY, reason=Reason.RULE)


class Judge:
    """Counts how often it is asked."""

    def __init__(self, valid_from: float = -math.inf, valid_until: float = math.inf) -> None:
        self.calls = 0
        self.span = (valid_from, valid_until)

    def __call__(self, *_: Any) -> Judgement:
        self.calls += 1
        return Judgement(
            presented=True,
            failure=VerifyFailure.UNKNOWN_ISSUER,
            valid_from=self.span[0],
            valid_until=self.span[1],
        )


def ask(remembered: ClientMemo, certificate: Presented, trust: TrustBundle, at: float) -> Judgement:
    facts = RequestFacts(method=b"GET", host=b"a", path=b"/", presented=certificate)
    return remembered.client_of(facts, trust, at).judgement


def memo(judge: Judge, **bounds: int) -> ClientMemo:
    return ClientMemo(DEFAULT_LIMITS, judge=judge, **bounds)


def test_the_same_certificate_is_judged_once() -> None:
    judge = Judge()
    remembered = memo(judge)

    first = ask(remembered, presented(), bundle(), 0)

    assert ask(remembered, presented(), bundle(), 1) is first
    assert (judge.calls, remembered.hits, remembered.misses) == (1, 1, 1)


def test_another_trust_bundle_is_another_judgement() -> None:
    judge = Judge()
    remembered = memo(judge)
    ask(remembered, presented(), bundle(b"a"), 0)

    ask(remembered, presented(), bundle(b"b"), 0)

    assert judge.calls == 2


def test_another_chain_source_or_defect_is_another_judgement() -> None:
    judge = Judge()
    remembered = memo(judge)
    for one in (
        Presented(certificate="a"),
        Presented(certificate="a", chain="b"),
        Presented(certificate="a", source=CertificateSource.XFCC),
        Presented(certificate="a", defect="d"),
    ):
        ask(remembered, one, bundle(), 0)

    assert judge.calls == 4


def test_a_judgement_holds_from_its_first_instant_to_before_its_last() -> None:
    judge = Judge(valid_from=10, valid_until=20)
    remembered = memo(judge)
    ask(remembered, presented(), bundle(), 15)

    ask(remembered, presented(), bundle(), 10)
    ask(remembered, presented(), bundle(), 19.999)
    assert judge.calls == 1
    ask(remembered, presented(), bundle(), 20)
    assert judge.calls == 2


def test_a_clock_that_goes_back_is_noticed() -> None:
    judge = Judge(valid_from=10, valid_until=20)
    remembered = memo(judge)
    ask(remembered, presented(), bundle(), 15)

    ask(remembered, presented(), bundle(), 9)

    assert judge.calls == 2


def test_judging_again_replaces_and_is_not_counted_twice() -> None:
    remembered = memo(Judge(valid_from=10, valid_until=20))
    ask(remembered, presented(), bundle(), 15)
    size = remembered.bytes

    ask(remembered, presented(), bundle(), 25)

    assert (len(remembered), remembered.bytes) == (1, size)


def test_no_certificate_is_not_worth_remembering() -> None:
    remembered = memo(Judge())
    ask(remembered, ABSENT, bundle(), 0)

    assert (len(remembered), remembered.hits, remembered.misses) == (0, 0, 0)


def test_the_number_of_entries_is_bounded() -> None:
    remembered = memo(Judge(), max_entries=3)
    for number in range(10):
        ask(remembered, presented(number), bundle(), 0)

    assert len(remembered) == 3


def test_the_bytes_are_bounded() -> None:
    remembered = memo(Judge(), max_bytes=50_000)
    for number in range(50):
        ask(remembered, presented(number, size=8_000), bundle(), 0)
        assert remembered.bytes <= 50_000

    assert len(remembered) == 2


def test_what_is_larger_than_everything_is_judged_and_forgotten() -> None:
    judge = Judge()
    remembered = memo(judge, max_bytes=50_000)
    for _ in range(2):
        ask(remembered, presented(size=64_000), bundle(), 0)

    assert (judge.calls, len(remembered), remembered.bytes) == (2, 0, 0)


def test_a_flood_of_strangers_does_not_evict_a_regular() -> None:
    judge = Judge()
    remembered = memo(judge, max_entries=8)
    regular = presented(999_999)
    ask(remembered, regular, bundle(), 0)
    for number in range(200):
        ask(remembered, presented(number), bundle(), 0)
        ask(remembered, regular, bundle(), 0)

    assert judge.calls == 201


def test_when_everything_is_in_use_one_still_goes() -> None:
    remembered = memo(Judge(), max_entries=4)
    for _ in range(2):
        for number in range(4):
            ask(remembered, presented(number), bundle(), 0)

    ask(remembered, presented(100), bundle(), 0)

    assert len(remembered) == 4


def test_many_threads_leave_the_books_in_order() -> None:
    remembered = memo(Judge(), max_entries=16)

    def work(seed: int) -> None:
        for number in range(500):
            ask(remembered, presented((number * seed) % 40), bundle(), 0)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sizes = sum(entry.size for entry in remembered._entries.values())
    assert (remembered.bytes, len(remembered)) == (sizes, 16)


def test_what_was_settled_by_revocations_that_are_gone_is_let_go_and_the_judgement_stays() -> None:
    judge = Judge()
    remembered = memo(judge)
    old, new = bundle(), bundle()
    watched = weakref.ref(old)
    ask(remembered, presented(), old, 0)

    remembered.let_go([new])
    del old
    gc.collect()

    assert watched() is None
    ask(remembered, presented(), new, 0)
    assert judge.calls == 1


def test_what_was_settled_by_a_bundle_that_stays_is_kept() -> None:
    remembered = memo(Judge())
    kept = bundle()
    facts = RequestFacts(method=b"GET", host=b"a", path=b"/", presented=presented())
    first = remembered.client_of(facts, kept, 0)

    remembered.let_go([kept])

    assert remembered.client_of(facts, kept, 0) is first


def test_a_client_that_was_evicted_is_gone_without_a_collection_of_garbage() -> None:
    """A process that answers checks collects no old cycles (node.giving_way)."""
    remembered = ClientMemo(DEFAULT_LIMITS, max_entries=1)
    trust = compile_trust([authority()])
    gc.disable()
    try:
        for turn in range(2):
            facts = RequestFacts(
                method=b"GET", host=b"a", path=b"/", presented=given(root().client(f"c{turn}"))
            )
            client = remembered.client_of(facts, trust, AT)
            assert client.decision(_RULING) is client.decision(_RULING)
            if turn == 0:
                watched = weakref.ref(client.certificate)
            del client
        assert watched() is None
    finally:
        gc.enable()
