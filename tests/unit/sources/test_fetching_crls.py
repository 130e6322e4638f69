# SPDX-License-Identifier: Apache-2.0
"""Which CRLs are taken, and when they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.pem import split_crls
from authz.errors import CertificateError, FetchError
from authz.sources.crl_succession import CrlHead, head_of
from authz.sources.fetch import Fetched, NotModified
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetch_targets import AuthorityId, CrlTarget
from authz.sources.fetched import Header, Stored
from authz.sources.fetching import FetchRounds, Round
from authz.sources.refresh import SHORTEST
from tests.factories.fetching import MemorySink, StubFetcher
from tests.factories.pki import AT, DAY, intermediate, root

URL = "http://crl.example/ca.crl"
DELTA = "http://crl.example/delta.crl"
ACME = AuthorityId(site="api", authority="acme")
TARGET = CrlTarget(authority=ACME, certificates=(root().der,), url=URL)


class Scene:
    """Rounds with a stub on each side."""

    def __init__(self) -> None:
        self.fetcher = StubFetcher()
        self.sink = MemorySink()
        self.rounds = FetchRounds(self.fetcher, self.sink)
        self.last = Round(next_at=AT, changed=False, facts=())

    def run(self, body: Any = None, *targets: CrlTarget, at: float | None = None) -> Round:
        """A round when it is due, or at `at`; `body` is what the URL has from now on."""
        if body is not None:
            self.fetcher.answers[URL] = body
        moment = self.last.next_at if at is None else at
        self.last = self.rounds.run(targets or [TARGET], moment)
        return self.last

    def error(self) -> str:
        (fact,) = self.last.facts
        assert fact.error is not None
        assert fact.error.hint
        return fact.error.message


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_good_is_kept(scene: Scene) -> None:
    crl = root().crl(number=1)
    body = Fetched(body=crl.pem, etag='"a"', last_modified="then")

    done = scene.run(body)

    header = Header(url=URL, fetched_at=AT, etag='"a"', last_modified="then")
    assert scene.sink.crls == {URL: Stored(header=header, body=crl.pem)}
    assert done.changed
    (fact,) = done.facts
    assert (fact.authority, fact.kind, fact.url) == (ACME, "crl", URL)
    assert (fact.last_success, fact.failures, fact.error) == (AT, 0, None)
    assert fact.next_update == AT - 3600 + 7 * DAY
    assert scene.fetcher.asked == [
        (URL, {"named_by": NamedBy.OPERATOR, "etag": "", "last_modified": ""})
    ]


def test_what_did_not_change_is_not_kept_again(scene: Scene) -> None:
    body = root().crl().der
    scene.run(Fetched(body=body, etag='"a"'))

    same = scene.run(Fetched(body=body, etag='"b"'))
    scene.run(NotModified())

    assert not same.changed
    assert scene.sink.writes == 1
    assert [options["etag"] for _, options in scene.fetcher.asked] == ["", '"a"', '"b"']
    assert scene.last.facts[0].failures == 0


def test_a_newer_one_takes_its_place(scene: Scene) -> None:
    scene.run(root().crl(number=1).der)
    newer = root().crl(number=2, this_update=AT).der

    assert scene.run(newer).changed
    assert scene.sink.crls[URL].body == newer


@pytest.mark.parametrize(
    "older",
    [
        root().crl(number=4),
        root().crl(number=6, this_update=AT - 7200),
        root().crl(number=None, this_update=AT),
    ],
)
def test_an_older_one_is_not_taken(scene: Scene, older: Any) -> None:
    good = root().crl(number=5).der
    scene.run(good)

    done = scene.run(older.der)

    assert not done.changed
    assert scene.sink.crls[URL].body == good
    assert scene.error() == "the CRL is older than the one we have"


def test_an_older_one_is_taken_when_ours_is_of_no_use(scene: Scene) -> None:
    """A CA that was set up again from a backup."""
    scene.run(root().crl(number=5, next_update=AT + DAY).der)
    late = AT + DAY + 1
    again = root().crl(number=2, this_update=AT, next_update=AT + 9 * DAY).der

    assert scene.run(again, at=late).changed
    stale = root().crl(number=1, this_update=AT - DAY, next_update=AT).der
    assert not scene.run(stale, at=AT + 10 * DAY).changed


def test_one_that_its_ca_dated_ahead_makes_room_for_the_one_that_came_after(scene: Scene) -> None:
    """The CA's clock was put back between the two, or ours was."""
    ahead = root().crl(number=5, this_update=AT + 30 * DAY, next_update=AT + 37 * DAY).der
    scene.run(ahead)

    # Not one of before, which whoever stands between could have kept.
    assert not scene.run(root().crl(number=5, this_update=AT).der, at=AT + DAY).changed
    assert scene.error() == "the CRL is older than the one we have"
    assert scene.run(root().crl(number=6, this_update=AT).der, at=AT + 2 * DAY).changed


