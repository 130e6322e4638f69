# SPDX-License-Identifier: Apache-2.0
"""Which requests that change something are our own pages'."""

from __future__ import annotations

import pytest
from fastapi import Request

from authz.dashboard import csrf
from authz.errors import ForbiddenError

SECRET = "s" * 43
OWN = "https://authz.example.com"


def request(**headers: str) -> Request:
    given = {"host": "dashboard:8080", **{k.replace("_", "-"): v for k, v in headers.items()}}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return Request({"type": "http", "headers": pairs})


def test_the_token_is_of_the_session_and_does_not_tell_its_secret() -> None:
    token = csrf.token_of(SECRET)

    assert len(token) == 64
    assert SECRET not in token
    assert token != csrf.token_of("t" * 43)
    csrf.check(request(), SECRET, token)
    csrf.check(request(x_csrf_token=token), SECRET, "")


@pytest.mark.parametrize("given", ["", "0" * 64, "é", csrf.token_of("another")])
def test_another_token_is_refused(given: str) -> None:
    with pytest.raises(ForbiddenError, match="not from this session"):
        csrf.check(request(), SECRET, given)


def test_a_header_that_is_wrong_is_not_made_good_by_the_field() -> None:
    with pytest.raises(ForbiddenError):
        csrf.check(request(x_csrf_token="0" * 64), SECRET, csrf.token_of(SECRET))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://dashboard:8081"},
        {"origin": "http://dashboard"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://[dashboard:8080"},
        {"origin": "http://dashboard:8080.evil.example"},
        {"origin": "http://evil.example@dashboard:8080"},
        {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_another_site_is_refused_though_it_has_the_token(headers: dict[str, str]) -> None:
    foreign = request(**headers)
    with pytest.raises(ForbiddenError, match="another site"):
        csrf.check(foreign, SECRET, csrf.token_of(SECRET), OWN)
    assert not csrf.is_ours(foreign, OWN)


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://dashboard:8080"}, True),
        ({"origin": "http://DASHBOARD:8080"}, True),
        ({"origin": OWN}, True),
        ({"origin": OWN, "sec_fetch_site": "same-origin"}, True),
    ],
)
def test_our_own_pages(headers: dict[str, str], is_ours: bool) -> None:
    csrf.check_origin(request(**headers), OWN)
    assert csrf.is_ours(request(**headers), OWN) is is_ours


def test_the_address_behind_a_proxy_counts_only_where_there_is_one() -> None:
    with pytest.raises(ForbiddenError):
        csrf.check_origin(request(origin=OWN))
    with pytest.raises(ForbiddenError):
        csrf.check_origin(Request({"type": "http", "headers": [(b"origin", b"null")]}))
