# SPDX-License-Identifier: Apache-2.0
"""Every call of rulesets by the official SDK, over HTTP; only its base address is another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import cloudflare
import pytest
from cloudflare.types.rulesets import RulesetGetResponse

if TYPE_CHECKING:
    from cloudflare import Cloudflare

    from tests.contract.sdk_server import SdkServer

PHASE: Any = "http_request_firewall_custom"
BLOCK: Any = {"ref": "a", "expression": "ssl", "action": "block"}
SKIP: Any = {
    "ref": "s",
    "expression": "ssl",
    "action": "skip",
    "action_parameters": {"ruleset": "current"},
}


@pytest.fixture
def client(server: SdkServer) -> Cloudflare:
    return server.client()


@pytest.fixture(params=["zone", "account"])
def scope(request: pytest.FixtureRequest, server: SdkServer) -> Any:
    if request.param == "zone":
        return {"zone_id": server.zone_id}
    return {"account_id": server.account_id}


def _read(answer: Any) -> RulesetGetResponse:
    """A ruleset out of what a change answers with: the SDK's types let it be any object (its dry
    runs answer with null), and what comes out is a dictionary."""
    assert isinstance(answer, dict)
    return RulesetGetResponse.model_validate(answer)


def _kind(scope: Any) -> Any:
    return "zone" if "zone_id" in scope else "root"


def _rules(found: Any) -> list[Any]:
    return [rule.model_dump() for rule in found.rules]


def _refs(found: Any) -> str:
    return "".join(rule.ref for rule in found.rules)


def test_rulesets(client: Cloudflare, scope: Any) -> None:
    rulesets = client.rulesets
    made = _read(
        rulesets.create(
            name="mine", kind=_kind(scope), phase=PHASE, description="d", rules=[BLOCK], **scope
        )
    )

    assert (made.name, made.kind, made.phase, made.version) == ("mine", _kind(scope), PHASE, "1")
    assert type(made.rules[0]).__name__.endswith("BlockRule")
    assert rulesets.get(made.id, **scope).rules == made.rules
    (listed,) = list(rulesets.list(per_page=1, **scope))
    assert (listed.id, listed.version) == (made.id, "1")
    rules = [BLOCK, {**BLOCK, "ref": "b"}]
    after = _read(
        rulesets.update(made.id, name="mine", kind=_kind(scope), phase=PHASE, rules=rules, **scope)
    )
    assert (after.version, after.description, _refs(after)) == ("2", "d", "ab")
    assert after.rules[0].id == made.rules[0].id
    with pytest.raises(cloudflare.BadRequestError) as caught:
        rulesets.create(name="mine", kind=_kind(scope), phase=PHASE, **scope)
    (error,) = caught.value.errors
    assert (error.code, error.source and error.source.pointer) == (20217, "/kind")
    assert rulesets.delete(made.id, **scope) is None
    with pytest.raises(cloudflare.NotFoundError):
        rulesets.get(made.id, **scope)
    assert list(rulesets.list(**scope)) == []


def test_rules(client: Cloudflare, scope: Any) -> None:
    rules = client.rulesets.rules
    made = _read(client.rulesets.phases.update(PHASE, rules=[BLOCK], **scope))
    given: Any = {"ruleset_id": made.id, **scope}

    added = _read(rules.create(**{**BLOCK, "ref": "b"}, position={"before": ""}, **given))
    assert _refs(added) == "ba"
    first = added.rules[0]
    changed = _read(rules.edit(first.id, action="log", expression="true", ref="b", **given))
    assert (changed.rules[0].action, changed.rules[0].version) == ("log", "2")
    moved = _read(rules.edit(first.id, position={"index": 2}, **given))
    assert (_refs(moved), moved.rules[1].version) == ("ab", "2")
    assert _read(rules.delete(first.id, **given)).rules == made.rules


def test_versions(client: Cloudflare, scope: Any) -> None:
    phases, versions = client.rulesets.phases, client.rulesets.versions
    assert list(phases.versions.list(PHASE, **scope)) == []
    first = _read(phases.update(PHASE, rules=[BLOCK], **scope))
    phases.update(PHASE, rules=[], **scope)

    assert [one.version for one in versions.list(first.id, **scope)] == ["2", "1"]
    assert [one.version for one in phases.versions.list(PHASE, **scope)] == ["2", "1"]
    assert _rules(versions.get("1", ruleset_id=first.id, **scope)) == _rules(first)
    assert _rules(phases.versions.get("1", ruleset_phase=PHASE, **scope)) == _rules(first)
    assert versions.delete("1", ruleset_id=first.id, **scope) is None
    with pytest.raises(cloudflare.NotFoundError):
        versions.get("1", ruleset_id=first.id, **scope)


def test_entry_points(client: Cloudflare, scope: Any) -> None:
    phases = client.rulesets.phases
    with pytest.raises(cloudflare.NotFoundError) as caught:
        phases.get(PHASE, **scope)
    assert caught.value.errors[0].code == 10003

    made = _read(phases.update(PHASE, rules=[BLOCK], name="n", description="d", **scope))
    assert (made.name, made.description) == ("n", "d")
    assert phases.get(PHASE, **scope).id == made.id


def test_dry_runs(client: Cloudflare, server: SdkServer, scope: Any) -> None:
    rulesets = client.rulesets
    dry: Any = {"dry_run": True, **scope}
    new: Any = {"name": "n", "kind": _kind(scope), "phase": PHASE}
    assert rulesets.create(**new, rules=[BLOCK], **dry) is None
    assert rulesets.phases.update(PHASE, rules=[BLOCK], **dry) is None
    assert list(rulesets.list(**scope)) == []
    made = _read(rulesets.create(**new, rules=[BLOCK], **scope))
    rule = made.rules[0].id
    assert rule is not None

    assert rulesets.update(made.id, rules=[], **dry) is None
    one: Any = {"ruleset_id": made.id, **dry}
    assert rulesets.rules.create(**{**BLOCK, "ref": "b"}, **one) is None
    assert rulesets.rules.edit(rule, **BLOCK, **one) is None
    assert rulesets.rules.delete(rule, **one) is None
    assert rulesets.delete(made.id, **dry) is None
    with pytest.raises(cloudflare.BadRequestError):
        rulesets.update(made.id, rules=[{**BLOCK, "expression": "ssl and"}], **dry)
    assert rulesets.get(made.id, **scope).version == "1"


def test_a_skip_rule_has_its_logging(client: Cloudflare, server: SdkServer) -> None:
    made = _read(client.rulesets.phases.update(PHASE, rules=[SKIP, BLOCK], zone_id=server.zone_id))

    assert made.rules[0].logging is not None
    assert made.rules[0].logging.enabled is True
    assert made.rules[1].logging is None
    with pytest.raises(cloudflare.BadRequestError) as caught:
        client.rulesets.phases.update(PHASE, rules=[SKIP], account_id=server.account_id)
    assert caught.value.errors[0].code == 20016


def test_a_precondition_that_does_not_hold_is_not_tried_again(
    client: Cloudflare, server: SdkServer
) -> None:
    zone: Any = {"zone_id": server.zone_id}
    made = _read(client.rulesets.phases.update(PHASE, rules=[BLOCK], **zone))
    answer = client.rulesets.with_raw_response.get(made.id, **zone)
    tag = answer.headers["ETag"]
    client.rulesets.update(made.id, rules=[], **zone)

    with pytest.raises(cloudflare.APIStatusError) as caught:
        client.rulesets.update(made.id, rules=[BLOCK], extra_headers={"If-Match": tag}, **zone)
    assert caught.value.status_code == 412
    assert caught.value.request.headers["x-stainless-retry-count"] == "0"


def test_every_call_without_waiting(server: SdkServer) -> None:
    asyncio.run(_every_call(server))


async def _every_call(server: SdkServer) -> None:
    scope: Any = {"zone_id": server.zone_id}
    async with server.async_client() as client:
        rulesets = client.rulesets
        made = _read(
            await rulesets.create(name="n", kind="zone", phase=PHASE, rules=[BLOCK], **scope)
        )
        given: Any = {"ruleset_id": made.id, **scope}
        assert [one.id async for one in rulesets.list(**scope)] == [made.id]
        added = _read(await rulesets.rules.create(**{**BLOCK, "ref": "b"}, **given))
        second = added.rules[1].id
        assert second is not None
        moved = _read(await rulesets.rules.edit(second, position={"before": ""}, **given))
        assert _refs(moved) == "ba"
        await rulesets.rules.delete(second, **given)
        await rulesets.update(made.id, rules=[], **scope)
        after = _read(await rulesets.phases.update(PHASE, rules=[BLOCK], **scope))
        assert (await rulesets.phases.get(PHASE, **scope)).version == after.version == "6"
        assert (await rulesets.get(made.id, **scope)).rules == after.rules
        listed = [one.version async for one in rulesets.versions.list(made.id, **scope)]
        assert listed == ["6", "5", "4", "3", "2", "1"]
        assert [
            one.version async for one in rulesets.phases.versions.list(PHASE, **scope)
        ] == listed
        first = await rulesets.versions.get("1", ruleset_id=made.id, **scope)
        again = await rulesets.phases.versions.get("1", ruleset_phase=PHASE, **scope)
        assert _rules(first) == _rules(again) == _rules(made)
        assert await rulesets.versions.delete("1", ruleset_id=made.id, **scope) is None
        assert await rulesets.delete(made.id, **scope) is None
        with pytest.raises(cloudflare.NotFoundError):
            await rulesets.phases.get(PHASE, **scope)