def _bundle(*crls: Any) -> bytes:
    return b"".join(crl.pem for crl in crls)


_USERS = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)
ISSUING = replace(TARGET, certificates=(root().der, intermediate().der))


@pytest.mark.parametrize(
    ("had", "came", "absent"),
    [
        (
            [intermediate().crl([7], number=9)],
            [root().crl(number=3)],
            "CRL of 'CN=Test Issuing CA'",
        ),
        (
            [intermediate().crl([7], number=9), root().crl(number=3)],
            [root().crl(number=4, this_update=AT)],
            "CRL of 'CN=Test Issuing CA'",
        ),
        (
            [root().crl([7], number=9)],
            [root().crl(number=8, base_number=7)],
            "CRL of 'CN=Test Root CA'",
        ),
        (
            [root().crl(number=9), root().crl([7], number=11, base_number=9, this_update=AT)],
            [root().crl(number=10)],
            "delta CRL of 'CN=Test Root CA'",
        ),
    ],
)
def test_what_is_in_force_and_does_not_come_again_stays_beside_what_came(
    scene: Scene, had: list[Any], came: list[Any], absent: str
) -> None:
    scene.run(Fetched(body=_bundle(*had), etag='"a"'), ISSUING)

    done = scene.run(Fetched(body=_bundle(*came), etag='"b"'), ISSUING)

    assert done.changed
    revoking = next(crl for crl in had if crl.der in _kept(scene) and crl.der not in _ders(came))
    assert set(_ders(came)) | {revoking.der} == set(_kept(scene))
    assert scene.error() == f"the {absent} did not come, nor one that replaces it: ours stays"
    assert scene.last.facts[0].failures == 1
    # The server is asked for all of it again; the same once more is no news, and still wrong.
    again = scene.run(None, ISSUING)
    assert scene.fetcher.asked[-1][1]["etag"] == ""
    assert (again.changed, again.facts[0].failures) == (False, 2)
    # So it is for a process that starts anew.
    scene.rounds = FetchRounds(scene.fetcher, scene.sink)
    assert not scene.run(None, ISSUING, at=AT + 6 * DAY).changed
    assert revoking.der in _kept(scene)
    # And over when all of it comes; what came instead stays until its own CA says as much.
    later = [_later(crl) for crl in had]
    scene.run(_bundle(*later), ISSUING, at=AT + 6 * DAY + 7200)
    assert set(_kept(scene)) - set(_ders(came)) == set(_ders(later))
    assert scene.last.facts[0].error is None
    issuers = {head.issuer for head in map(_issuer, had)}
    others = [crl.der for crl in came if _issuer(crl).issuer not in issuers]
    scene.run(_bundle(*later, *later), ISSUING, at=AT + 9 * DAY)
    assert set(_kept(scene)) == {*_ders(later), *others}
    assert scene.last.facts[0].error is None


def _later(crl: Any) -> Any:
    """The CRL of next week, complete: its number is higher than all others."""
    issuer = intermediate() if b"Test Issuing CA" in crl.der else root()
    return issuer.crl(number=20, this_update=AT + 6 * DAY, next_update=AT + 13 * DAY)


def _issuer(crl: Any) -> CrlHead:
    issuers = [Certificate.from_der(der) for der in ISSUING.certificates]
    return head_of(read_crl(crl.der, issuers, where=""))


def _ders(crls: list[Any]) -> list[bytes]:
    return [crl.der for crl in crls]


def _kept(scene: Scene) -> tuple[bytes, ...]:
    return split_crls(scene.sink.crls[URL].body)


def test_a_ca_gets_another_key(scene: Scene) -> None:
    """Its new CRL counts at once, and the old one until a CRL of its old key takes its place."""
    old, new = root().crl([7], number=9), intermediate().crl(number=1)
    scene.run(old.der, ISSUING)

    scene.run(new.der, ISSUING)
    assert set(_kept(scene)) == {old.der, new.der}
    # Whoever takes the old certificate out of the authority lets its CRL go.
    only_new = replace(TARGET, certificates=(intermediate().der,))
    scene.run(new.der, only_new)
    assert _kept(scene) == (new.der,)
    assert scene.last.facts[0].failures == 0


