# SPDX-License-Identifier: Apache-2.0
"""Unknown inputs: which fields they are, and what becomes of rules that read one."""

from __future__ import annotations

from typing import Any

import pytest

from authz.certs.trust import compile_trust
from authz.extauthz.decode import DecodeOptions, decode
from authz.policy.authorizer import authorize
from authz.policy.client import identify
from authz.policy.decision import Verdict
from authz.policy.explain import explain
from authz.policy.fields import SCHEME, field_values
from authz.policy.model import Action, SkipParameters
from authz.policy.unknown import unknown_fields
from tests.factories.bodies import FORM_TYPE, MULTIPART_TYPE, multipart_body
from tests.factories.checks import check_request
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site, snapshot

_ALL = frozenset(SCHEME.fields)
_BODY = "http.request.body."
_FORM = {_BODY + name for name in ("form", "form.names", "form.values")}
_MULTIPART = {
    _BODY + "multipart" + name
    for name in (
        "",
        ".names",
        ".values",
        ".content_types",
        ".content_dispositions",
        ".content_transfer_encodings",
        ".filenames",
    )
}
_KNOWN_OF_THE_BODY = {_BODY + "size", _BODY + "truncated"}


def _unknown(read: frozenset[str] = _ALL, **changes: Any) -> frozenset[str]:
    request = facts(**changes)
    client = identify(request.presented, compile_trust(()), AT)
    return unknown_fields(field_values(request, client, "api", b"/", AT), read)


def _typed(content_type: bytes, body: bytes) -> dict[str, Any]:
    return {"headers": ((b"content-type", content_type),), "body": body, "body_size": len(body)}


def test_everything_is_known_of_a_whole_request() -> None:
    upload = multipart_body({"name": b"a", "value": b"1"})

    assert _unknown() == frozenset()
    assert _unknown(**_typed(b"text/plain", b"a=1")) == frozenset()
    assert _unknown(**_typed(FORM_TYPE, b"a=1")) == frozenset()
    assert _unknown(**_typed(MULTIPART_TYPE, upload)) == frozenset()


def test_of_a_body_that_was_cut_short_only_the_size_is_known() -> None:
    of_the_body = {name for name in SCHEME.fields if name.startswith(_BODY)}

    unknown = _unknown(body=b"a", body_size=10, body_truncated=True)

    assert unknown == of_the_body - _KNOWN_OF_THE_BODY
    assert unknown > _FORM | _MULTIPART


def test_the_size_is_unknown_when_nobody_said_it() -> None:
    unknown = _unknown(body=b"a", body_size=-1, body_truncated=True)

    assert _BODY + "size" in unknown
    assert _BODY + "truncated" not in unknown


def test_headers_that_were_cut_short_take_what_depends_on_them_along() -> None:
    unknown = _unknown(headers_truncated=True, **_typed(FORM_TYPE, b"a=1"))

    assert {"http.cookie", "http.request.headers"} <= unknown
    assert unknown >= _FORM | _MULTIPART
    assert not unknown & {"http.request.headers.truncated", _BODY + "raw", "http.host"}


def test_a_form_with_several_readings_is_unknown() -> None:
    assert _unknown(**_typed(FORM_TYPE + b"; charset=utf-16", b"a=1")) == _FORM | _MULTIPART
    assert _unknown(**_typed(MULTIPART_TYPE, b"a=1")) == _MULTIPART


def test_an_encoded_part_has_unknown_values_only() -> None:
    body = multipart_body({"name": b"a", "value": b"MQ==", "encoding": b"base64"})

    unknown = _unknown(**_typed(MULTIPART_TYPE, body))

    assert unknown == {_BODY + "multipart", _BODY + "multipart.values"}


def test_only_fields_that_are_read_are_looked_at() -> None:
    read = frozenset({_BODY + "size", "http.host"})

    assert _unknown(read, body=b"a", body_size=10, body_truncated=True) == frozenset()
    assert _unknown(read, **_typed(MULTIPART_TYPE, b"x")) == frozenset()


_FLAG = (b"x-envoy-auth-partial-body", b"false")
_ABOUT_THE_BODY = {name for name in SCHEME.fields if name.startswith(_BODY)}


