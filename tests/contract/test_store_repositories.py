# SPDX-License-Identifier: Apache-2.0
"""What each repository keeps and gives back, in both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError
from authz.store.audit import AuditQuery
from authz.store.records import (
    AuditEntry,
    AuthorityKind,
    AuthorityStatus,
    CertificateRole,
    HostAssociation,
    PublishedCrl,
    Revocation,
    SignIn,
    Sources,
    Token,
)
from authz.store.records_activity import StoredEvent
from tests.factories.pki import AT
from tests.factories.stored import (
    account,
    authority,
    authority_certificate,
    certificate,
    default_zone,
    identifier,
    key,
    list_item,
    named_list,
    rule_draft,
    ruleset,
    ruleset_version,
    with_authority,
    zone,
)

if TYPE_CHECKING:
    from authz.store.engine import Store


def test_an_account_gets_another_name(store: Store) -> None:
    with store.write() as session:
        session.zones.rename_account(session.zones.accounts()[0].id, "Acme")
    with store.read() as session:
        assert [one.name for one in session.zones.accounts()] == ["Acme"]


def test_accounts_and_zones(store: Store) -> None:
    with store.write() as session:
        mine = account(created_at=AT)
        session.zones.add_account(mine)
        made = zone(mine.id)
        session.zones.add(made)
        changed = replace(made, name="store", default_action="block", modified_at=AT + 1)
        session.zones.update(changed)
    with store.read() as session:
        assert mine in session.zones.accounts()
        assert changed in session.zones.all()
        assert session.zones.get(made.id) == changed
        assert session.zones.named("store") == changed
        assert session.zones.named("shop") is None
        assert session.zones.get("0" * 32) is None


@pytest.mark.parametrize("again", ["account", "zone"])
def test_names_of_accounts_and_zones_are_theirs_alone(store: Store, again: str) -> None:
    with pytest.raises(ConflictError), store.write() as session:
        here = default_zone(session)
        if again == "account":
            session.zones.add_account(account("default"))
        else:
            session.zones.add(zone(here.account_id, "default"))


def test_authorities(store: Store) -> None:
    with store.write() as session:
        here, of = with_authority(session)
        uploaded = authority(
            here.account_id,
            "theirs",
            zone_id=here.id,
            kind=AuthorityKind.UPLOADED,
            created_at=AT + 1,
            sources=Sources(crl_urls=("http://a/ü",), ocsp="http://b"),
        )
        session.authorities.add(uploaded)
        changed = replace(
            of,
            name="machines",
            status=AuthorityStatus.RETIRED,
            revocation="soft",
            sources=Sources(ocsp="certificate"),
        )
        session.authorities.update(changed)
    with store.read() as session:
        assert session.authorities.all() == [changed, uploaded]
        assert session.authorities.get(of.id) == changed
        assert session.authorities.named(here.account_id, "theirs") == uploaded
        assert session.authorities.named(here.account_id, "devices") is None
    with pytest.raises(ConflictError), store.write() as session:
        session.authorities.add(authority(here.account_id, "machines", id=identifier("x")))


def test_how_certificates_were_written_is_kept_beside_an_authority(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        _, other = with_authority(session, "others")
        session.authorities.keep_text(of.id, "Zoë\r\n-----BEGIN")
        session.authorities.update(replace(of, name="machines"))
    with store.read() as session:
        assert session.authorities.texts() == {of.id: "Zoë\r\n-----BEGIN"}
        assert session.authorities.texts(of.id) == {of.id: "Zoë\r\n-----BEGIN"}
        assert session.authorities.texts(other.id) == {}


def test_certificates_of_authorities(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        _, other = with_authority(session, "others")
        for name, position in (("b", 1), ("a", 0), ("c", 2)):
            session.authorities.add_certificate(
                authority_certificate(of.id, name, position=position)
            )
        session.authorities.add_certificate(authority_certificate(other.id, "b2"))
        session.authorities.set_role(identifier("b"), CertificateRole.PREVIOUS)
    with store.read() as session:
        found = session.authorities.certificates(of.id)
        assert [one.der for one in found] == [b"a", b"b", b"c"]
        assert [one.role.value for one in found] == ["issuing", "previous", "issuing"]
        assert len(session.authorities.certificates()) == 4
    with pytest.raises(ConflictError), store.write() as session:
        session.authorities.add_certificate(
            authority_certificate(of.id, "a", id=identifier("another"))
        )


def test_keys_go_with_the_last_certificate_that_has_them(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        for name in ("shared", "own"):
            session.authorities.add_key(key(name, created_at=AT + len(name)))
        for name, of_key in (("a", "shared"), ("b", "shared"), ("c", "own")):
            session.authorities.add_certificate(
                authority_certificate(of.id, name, key_id=identifier(of_key))
            )
        session.published.put(_crl(of.id, identifier("a"), "complete"))
        session.authorities.replace_key(key("own", record=b"\0again"))
        session.authorities.remove_certificate(identifier("a"))
    with store.read() as session:
        left = session.authorities.keys()
        assert [one.record for one in left] == [b"\0again", b"shared"]
        assert session.published.get(identifier("a"), "complete") is None
        kept = session.authorities.key(identifier("own"))
        assert kept == key("own", record=b"\0again", created_at=AT + 3)
        assert "again" not in repr(kept)
    with store.write() as session:
        session.authorities.remove_certificate(identifier("b"))
        session.authorities.remove_certificate(identifier("c"))
        session.authorities.remove_certificate(identifier("nobody's"))
        assert session.authorities.keys() == []
        assert session.authorities.key(identifier("own")) is None


def test_an_authority_goes_with_all_that_is_its_own(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        _, other = with_authority(session, "others")
        for name in ("mine", "shared"):
            session.authorities.add_key(key(name))
        for to, name, of_key in (
            (of, "a", "mine"),
            (of, "b", "shared"),
            (other, "c", "shared"),
            (of, "d", None),
        ):
            session.authorities.add_certificate(
                authority_certificate(to.id, name, key_id=of_key and identifier(of_key))
            )
        session.published.put(_crl(of.id, identifier("a"), "delta"))
        session.revocations.add(
            Revocation(authority_id=of.id, serial="1", revoked_at=AT, reason="")
        )
    with store.write() as session:
        session.authorities.remove(of.id)
    with store.read() as session:
        assert session.authorities.all() == [other]
        assert [one.der for one in session.authorities.certificates()] == [b"c"]
        left = session.authorities.keys()
        assert [one.record for one in left] == [b"shared"]
        assert session.revocations.count(of.id) == 0


def test_an_authority_in_use(store: Store) -> None:
    with store.write() as session:
        here, of = with_authority(session)
        assert session.authorities.in_use(of.id) == (0, 0)
        session.hosts.add(_host(here.id, of.id, "a.example"))
        session.certificates.add(certificate(of, here.id, 1))
        assert session.authorities.in_use(of.id) == (1, 1)
    with pytest.raises(ConflictError), store.write() as session:
        session.authorities.remove(of.id)


def _host(zone_id: str, authority_id: str, hostname: str, position: int = 0) -> HostAssociation:
    return HostAssociation(
        zone_id=zone_id,
        hostname=hostname,
        authority_id=authority_id,
        position=position,
        created_at=AT,
    )


def test_hosts(store: Store) -> None:
    with store.write() as session:
        here, of = with_authority(session)
        _, other = with_authority(session, "others")
        for one in (
            _host(here.id, of.id, "b.example", 1),
            _host(here.id, of.id, "a.example", 0),
            _host(here.id, other.id, "a.example", 2),
        ):
            session.hosts.add(one)
    with store.read() as session:
        names = [(one.hostname, one.authority_id) for one in session.hosts.all(here.id)]
        assert names == [("a.example", of.id), ("b.example", of.id), ("a.example", other.id)]
        assert len(session.hosts.all()) == 3
        assert len(session.hosts.all(authority_id=other.id)) == 1
    with pytest.raises(ConflictError), store.write() as session:
        session.hosts.add(_host(here.id, of.id, "a.example"))

    with store.write() as session:
        session.hosts.replace(here.id, of.id, ("c.example", "a.example"), AT + 9)
        found = session.hosts.all(here.id, authority_id=of.id)
        assert [(one.hostname, one.created_at) for one in found] == [
            ("c.example", AT + 9),
            ("a.example", AT),
        ]
        assert session.hosts.remove(here.id, "a.example", other.id) == 1
        assert session.hosts.remove(here.id, "a.example") == 1
        assert session.hosts.remove(here.id, "a.example") == 0
        assert [one.hostname for one in session.hosts.all()] == ["c.example"]


def test_rulesets_and_their_versions(store: Store) -> None:
    with store.write() as session:
        here = default_zone(session)
        first = ruleset(here.account_id, here.id)
        session.rulesets.add(first, ruleset_version(first.id))
        shared = ruleset(here.account_id, None, "shared", kind="custom", created_at=AT + 1)
        session.rulesets.add(shared, ruleset_version(shared.id))
    with store.write() as session:
        second = replace(first, version=2, description="new", modified_at=AT + 2)
        assert session.rulesets.add_version(second, ruleset_version(first.id, 2)) is True
        # Somebody else was quicker.
        assert session.rulesets.add_version(second, ruleset_version(first.id, 2)) is False
    with store.read() as session:
        assert session.rulesets.all() == [second, shared]
        assert session.rulesets.all(zone_id=here.id) == [second]
        assert session.rulesets.all(account_id=here.account_id) == [shared]
        assert session.rulesets.get(first.id) == second
        assert session.rulesets.entry_point(here.id, first.phase) == second
        assert session.rulesets.entry_point(here.id, "other") is None
        assert session.rulesets.version(first.id, 1) == ruleset_version(first.id)
        assert session.rulesets.version(first.id, 3) is None
        assert [one.version for one in session.rulesets.versions(first.id)] == [2, 1]
        assert session.rulesets.outlines(first.id) == [
            replace(one, rules=()) for one in session.rulesets.versions(first.id)
        ]
        assert session.rulesets.root(here.account_id, first.phase) is None
    with store.write() as session:
        assert session.rulesets.remove_version(first.id, 1) is True
        assert session.rulesets.remove_version(first.id, 1) is False
        root = ruleset(here.account_id, None, "root", kind="root")
        session.rulesets.add(root, ruleset_version(root.id))
        assert session.rulesets.root(here.account_id, root.phase) == root
        assert session.rulesets.root(here.account_id, "other") is None
        session.rulesets.remove(shared.id)
        assert session.rulesets.versions(shared.id) == []
        assert session.rulesets.get(shared.id) is None
        assert [one.version for one in session.rulesets.versions(first.id)] == [2]


def test_lists_and_their_items(store: Store) -> None:
    with store.write() as session:
        here = default_zone(session)
        made = named_list(here.account_id, items=7, revision=99)
        session.lists.add(made)
        added = session.revision
    with store.read() as session:
        kept = session.lists.get(made.id)
        assert kept == replace(made, items=0, revision=added)
        assert session.lists.named(here.account_id, "offices") == kept
    values = ["192.0.2.1", "192.0.2.2", "50%_\\x"]
    with store.write() as session:
        session.lists.add_items(made.id, [list_item(made.id, one) for one in values], AT + 1)
        changed = session.revision
    with store.read() as session:
        kept = session.lists.all()[0]
        assert (kept.items, kept.revision, kept.modified_at) == (3, changed, AT + 1)
        items = session.lists.items(made.id)
        assert [one.value for one in items] == values == list(session.lists.values(made.id))
        assert [
            one.value for one in session.lists.items(made.id, after=items[0].number, most=1)
        ] == [values[1]]
        assert [one.value for one in session.lists.items(made.id, search="%_\\")] == values[2:]
        assert session.lists.item(made.id, items[1].id) == items[1]
        assert session.lists.item("0" * 32, items[1].id) is None
    with store.write() as session:
        session.lists.describe(made.id, "places", AT + 2)
        assert session.lists.remove_items(made.id, [items[0].id, "0" * 32], AT + 3) == 1
        kept = session.lists.get(made.id)
        assert kept is not None
        assert (kept.description, kept.items, kept.modified_at) == ("places", 2, AT + 3)
        session.lists.replace_items(made.id, [list_item(made.id, "new")], AT + 4)
        assert list(session.lists.values(made.id)) == ["new"]
        session.lists.replace_items(made.id, [], AT + 5)
        kept = session.lists.get(made.id)
        assert kept is not None
        assert kept.items == 0
        session.lists.remove(made.id)
        assert session.lists.all() == []


def test_more_items_than_a_statement_takes(store: Store) -> None:
    with store.write() as session:
        made = named_list(default_zone(session).account_id)
        session.lists.add(made)
        items = [list_item(made.id, f"v{number}") for number in range(12_000)]
        session.lists.add_items(made.id, items, AT)
    with store.read() as session:
        assert list(session.lists.values(made.id)) == [one.value for one in items]
        some = session.lists.values(made.id)
        next(some)
        some.close()  # type: ignore[attr-defined]  # a generator
    with store.write() as session:
        assert session.lists.remove_items(made.id, [one.id for one in items[1:]], AT) == 11_999
        kept = session.lists.get(made.id)
    assert kept is not None
    assert kept.items == 1


def test_a_list_with_items_goes(store: Store) -> None:
    with store.write() as session:
        made = named_list(default_zone(session).account_id)
        session.lists.add(made)
        session.lists.add_items(made.id, [list_item(made.id, "v")], AT)
        session.lists.remove(made.id)
        assert session.lists.items(made.id) == []


def test_tokens(store: Store) -> None:
    made = Token(
        id=identifier("t"), name="t", sha256="ab" * 32, scopes=({"zone": "x"},), created_at=AT
    )
    with store.write() as session:
        session.tokens.add(made)
        changed = replace(made, name="u", sha256="cd" * 32, expires_at=AT + 9, revoked_at=AT)
        session.tokens.update(changed)
    with store.note() as session:
        session.tokens.used(made.id, AT + 3)
    with store.read() as session:
        found = replace(changed, last_used_at=AT + 3)
        assert session.tokens.all() == [found]
        assert session.tokens.get(made.id) == found
        assert session.tokens.by_sha256("cd" * 32) == found
        assert session.tokens.by_sha256("ab" * 32) is None
    with pytest.raises(ConflictError), store.write() as session:
        session.tokens.add(replace(changed, id=identifier("v")))


def test_drafts_of_rules(store: Store) -> None:
    with store.note() as session:
        here = default_zone(session)
        first = rule_draft(here.account_id, here.id, "a", rule={"description": "é"}, place=2)
        second = rule_draft(here.account_id, here.id, "b", modified_at=AT + 1, version=3)
        own = rule_draft(here.account_id, None, "c", rule_id=identifier("r"))
        for one in (first, second, own):
            session.rule_drafts.add(one)
    changed = replace(first, rule={"action": "log"}, place=None, actor="other", modified_at=AT + 2)

    with store.note() as session:
        kept = session.rule_drafts
        assert kept.of(here.account_id, here.id) == [second, first]
        assert kept.of(here.account_id, None) == [own]
        assert kept.of(identifier("nobody"), None) == []
        assert kept.count(here.account_id, here.id) == 2
        assert kept.count(here.account_id, None) == 1
        assert kept.change(changed) is True
        assert kept.change(replace(changed, id=identifier("z"))) is False
        assert kept.get(first.id) == changed
        assert kept.get(identifier("z")) is None
        assert kept.of(here.account_id, here.id) == [changed, second]
        assert kept.remove(first.id) is True
        assert kept.remove(first.id) is False
        assert kept.get(first.id) is None


def _sign_in(name: str, token: str | None, at: float = AT) -> SignIn:
    return SignIn(
        id=identifier(name),
        sha256=name * 64,
        name="ops",
        token_id=None if token is None else identifier(token),
        subject="5" * 64,
        grants=None if token else ({"resource": "waf", "level": "read", "place": "*"},),
        address="192.0.2.1",
        agent="",
        created_at=at,
        last_used_at=at,
        expires_at=at + 100,
    )


def test_sessions_of_the_dashboard(store: Store) -> None:
    mine, again, known = _sign_in("a", "t"), _sign_in("b", "t", AT + 1), _sign_in("c", None)
    with store.note() as session:
        for one in (mine, again, known):
            session.sign_ins.add(one)
        session.sign_ins.used(mine.id, AT + 5)
        session.sign_ins.used(mine.id, AT + 4)
    used = replace(mine, last_used_at=AT + 5)

    with store.note() as session:
        kept = session.sign_ins
        assert kept.by_sha256("a" * 64) == used
        assert kept.by_sha256("d" * 64) is None
        assert kept.all() == [used, again, known]
        assert kept.of(mine) == [used, again]
        assert kept.of(known) == [known]
        assert kept.of(replace(known, subject="6" * 64)) == []
        assert kept.remove(again.id) is True
        assert kept.remove(again.id) is False
        assert kept.remove_of(known) == 1
        assert kept.forget(at=AT + 99, idle_before=AT + 5) == 0
        assert kept.forget(at=AT + 99, idle_before=AT + 6) == 1
        kept.add(known)
        assert kept.forget(at=AT + 100, idle_before=AT) == 1


def _entry(number: int, **changes: Any) -> AuditEntry:
    return AuditEntry(
        **{  # type: ignore[arg-type]  # as the tests name them
            "id": identifier(f"entry {number}"),
            "at": AT + number,
            "actor": "me",
            "action": "update",
            "object_type": "zone",
            "object_id": "z",
        }
        | changes
    )


def test_the_audit_log(store: Store) -> None:
    entries = [_entry(1), _entry(2, zone_id="0" * 32), _entry(3, object_id="y")]
    with store.write() as session:
        for one in entries:
            session.audit.add(one)
    with store.read() as session:
        found = session.audit.latest(most=9)
        assert [replace(one, number=0) for one in found] == entries[::-1]
        assert session.audit.latest(most=1) == found[:1]
        assert session.audit.latest(most=9, before=found[0].number) == found[1:]
        assert session.audit.latest(most=9, zone_id="0" * 32) == [found[1]]
        assert session.audit.latest(most=9, object_id="y") == [found[0]]
    with store.note() as session:
        assert session.audit.forget(AT + 3) == 2
        assert session.audit.latest(most=9) == found[:1]


def test_what_an_authority_was_distrusted_by_is_never_forgotten(store: Store) -> None:
    said = [("a", "distrust"), ("b", "distrust"), ("b", "trust_again"), ("c", "distrust")]
    said += [("c", "trust_again"), ("c", "distrust"), ("d", "status")]
    with store.write() as session:
        for place, (authority, what) in enumerate(said):
            # Later ones by an earlier clock: the order they came in counts.
            action = f"authority.{what}"
            session.audit.add(_entry(9 - place, object_id=authority, action=action))
    with store.note() as session:
        expected = {"a": AT + 9, "c": AT + 4}
        rows = [("a", AT + 9), ("b", AT + 8), ("c", AT + 6), ("c", AT + 4)]
        assert session.audit.distrusted() == expected
        assert session.audit.forget(AT + 99) == 1
        assert session.audit.distrusted() == expected
        assert [(one.object_id, one.at) for one in session.audit.distrusts()] == rows


def test_entries_are_found_by_what_they_have_and_when_they_were(store: Store) -> None:
    zone, other = "0" * 32, "1" * 32
    entries = [
        _entry(1, zone_id=zone),
        _entry(2, zone_id=other, actor="you"),
        _entry(3, action="create"),
        _entry(4, zone_id=zone, object_type="token", object_id="y"),
        # The clock went back.
        _entry(5, at=AT, zone_id=zone),
    ]
    with store.note() as session:
        for one in entries:
            session.audit.add(one)

    def found(query: AuditQuery, **how: Any) -> list[int]:
        with store.read() as session:
            return [one.number for one in session.audit.find(query, **{"most": 9} | how)]

    everything = AuditQuery()
    assert found(everything) == [4, 3, 2, 1, 5]
    assert found(everything, oldest_first=True) == [5, 1, 2, 3, 4]
    assert found(everything, most=2, skip=1) == [3, 2]
    assert found(everything, behind=(AT + 2, 2)) == [1, 5]
    assert found(everything, behind=(AT + 2, 2), oldest_first=True) == [3, 4]
    assert found(AuditQuery(since=AT + 1, until=AT + 4)) == [3, 2, 1]
    assert found(AuditQuery(only={"zone_id": (zone,)})) == [4, 1, 5]
    assert found(AuditQuery(only={"zone_id": (zone, other), "actor": ("me",)})) == [4, 1, 5]
    assert found(AuditQuery(only={"action": ("create",)})) == [3]
    assert found(AuditQuery(only={"object_type": ("token",)})) == [4]
    assert found(AuditQuery(only={"object_id": ("y",)})) == [4]
    assert found(AuditQuery(only={"id": (entries[1].id,)})) == [2]
    assert found(AuditQuery(only={"id": ()})) == []
    assert found(AuditQuery(but={"zone_id": (zone,)})) == [3, 2]
    assert found(AuditQuery(but={"actor": ("you",)}, until=AT + 3)) == [1, 5]


def test_entries_of_one_moment_have_an_order(store: Store) -> None:
    with store.note() as session:
        for number in range(5):
            session.audit.add(_entry(number, at=AT))
    with store.read() as session:
        pages: list[list[int]] = []
        behind = None
        while not pages or pages[-1]:
            some = session.audit.find(AuditQuery(), most=2, behind=behind, size=10**6)
            pages.append([one.number for one in some])
            behind = (some[-1].at, some[-1].number) if some else None
    assert pages == [[5, 4], [3, 2], [1], []]


def test_which_actions_there_are(store: Store) -> None:
    with store.read() as session:
        assert session.audit.actions() == []
    with store.note() as session:
        for number, action in enumerate(("b", "a", "b", "c")):
            session.audit.add(_entry(number, action=action))
    with store.read() as session:
        assert session.audit.actions() == ["a", "b", "c"]


def _event(number: int, **changes: Any) -> StoredEvent:
    return StoredEvent(
        **{  # type: ignore[arg-type]  # as the tests name them
            "id": f"event {number}",
            "at": AT + number,
            "site": "a",
            "verdict": "deny",
            "rule": "r",
            "fingerprint_sha256": "00",
            "event": {"number": number},
        }
        | changes
    )


def test_events(store: Store) -> None:
    some = [
        _event(1),
        _event(2, site="b"),
        _event(3, verdict="allow"),
        _event(4, rule="s"),
        _event(5, fingerprint_sha256="11"),
    ]
    with store.note() as session:
        session.events.add([])
        session.events.add(some)
    with store.read() as session:
        found = session.events.latest(most=9)
        assert [replace(one, number=0) for one in found] == some[::-1]
        assert session.events.latest(most=2, before=found[1].number) == found[2:4]
        assert session.events.latest(most=9, since=AT + 4) == found[:2]
        assert session.events.get("event 2") == found[3]
        assert session.events.get("event 9") is None
        latest = session.events.latest
        assert [one.id for one in latest(most=9, site="b")] == ["event 2"]
        assert [one.id for one in latest(most=9, verdict="allow")] == ["event 3"]
        assert [one.id for one in latest(most=9, rule="s")] == ["event 4"]
        assert [one.id for one in latest(most=9, fingerprint_sha256="11")] == ["event 5"]
    with store.note() as session:
        assert session.events.forget(before=AT + 2, keep=100) == 1
        assert session.events.forget(before=AT, keep=2) == 2
        assert [one.id for one in session.events.latest(most=9)] == ["event 5", "event 4"]
        assert session.events.forget(before=AT + 99, keep=2) == 2
        assert session.events.forget(before=AT, keep=2) == 0


def _crl(authority_id: str, certificate_id: str, kind: str, number: int = 1) -> PublishedCrl:
    return PublishedCrl(
        authority_id=authority_id,
        certificate_id=certificate_id,
        kind=kind,
        number=number,
        revision=1,
        this_update=AT,
        next_update=AT + 1,
        body=b"\0crl",
    )


def test_our_own_crls(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        session.authorities.add_certificate(authority_certificate(of.id))
        here = identifier("root")
        session.published.put(_crl(of.id, here, "complete"))
        session.published.put(_crl(of.id, here, "delta"))
        session.published.put(_crl(of.id, here, "complete", 2))
    with store.read() as session:
        assert session.published.get(here, "complete") == _crl(of.id, here, "complete", 2)
        assert session.published.get(here, "delta") == _crl(of.id, here, "delta")
        assert session.published.get("0" * 32, "delta") is None


def test_events_by_zone_host_reason_and_moment(store: Store) -> None:
    zone = "0" * 32
    with store.note() as session:
        some = [_event(1, host="a", reason="x"), _event(2, host="b", zone_id=zone), _event(3)]
        session.events.add(some)
    with store.read() as session:
        latest = session.events.latest
        assert [one.id for one in latest(most=9, host="a")] == ["event 1"]
        assert [one.id for one in latest(most=9, reason="x")] == ["event 1"]
        assert [one.id for one in latest(most=9, until=AT + 2)] == ["event 1"]
        assert [one.id for one in latest(most=9, zone_id=zone)] == ["event 2"]