def test_a_ca_goes_on_with_another_key_and_whoever_asks_is_told_for_as_long_as_it_matters(
    scene: Scene,
) -> None:
    scene.run(root().crl([7], number=9, next_update=AT + DAY).der, ISSUING)
    for day in (0.9, 1.8, 2.7, 3.6):
        at = AT + day * DAY
        new = intermediate().crl([5], number=round(day), this_update=at, next_update=at + DAY)
        done = scene.run(new.der, ISSUING, at=at)
        assert done.facts[0].failures == (1 if day < 1 else 0)
        assert len(_kept(scene)) == 2
    # It is asked for when the new one is due, and what we have is as old as its oldest.
    assert done.next_at > AT + 4 * DAY
    assert done.facts[0].next_update == AT + DAY

    # A mirror is behind, and the new one runs out meanwhile.
    behind = root().crl(number=10, this_update=AT + 60, next_update=AT + 30 * DAY)
    done = scene.run(behind.der, ISSUING, at=AT + 6 * DAY)
    assert set(_kept(scene)) == {behind.der, new.der}
    assert scene.error().startswith("the CRL of 'CN=Test Issuing CA' did not come")


def test_an_expired_crl_for_all_does_not_take_the_place_of_a_part_in_force(scene: Scene) -> None:
    mine = root().crl([5], number=3, this_update=AT - 3 * DAY, scope=_USERS)
    scene.run(mine.der)

    expired = root().crl(number=9, this_update=AT - 2 * DAY, next_update=AT - DAY)
    scene.run(expired.der)

    assert _kept(scene) == (mine.der,)
    assert scene.error().startswith("the CRL of 'CN=Test Root CA' did not come")


def test_an_authority_all_of_whose_crls_have_run_out_is_told(scene: Scene) -> None:
    """And has nothing, for what is there is another's, which it would take the place of."""
    other = CrlTarget(
        authority=AuthorityId(site="other", authority="acme"),
        certificates=(intermediate().der,),
        url=URL,
    )
    mine = root().crl(number=5).der
    answers = [mine, intermediate().crl(next_update=AT - 1).der]

    done = scene.run(lambda _: answers.pop(0), TARGET, other)

    assert _kept(scene) == (mine,)
    assert [(fact.failures, fact.next_update) for fact in done.facts] == [
        (0, AT - 3600 + 7 * DAY),
        (1, None),
    ]


@pytest.mark.parametrize("both", [True, False])
def test_what_has_run_out_goes_when_whoever_names_the_url_has_it_from_another(
    scene: Scene, *, both: bool
) -> None:
    there = replace(ISSUING, url="http://crl.example/other.crl")
    else_ = replace(ISSUING, authority=AuthorityId(site="other", authority="acme"))
    targets = [ISSUING, there, else_, *([replace(else_, url=there.url)] if both else [])]
    wrong = intermediate().crl(number=1, next_update=AT + 2 * DAY).der
    scene.run(root().crl(number=1, next_update=AT + DAY).der, *targets)
    scene.run(wrong, *targets, at=AT + 0.9 * DAY)
    assert wrong in _kept(scene)

    at = AT + 6 * DAY
    fresh = intermediate().crl(number=2, this_update=at, next_update=at + 9 * DAY)
    scene.fetcher.answers[there.url] = fresh.der
    now = root().crl(number=2, this_update=at, next_update=at + 9 * DAY).der
    scene.run(now, *targets, at=at)
    scene.run(now, *targets, at=at + 8 * DAY)

    assert set(_kept(scene)) == ({now} if both else {now, wrong})
    assert {fact.failures for fact in scene.last.facts} == {0}


def test_the_same_crls_in_another_form_are_no_news(scene: Scene) -> None:
    crl = root().crl(number=9)
    scene.run(crl.der)

    assert not scene.run(Fetched(body=crl.pem, etag='"pem"')).changed
    assert scene.sink.crls[URL].body == crl.der
    scene.run(NotModified())
    assert scene.fetcher.asked[-1][1]["etag"] == '"pem"'


