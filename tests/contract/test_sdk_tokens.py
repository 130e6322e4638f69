# SPDX-License-Identifier: Apache-2.0
"""`client.user.tokens` and `client.user` of the official SDK, sync and async, on a real server."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import cloudflare
import httpx
import pytest

from authz.services.failures import MOST_FAILURES
from authz.services.first_token import first_token
from authz.store.engine import open_store
from tests.contract.sdk_server import serving_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudflare import Cloudflare

UNKNOWN = "x" * 43


class Here:
    """A server over an empty store, and its first token."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token

    def client(self, **credentials: Any) -> Cloudflare:
        given = credentials or {"api_token": self.token}
        return cloudflare.Cloudflare(
            base_url=self.address,
            http_client=httpx.Client(trust_env=False),
            **given,
        )


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with closing(open_store("sqlite", tmp_path)) as store:
        file = first_token(store, tmp_path, at=datetime.now(UTC).timestamp())
        assert file is not None
        token = file.read_text().strip()
        with serving_store(store, token=token) as server:
            yield Here(server.base_url, token)


def policies(client: Cloudflare, name: str = "SSL and Certificates Write") -> list[Any]:
    groups = client.user.tokens.permission_groups.list(
        name=name, scope="com.cloudflare.api.account.zone"
    ).result
    (zone,) = client.zones.list()
    return [
        {
            "effect": "allow",
            "permission_groups": [{"id": one.id} for one in groups],
            "resources": {f"com.cloudflare.api.account.zone.{zone.id}": "*"},
        }
    ]


def test_the_life_of_a_token(here: Here) -> None:
    with here.client() as client:
        tokens = client.user.tokens
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        made = tokens.create(name="ci", policies=policies(client), expires_on=expires)
        assert made is not None
        assert made.id is not None
        assert made.status == "active"
        assert made.expires_on == expires

        with here.client(api_token=made.value) as its:
            verified = its.user.tokens.verify()
            assert verified is not None
            assert (verified.id, verified.status, verified.expires_on) == (
                made.id,
                "active",
                expires,
            )
            with pytest.raises(cloudflare.PermissionDeniedError):
                its.user.tokens.list()

            rolled = tokens.value.update(made.id)
            with pytest.raises(cloudflare.AuthenticationError) as refused:
                its.user.tokens.verify()
            assert refused.value.errors[0].code == 1000

        found = tokens.get(made.id)
        assert found is not None
        assert found.policies is not None
        assert found.policies[0].permission_groups[0].name == "SSL and Certificates Write"
        changed = tokens.update(
            made.id,
            name="new",
            policies=[one.to_dict() for one in found.policies],  # type: ignore[misc]  # as read
            status="disabled",
        )
        assert changed is not None
        assert (changed.name, changed.status, changed.expires_on) == ("new", "disabled", None)
        assert changed.policies == found.policies
        with here.client(api_token=rolled) as its, pytest.raises(cloudflare.AuthenticationError):
            its.user.tokens.verify()

        deleted = tokens.delete(made.id)
        assert deleted is not None
        assert deleted.id == made.id
        with pytest.raises(cloudflare.NotFoundError):
            tokens.get(made.id)


def test_a_list_goes_on_to_its_end(here: Here) -> None:
    with here.client() as client:
        names = {f"t{number}" for number in range(7)}
        for name in names:
            client.user.tokens.create(name=name, policies=policies(client))

        listed = [one.name for one in client.user.tokens.list(per_page=3, direction="desc")]

    assert len(listed) == 8
    assert set(listed) == {*names, "admin"}


def test_keys_are_tokens_too(here: Here) -> None:
    for credentials in (
        {"api_key": here.token, "api_email": "somebody@example.com"},
        {"user_service_key": here.token},
    ):
        with here.client(**credentials) as client:
            verified = client.user.tokens.verify()
            assert verified is not None
            assert verified.status == "active"


def test_what_is_refused_says_where(here: Here) -> None:
    with here.client() as client:
        denied = [{**policies(client)[0], "effect": "deny"}]
        with pytest.raises(cloudflare.BadRequestError) as refused:
            client.user.tokens.create(name="x", policies=denied)

    assert refused.value.errors[0].source is not None
    assert refused.value.errors[0].source.pointer == "/policies/0/effect"


def test_groups_and_the_user(here: Here) -> None:
    with here.client() as client:
        groups = list(client.user.tokens.permission_groups.list())
        user = client.user.get()

        # The SDK's documentation says to encode a name, and the SDK encodes it, too.
        encoded = policies(client, "SSL%20and%20Certificates%20Write")
        assert encoded == policies(client)
    assert {one.name for one in groups} >= {"Zone Read", "Zone WAF Write", "API Tokens Write"}
    assert user is not None
    assert len(user.id) == 32


def test_too_many_wrong_tokens_are_not_repeated(here: Here) -> None:
    sent = []
    wrong = httpx.Client(trust_env=False, event_hooks={"request": [sent.append]})
    with cloudflare.Cloudflare(
        base_url=here.address, api_token=UNKNOWN, http_client=wrong
    ) as client:
        for _ in range(MOST_FAILURES):
            with pytest.raises(cloudflare.AuthenticationError):
                client.user.tokens.verify()
        with pytest.raises(cloudflare.RateLimitError):
            client.user.tokens.verify()
    with here.client() as client:
        assert client.user.tokens.verify() is not None

    assert len(sent) == MOST_FAILURES + 1


def test_the_asynchronous_client(here: Here) -> None:
    async def work() -> list[str | None]:
        async with cloudflare.AsyncCloudflare(
            base_url=here.address,
            api_token=here.token,
            http_client=httpx.AsyncClient(trust_env=False),
        ) as client:
            with here.client() as other:
                given = policies(other)
            await asyncio.gather(
                *(client.user.tokens.create(name=f"t{n}", policies=given) for n in range(5))
            )
            return [one.name async for one in client.user.tokens.list(per_page=2)]

    assert set(asyncio.run(work())) == {"admin", "t0", "t1", "t2", "t3", "t4"}