@pytest.mark.parametrize("length", [1, 512, 1000, 1024, 3072, 8192, 10_000, 1_048_576])
def test_a_body_as_long_as_a_limit_may_go_on_when_nobody_said_how_long_it_is(length: int) -> None:
    body = b"x" * length
    whole: dict[str, Any] = {"body": body, "body_size": length}

    assert _unknown(headers=(_FLAG,), **whole) == _ABOUT_THE_BODY
    assert _unknown(headers=(_FLAG, (b"content-length", b"%d" % length)), **whole) == frozenset()
    assert _unknown(headers=(), **whole) == frozenset()


@pytest.mark.parametrize(
    ("limit", "uncertain"),
    [("4097", False), ("4096", True), ("100", True), ("9" * 40, False), ("junk", True)],
)
def test_a_limit_that_is_named_leaves_no_doubt(limit: str, uncertain: bool) -> None:
    unknown = _unknown(
        headers=(_FLAG,),
        body=b"x" * 4096,
        body_size=4096,
        context_extensions={"authz.body_limit": limit},
    )

    assert bool(unknown) is uncertain


def test_a_body_of_any_other_length_is_believed() -> None:
    assert _unknown(headers=(_FLAG,), body=b"x" * 4095, body_size=4095) == frozenset()


# What becomes of rules

_ROLE = 'any(http.request.body.multipart["role"][*] == "admin")'


@pytest.mark.parametrize(
    ("body", "verdict", "logged"),
    [
        (multipart_body({"name": b"role", "value": b"admin"}), Verdict.DENY, ("watch",)),
        (multipart_body({"name": b"role", "value": b"editor"}), Verdict.ALLOW, ()),
        (b"\n" + multipart_body({"name": b"role", "value": b"editor"}), Verdict.DENY, ()),
    ],
)
def test_a_malformed_form_is_blocked_and_not_logged(
    body: bytes, verdict: Verdict, logged: tuple[str, ...]
) -> None:
    policy = snapshot(site(rule(_ROLE, ref="watch", action=Action.LOG), rule(_ROLE)))

    decision = authorize(policy, facts(**_typed(MULTIPART_TYPE, body)), AT)

    assert (decision.verdict, decision.logged) == (verdict, logged)


def test_a_malformed_form_skips_nothing() -> None:
    skip = rule(_ROLE, ref="let", action=Action.SKIP, skip=SkipParameters(current=True))
    policy = snapshot(site(skip, rule('http.request.uri.path eq "/"')))
    admin = multipart_body({"name": b"role", "value": b"admin"})

    let = authorize(policy, facts(**_typed(MULTIPART_TYPE, admin)), AT)
    malformed = authorize(policy, facts(**_typed(MULTIPART_TYPE, admin + b"x")), AT)

    assert (let.verdict, malformed.verdict) == (Verdict.ALLOW, Verdict.DENY)
    assert malformed.detail == ""


def test_the_decision_and_its_explanation_say_so() -> None:
    policy = snapshot(site(rule(_ROLE)))
    request = facts(**_typed(MULTIPART_TYPE, b"x"))

    decision = authorize(policy, request, AT)
    trace = explain(policy, request, AT)

    assert "ambiguous" in decision.detail
    assert trace.unknown_fields == {_BODY + "multipart"}
    assert trace.readings[0].rules[0].matches is None


# From the wire

_PARTIAL = "x-envoy-auth-partial-body"


@pytest.mark.parametrize(
    ("headers", "body", "verdict"),
    [
        # Envoy without with_request_body: there is a body, and none of it was forwarded.
        ((("content-length", b"3"),), b"", Verdict.DENY),
        ((("transfer-encoding", b"chunked"),), b"", Verdict.DENY),
        ((("content-length", b"3"), (_PARTIAL, b"true")), b"a", Verdict.DENY),
        (
            (("content-length", b"3"), (_PARTIAL, b"false")),
            b"a=1",
            Verdict.ALLOW,
        ),
        (((_PARTIAL, b"false"),), b"a=1", Verdict.ALLOW),
        ((("content-length", b"0"),), b"", Verdict.ALLOW),
    ],
)
def test_a_body_that_did_not_reach_us_is_blocked_by_a_rule_that_reads_it(
    headers: tuple[tuple[str, bytes], ...], body: bytes, verdict: Verdict
) -> None:
    policy = snapshot(site(rule('any(http.request.body.form["a"][*] == "2")')))
    lines = (("content-type", FORM_TYPE), *headers)
    data = check_request(method="POST", headers=lines, raw_body=body).SerializeToString()

    assert authorize(policy, decode(data, DecodeOptions()), AT).verdict is verdict
