# SPDX-License-Identifier: Apache-2.0
"""What is said of a recorded request is what was decided of the one that was sent, or nothing.

Requests are sent, decided, recorded and decided again, by rules made of conditions on everything
that may be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.recording import Recording, RecordOptions
from authz.policy.authorizer import authorize
from authz.policy.decision import Verdict
from authz.policy.explain_recorded import explain_recorded
from authz.policy.model import Action, DefaultAction, PolicyModel, SkipParameters
from authz.policy.recorded import judge
from authz.policy.snapshot import compile_snapshot
from authz.services.judging import missing_of
from tests.factories.checks import check_request
from tests.factories.pki import AT, presented, root
from tests.factories.policies import rule, site

if TYPE_CHECKING:
    from authz.pb.ext_authz_pb2 import CheckRequest

ALICE = presented(root().client("alice")).certificate
OPTIONS = DecodeOptions()

CONDITIONS = (
    'http.request.uri.path eq "/a"',
    'http.request.uri.path contains "admin"',
    'http.request.uri.query contains "x"',
    'http.request.uri eq "/a?b=x"',
    'any(http.request.uri.args["b"][*] eq "x")',
    'any(http.request.uri.args.names[*] eq "c")',
    'any(http.request.uri.args.values[*] eq "x")',
    'http.request.full_uri contains "x"',
    'raw.http.request.uri.query contains "x"',
    'raw.http.request.uri.path contains "%"',
    'http.cookie contains "x"',
    'any(http.request.cookies["s"][*] eq "x")',
    'any(http.request.headers["x-key"][*] eq "x")',
    'any(http.request.headers["kept"][*] eq "x")',
    'any(http.request.headers["absent"][*] eq "x")',
    'len(http.request.headers["x-key"]) > 1',
    'any(http.request.headers.names[*] eq "x-key")',
    'any(http.request.headers.values[*] eq "x")',
    'http.user_agent contains "x"',
    'http.referer contains "x"',
    "http.request.body.size > 2",
    "http.request.body.truncated",
    'http.request.body.raw contains "x"',
    'any(http.request.body.form["f"][*] eq "x")',
    'http.request.method eq "POST"',
    "cf.tls_client_auth.cert_verified",
    "ip.src in {198.51.100.0/24}",
    'any(authz.metadata["ns:key"][*] eq "x")',
    'any(http.request.jwt.claims.sub["t"][*] eq "x")',
)

_leaves = st.sampled_from(CONDITIONS)
expressions = st.recursive(
    _leaves,
    lambda inner: (
        st.builds("not ({})".format, inner)
        | st.builds("({}) and ({})".format, inner, inner)
        | st.builds("({}) or ({})".format, inner, inner)
        | st.builds("({}) xor ({})".format, inner, inner)
    ),
    max_leaves=4,
)
_VALUES = st.sampled_from((b"", b"x", b"y"))
_PATHS = (
    *("/", "/a", "/a?b=x", "/a?b=y&c=1", "/a?c", "/a?x", "/admin;p?b=x", "/x/%2e%2e/admin"),
    *("/a#x", "/a#", "//admin"),
)


@st.composite
def rules(draw: st.DrawFn) -> list[Any]:
    made = []
    for position in range(draw(st.integers(1, 4))):
        action = draw(st.sampled_from(Action))
        changes: dict[str, Any] = {"ref": f"r{position}", "action": action}
        if action is Action.SKIP:
            changes["skip"] = draw(
                st.sampled_from((SkipParameters(current=True), SkipParameters(rules=("r0",))))
            )
        made.append(rule(draw(expressions), **changes))
    return made


@st.composite
def requests(draw: st.DrawFn) -> CheckRequest:
    names = draw(
        st.lists(
            st.sampled_from(("cookie", "x-key", "kept", "referer", "user-agent", "content-length")),
            max_size=4,
        )
    )
    headers = [(name, draw(_VALUES)) for name in names]
    headers = [(name, b"s=" + value if name == "cookie" else value) for name, value in headers]
    method = draw(st.sampled_from(("GET", "POST")))
    body = draw(st.sampled_from((b"", b"f=x", b"x")))
    if draw(st.booleans()):
        headers.append(("content-type", b"application/x-www-form-urlencoded"))
    request = check_request(
        path=draw(st.sampled_from(_PATHS)),
        headers=headers,
        method=method,
        raw_body=body,
        size=len(body),
        certificate=draw(st.sampled_from(("", ALICE))),
        raw=draw(st.booleans()),
        host=draw(st.sampled_from(("api.example.com", "a@api.example.com"))),
    )
    if draw(st.booleans()):
        request.attributes.metadata_context.filter_metadata["ns"].update({"key": "x"})
        jwt = request.attributes.metadata_context.filter_metadata["envoy.filters.http.jwt_authn"]
        jwt.update({"t": {"sub": "x"}})
    return request


@st.composite
def record_options(draw: st.DrawFn) -> RecordOptions:
    return RecordOptions(
        headers=frozenset({"kept"}), query=draw(st.booleans()), metadata=draw(st.booleans())
    )


@settings(max_examples=400, deadline=None)
@given(
    rules=rules(),
    request=requests(),
    options=record_options(),
    default=st.sampled_from(DefaultAction),
)
def test_a_recorded_request_is_decided_as_it_was_or_not_at_all(
    rules: list[Any], request: CheckRequest, options: RecordOptions, default: DefaultAction
) -> None:
    policy = compile_snapshot(
        PolicyModel(sites=(site(*rules, default_action=default),)), 1, AT, lint=False
    )
    data = request.SerializeToString()
    then = authorize(policy, decode(data, OPTIONS), AT)
    recorded = Recording(options, OPTIONS)(data)

    facts = decode(recorded.request, OPTIONS)
    missing = missing_of(msgspec.to_builtins(recorded.left_out))
    again = judge(policy, facts, missing, AT)

    if again.verdict is None:
        assert again.reads
        assert missing.anything
    else:
        assert again.verdict is then.verdict
    if again.verdict is not None and not again.reads:
        assert (again.reason, again.rule) == (then.reason.value, then.rule)
    explained = explain_recorded(policy, facts, missing, AT)["decision"]
    assert explained["verdict"] == (None if again.verdict is None else again.verdict.value)


@settings(max_examples=200, deadline=None)
@given(rules=rules(), request=requests(), default=st.sampled_from(DefaultAction))
def test_a_request_that_is_all_there_is_always_decided(
    rules: list[Any], request: CheckRequest, default: DefaultAction
) -> None:
    policy = compile_snapshot(
        PolicyModel(sites=(site(*rules, default_action=default),)), 1, AT, lint=False
    )
    facts = decode(request.SerializeToString(), OPTIONS)
    then = authorize(policy, facts, AT)

    again = judge(policy, facts, missing_of({}), AT)

    assert again.verdict in (Verdict.ALLOW, Verdict.DENY)
    assert (again.verdict, again.reason, again.rule) == (
        then.verdict,
        then.reason.value,
        then.rule,
    )