def test_an_authority_with_another_ca_goes_on_with_what_is_still_its_own(scene: Scene) -> None:
    mine, others = root().crl([7], number=5), intermediate().crl(number=1)
    scene.run(Fetched(body=_bundle(mine, others), etag='"a"'), ISSUING)

    # The file is in part of nobody now: it is asked for at once, and an older one is not taken.
    scene.run(root().crl(number=4).der, TARGET, at=AT + 1)

    assert scene.fetcher.asked[-1][1]["etag"] == ""
    assert _kept(scene) == (mine.der,)
    assert scene.error() == "the CRL is older than the one we have"


def test_authorities_with_other_certificates_do_not_put_each_other_back(scene: Scene) -> None:
    """A mirror that is behind answers one of them, or somebody who wants to."""
    other = replace(ISSUING, authority=AuthorityId(site="other", authority="acme"))
    scene.run(root().crl(number=5).der, TARGET, other)
    assert len(scene.fetcher.asked) == 1
    newer = root().crl([7], number=7, this_update=AT).der
    answers = [newer, root().crl(number=6, this_update=AT - 60).der]

    done = scene.run(lambda _: answers.pop(0), TARGET, other)

    assert answers == []
    assert scene.sink.crls[URL].body == newer
    assert [fact.error and fact.error.message for fact in done.facts] == [
        None,
        "the CRL is older than the one we have",
    ]
    # From then on both have the newer one.
    both = scene.run(newer, TARGET, other).facts
    assert [(fact.next_update, fact.failures) for fact in both] == [(AT + 7 * DAY, 0)] * 2


def test_a_crl_of_one_authority_does_not_take_the_place_of_anothers(scene: Scene) -> None:
    mine, others = root().crl([7], number=5), intermediate().crl(number=1)
    other = CrlTarget(
        authority=AuthorityId(site="other", authority="acme"),
        certificates=(intermediate().der,),
        url=URL,
    )
    answers = [mine.der, others.der]

    done = scene.run(lambda _: answers.pop(0), TARGET, other)

    assert set(_kept(scene)) == {mine.der, others.der}
    assert [fact.failures for fact in done.facts] == [0, 1]
    # What another one's is, is none of this one's.
    scene.run(others.der, TARGET, other, at=AT + 6 * DAY)
    assert set(_kept(scene)) == {mine.der, others.der}
    first, second = (str(fact.error) for fact in scene.last.facts)
    assert "issued by none of this authority's certificates" in first
    assert "the CRL of 'CN=Test Root CA' did not come, nor one that replaces it" in second


def test_of_two_of_one_kind_in_one_file_the_higher_counts(scene: Scene) -> None:
    higher, lower = root().crl([7], number=7), root().crl(number=6, this_update=AT - 7200)
    both = higher.pem + lower.pem
    scene.run(both)

    scene.run(lower.pem)

    assert scene.sink.crls[URL].body == both
    assert scene.error() == "the CRL is older than the one we have"


def test_a_delta_stays_until_there_is_the_complete_crl_that_the_next_goes_with(
    scene: Scene,
) -> None:
    week = root().crl(number=5, extensions=[(_freshest(DELTA), False)])
    first = root().crl([7], number=6, base_number=5)
    second = root().crl(number=8, base_number=7, this_update=AT)
    scene.fetcher.answers[DELTA] = first.der
    scene.run(week.der)

    scene.fetcher.answers[DELTA] = second.der
    scene.run(at=AT + 6 * DAY)

    assert set(split_crls(scene.sink.crls[DELTA].body)) == {first.der, second.der}
    assert [fact.failures for fact in scene.last.facts] == [0, 0]
    newer = root().crl([7], number=7, this_update=AT, extensions=[(_freshest(DELTA), False)])
    scene.run(newer.der, at=AT + 6.5 * DAY)
    assert split_crls(scene.sink.crls[DELTA].body) == (second.der,)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "neither"),
        (b"", "neither"),
        (root("Other Root CA").crl().der, "issued by none of this authority"),
        (root().crl(signed_by=root("Other Root CA").key).der, "signature is not by the key"),
    ],
)
def test_what_is_not_this_authoritys_is_not_taken(scene: Scene, body: bytes, message: str) -> None:
    good = root().crl().der
    scene.run(good)

    scene.run(body)

    assert scene.sink.crls[URL].body == good
    (fact,) = scene.last.facts
    assert isinstance(fact.error, CertificateError)
    assert fact.error.where == URL
    assert fact.failures == 1
    assert fact.next_update is not None


