# SPDX-License-Identifier: Apache-2.0
"""What the memo remembers, for how long, and what it costs."""

from __future__ import annotations

import gc
import hashlib
import math
import sys
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import Judgement, judge
from authz.certs.presented import ABSENT, DEFAULT_LIMITS, CertificateSource, Presented
from authz.certs.trust import compile_trust
from authz.extauthz.large_values import LargeValues
from authz.extauthz.memo import ASK_AGAIN_SECONDS, MAX_CLIENTS, ClientMemo
from authz.policy.decision import Reason, Ruling, Verdict
from tests.factories.facts import RequestFacts
from tests.factories.pki import AT, DAY, authority, root
from tests.factories.pki import presented as given

if TYPE_CHECKING:
    from authz.certs.trust import TrustBundle
    from authz.certs.unanswered import Unanswered
    from authz.policy.client import Client


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


def client_of(
    remembered: ClientMemo, certificate: Presented, trust: TrustBundle, at: float = 0
) -> Client:
    facts = RequestFacts(method=b"GET", host=b"a", path=b"/", presented=certificate)
    return remembered.client_of(facts, trust, at)


def counted(remembered: ClientMemo) -> int:
    """What a memo holds, counted anew."""
    entries = remembered._entries.values()
    clients = [client for entry in entries for client in entry.clients]
    assert all(client.is_remembered and client.hold is not None for client in clients)
    large = {
        client: {name: LargeValues.size_of(name, client.values[name]) for name in held}
        for client, held in remembered._large._held.items()
    }
    assert large == remembered._large._held
    assert set(large) <= set(clients)
    return sum(entry.size for entry in entries) + sum(
        size for held in large.values() for size in held.values()
    )


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

    sites = [bundle() for _ in range(3)]

    def work(seed: int) -> None:
        for number in range(500):
            one = presented((number * seed) % 40)
            client_of(remembered, one, sites[number % 3]).keep("f", (b"v" * 2000,))
            if number % 100 == 0:
                remembered.let_go(sites[number % 3 :])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 3, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(remembered) == 16
    assert remembered.bytes == counted(remembered)


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


# --- sites with the same anchors and different revocations ----------------------------------------


def test_sites_that_differ_in_revocation_share_a_judgement_and_keep_a_client_each() -> None:
    judge = Judge()
    remembered = memo(judge)
    sites = [bundle(), bundle()]
    first = [client_of(remembered, presented(), trust) for trust in sites]

    again = [client_of(remembered, presented(), trust) for trust in sites * 3]

    assert again == first * 3
    assert first[0] is not first[1]
    assert first[0].judgement is first[1].judgement
    assert (judge.calls, remembered.misses, len(remembered)) == (1, 1, 1)
    assert all(client.is_remembered for client in first)


def test_the_clients_of_a_certificate_are_counted_and_bounded() -> None:
    judge = Judge()
    remembered = memo(judge)
    sizes, sites = [], [bundle() for _ in range(MAX_CLIENTS + 3)]
    clients = []
    for trust in sites:
        clients.append(client_of(remembered, presented(), trust))
        sizes.append(remembered.bytes)

    assert sizes[0] < sizes[1] < sizes[MAX_CLIENTS - 1] == sizes[-1] == counted(remembered)
    assert [client.is_remembered for client in clients] == [False] * 3 + [True] * MAX_CLIENTS
    assert judge.calls == 1
    # The last ones are there, the first has to be settled again.
    assert client_of(remembered, presented(), sites[-1]) is clients[-1]
    assert client_of(remembered, presented(), sites[0]) is not clients[0]


def test_the_client_of_a_site_that_changed_goes_and_the_other_stays() -> None:
    remembered = memo(Judge())
    old, stays = bundle(), bundle()
    gone, kept = (client_of(remembered, presented(), trust) for trust in (old, stays))

    remembered.let_go([stays])

    assert (gone.is_remembered, kept.is_remembered) == (False, True)
    assert client_of(remembered, presented(), stays) is kept
    assert remembered.bytes == counted(remembered)


def test_another_span_of_time_makes_a_client_of_the_same_site_anew() -> None:
    remembered = memo(Judge())
    trust, other = bundle(), bundle()
    before = client_of(remembered, presented(), trust)
    client_of(remembered, presented(), other)
    before.valid_until = 10

    after = client_of(remembered, presented(), trust, at=20)

    assert after is not before
    assert (before.is_remembered, after.is_remembered) == (False, True)
    assert client_of(remembered, presented(), trust, at=20) is after
    assert remembered.bytes == counted(remembered)


def test_a_revocation_at_one_site_is_none_at_the_other() -> None:
    alice = root().client("alice")
    here = compile_trust([authority(revoked_serials=[alice.serial])])
    there = compile_trust([authority(revoked_serials=[alice.serial + 1])])
    assert here.digest == there.digest
    judged = Counting()
    remembered = ClientMemo(DEFAULT_LIMITS, judge=judged)
    for _ in range(3):
        assert client_of(remembered, given(alice), here, AT).revoked
        assert not client_of(remembered, given(alice), there, AT).revoked

    # The next request after the other site's list has it as well.
    now_there = compile_trust([authority(revoked_serials=[alice.serial])])
    remembered.let_go([here, now_there])
    assert client_of(remembered, given(alice), now_there, AT).revoked
    # And it is let in again here, there not.
    now_here = compile_trust([authority()])
    remembered.let_go([now_here, now_there])
    assert not client_of(remembered, given(alice), now_here, AT).revoked
    assert client_of(remembered, given(alice), now_there, AT).revoked
    assert judged.calls == 1


