# SPDX-License-Identifier: Apache-2.0
"""What the browser is told to keep, with TLS and without."""

from __future__ import annotations

import base64
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest
from fastapi import Request, Response

from authz.dashboard import cookies

if TYPE_CHECKING:
    from http.cookies import Morsel


def kept(response: Response) -> Morsel[str]:
    (text,) = response.headers.getlist("set-cookie")
    ((_, morsel),) = SimpleCookie(text).items()
    return morsel


def request(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode("latin-1"))]})


@pytest.mark.parametrize("secure", [False, True])
def test_a_session_is_for_this_host_alone_and_for_no_script(secure: bool) -> None:
    response = Response()
    cookies.keep_session(response, "s3cret", secure=secure, seconds=90.9)

    morsel = kept(response)
    assert morsel.key == ("__Host-authz-session" if secure else "authz-session")
    assert (morsel.value, morsel["max-age"], morsel["path"]) == ("s3cret", "90", "/")
    assert (morsel["httponly"], morsel["samesite"]) == (True, "lax")
    assert morsel["secure"] == (True if secure else "")
    assert not morsel["domain"], "__Host- allows none, and no other host is to have it"
    assert cookies.session_of(request(f"{morsel.key}=s3cret"), secure=secure) == "s3cret"


def test_with_tls_a_cookie_that_came_without_does_not_count() -> None:
    assert cookies.session_of(request("authz-session=planted"), secure=True) == ""
    assert cookies.session_of(request("__Host-authz-session=x"), secure=False) == ""


def test_a_session_is_forgotten() -> None:
    response = Response()
    cookies.drop_session(response, secure=True)

    assert (kept(response).value, kept(response)["max-age"]) == ("", "0")


def test_a_secret_has_a_length() -> None:
    assert len(cookies.session_of(request(f"authz-session={'x' * 5000}"), secure=False)) == 128


def test_a_notice_is_there_once_and_has_any_letters() -> None:
    response = Response()
    cookies.keep_notice(response, 'The list "é; \r\n\udc80" is there.', secure=False)
    morsel = kept(response)

    assert morsel["max-age"] == "60"
    assert morsel.value.isascii()
    said = cookies.notice_of(request(f"authz-notice={morsel.value}"), secure=False)
    assert said == 'The list "é; \r\n?" is there.'

    cookies.keep_notice(gone := Response(), "", secure=False)
    assert kept(gone)["max-age"] == "0"


@pytest.mark.parametrize("value", ["", "no base64!", "é", base64.b64encode(b"\xff").decode(), "a"])
def test_a_notice_that_is_none_says_nothing(value: str) -> None:
    assert cookies.notice_of(request(f"authz-notice={value}"), secure=False) == ""


def test_a_notice_of_somebody_elses_making_is_short() -> None:
    long = base64.urlsafe_b64encode(b"x" * 3000).decode()
    assert len(cookies.notice_of(request(f"authz-notice={long}"), secure=False)) == 1000