def test_failures_are_counted_and_tried_again_soon(scene: Scene) -> None:
    for failures in (1, 2, 3):
        before = scene.last.next_at
        done = scene.run()
        assert done.facts[0].failures == failures
        assert before + SHORTEST <= done.next_at <= before + 3600

    scene.run(root().crl().der)
    assert scene.last.facts[0].failures == 0
    assert scene.last.facts[0].error is None


def test_a_full_disk_is_a_failure_of_ours(scene: Scene) -> None:
    scene.sink.full = True
    scene.run(root().crl().der)
    assert scene.error() == "cannot be kept: no space left on device"

    scene.sink.full = False
    assert scene.run().changed


def test_a_process_that_starts_anew_goes_on_with_what_was_kept(scene: Scene) -> None:
    scene.run(Fetched(body=root().crl(number=5).der, etag='"a"'))
    scene.rounds = FetchRounds(scene.fetcher, scene.sink)

    assert scene.run(at=AT + 1).facts[0].last_success == AT
    assert len(scene.fetcher.asked) == 1
    scene.run(root().crl(number=4).der, at=AT + 6 * DAY)
    assert scene.fetcher.asked[-1][1]["etag"] == '"a"'
    assert scene.error() == "the CRL is older than the one we have"


def test_what_was_kept_for_another_authority_is_not_gone_on_with(scene: Scene) -> None:
    scene.run(Fetched(body=root().crl().der, etag='"a"'))
    scene.rounds = FetchRounds(scene.fetcher, scene.sink)
    other = replace(TARGET, certificates=(root("Other Root CA").der,))

    scene.run(NotModified(), other, at=AT + 1)

    assert scene.fetcher.asked[-1][1]["etag"] == ""


def _freshest(url: str) -> x509.FreshestCRL:
    name = x509.UniformResourceIdentifier(url)
    return x509.FreshestCRL([x509.DistributionPoint([name], None, None, None)])


def test_deltas_are_found_through_the_crl(scene: Scene) -> None:
    delta = root().crl([1], number=6, base_number=5).der
    scene.fetcher.answers[DELTA] = delta

    done = scene.run(root().crl(number=5, extensions=[(_freshest(DELTA), False)]).der)

    assert scene.sink.crls[DELTA].body == delta
    assert [(fact.kind, fact.url) for fact in done.facts] == [("crl", URL), ("delta", DELTA)]
    assert scene.fetcher.asked[-1][1]["named_by"] is NamedBy.CERTIFICATE
    # It goes with the CRL that named it.
    assert len(scene.run(root().crl(number=7).der, at=AT + 6 * DAY).facts) == 1


def test_a_delta_that_the_operator_named_is_the_operators(scene: Scene) -> None:
    scene.fetcher.answers[DELTA] = root().crl(number=6, base_number=5).der
    named = replace(TARGET, url=DELTA)

    done = scene.run(
        root().crl(number=5, extensions=[(_freshest(DELTA), False)]).der, named, TARGET
    )

    assert [(fact.kind, fact.url) for fact in done.facts] == [("crl", DELTA), ("crl", URL)]
    assert {options["named_by"] for _, options in scene.fetcher.asked} == {NamedBy.OPERATOR}


def test_a_url_that_somebody_else_names_now_is_begun_anew(scene: Scene) -> None:
    scene.run(root().crl().der)

    scene.run(None, replace(TARGET, named_by=NamedBy.CERTIFICATE), at=AT + 6 * DAY)

    assert scene.fetcher.asked[-1][1]["named_by"] is NamedBy.CERTIFICATE


def test_authorities_with_the_same_certificates_share(scene: Scene) -> None:
    other = replace(TARGET, authority=AuthorityId(site="other", authority="acme"))

    done = scene.run(root().crl().der, TARGET, other, TARGET)

    assert len(scene.fetcher.asked) == 1
    assert [fact.authority for fact in done.facts] == [ACME, other.authority]


def test_a_round_has_an_end(scene: Scene) -> None:
    scene.rounds = FetchRounds(scene.fetcher, scene.sink, most=2)
    targets = [replace(TARGET, url=f"{URL}{n}") for n in range(5)]

    for asked in (2, 4, 5):
        done = scene.run(None, *targets, at=AT)
        assert len(scene.fetcher.asked) == asked
    assert done.next_at > AT
    (first, *_) = done.facts
    assert isinstance(first.error, FetchError)


def test_what_is_not_wanted_any_more_is_forgotten(scene: Scene) -> None:
    scene.run(root().crl().der)

    assert scene.rounds.run([], AT + 1).facts == ()