class Counting:
    """The real judgement, counted."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *given: Any) -> Judgement:
        self.calls += 1
        return judge(*given)


# --- field values that are large ------------------------------------------------------------------

NAMES = tuple(b"host-%d.example.com" % n for n in range(100))


def test_large_values_are_kept_and_counted() -> None:
    remembered = memo(Judge())
    client = client_of(remembered, presented(), bundle())
    before = remembered.bytes

    client.keep("authz.cert.san.dns", NAMES)

    assert client.values["authz.cert.san.dns"] is NAMES
    assert remembered.bytes - before >= sum(map(sys.getsizeof, NAMES)) + sys.getsizeof(NAMES)
    assert remembered.bytes == counted(remembered)


def test_large_values_go_with_their_client() -> None:
    for go in (
        lambda memo: memo.let_go([]),
        lambda memo: client_of(memo, presented(1), bundle()),
    ):
        remembered = memo(Judge(), max_entries=1)
        client = client_of(remembered, presented(), bundle())
        client.keep("small", b"v")
        client.keep("authz.cert.san.dns", NAMES)

        go(remembered)

        assert client.values == {"small": b"v"}
        assert remembered.bytes == counted(remembered)
        # Nobody counts it any more.
        client.keep("authz.cert.san.dns", NAMES)
        assert client.values == {"small": b"v"}


def test_large_values_take_a_part_of_the_memory_and_the_oldest_make_room() -> None:
    size = LargeValues.size_of("names", NAMES)
    remembered = memo(Judge(), max_bytes=5 * 3 * size)
    trust = bundle()
    clients = [client_of(remembered, presented(number), trust) for number in range(4)]
    for client in clients:
        client.keep("names", NAMES)

    assert [bool(client.values) for client in clients] == [False, True, True, True]
    assert remembered.bytes == counted(remembered) <= 5 * 3 * size
    clients[0].keep("names", NAMES * 4)
    assert clients[0].values == {}
    assert all(client.is_remembered for client in clients)


def test_large_values_make_entries_go_when_all_memory_is_taken() -> None:
    remembered = memo(Judge(), max_bytes=60_000)
    trust = bundle()
    clients = [client_of(remembered, presented(n, size=1_000), trust) for n in range(13)]
    assert remembered.bytes > 55_000

    clients[-1].keep("names", NAMES)

    assert remembered.bytes == counted(remembered) <= 60_000
    assert [client.is_remembered for client in clients].count(False) >= 1
    assert clients[-1].values == {"names": NAMES}


def test_a_client_that_has_to_go_for_its_own_value_keeps_nothing() -> None:
    remembered = memo(Judge(), max_bytes=50_000)
    client = client_of(remembered, presented(size=22_000), bundle())

    client.keep("names", NAMES)

    assert (client.values, client.is_remembered, len(remembered)) == ({}, False, 0)
    assert remembered.bytes == counted(remembered) == 0


def test_somebody_is_told_of_a_certificate_without_an_answer_until_there_is_one() -> None:
    alice = root().client("alice")
    told: list[tuple[tuple[str, ...], float]] = []

    def ask(found: tuple[Unanswered, ...], at: float) -> None:
        told.append((tuple(one.certificate.serial for one in found), at))

    remembered = ClientMemo(DEFAULT_LIMITS, ask=ask)
    bundle = compile_trust([replace(authority(), ocsp="certificate")])
    serial = (Certificate.from_der(alice.der).serial,)

    for at in (AT, AT + ASK_AGAIN_SECONDS - 1, AT + ASK_AGAIN_SECONDS):
        client = client_of(remembered, given(alice), bundle, at)
        assert client.failure is VerifyFailure.OCSP_MISSING
    assert told == [(serial, AT), (serial, AT + ASK_AGAIN_SECONDS)]

    issuer = hashlib.sha256(Certificate.from_der(root().der).spki).digest()
    number = alice.serial
    status = OcspStatus(
        issuer=issuer,
        serial=number.to_bytes((number.bit_length() + 7) // 8),
        revoked=False,
        this_update=AT,
        until=AT + DAY,
    )
    answered = compile_trust([replace(authority(), ocsp="certificate", ocsp_statuses=(status,))])
    for at in (AT + 100, AT + 200, AT + DAY):
        assert client_of(remembered, given(alice), answered, at).verified
    assert len(told) == 2


def test_nobody_is_told_where_nothing_is_asked() -> None:
    def ask(*_: object) -> None:
        raise AssertionError("told")

    remembered = ClientMemo(DEFAULT_LIMITS, ask=ask)
    assert client_of(
        remembered, given(root().client("alice")), compile_trust([authority()]), AT
    ).verified
