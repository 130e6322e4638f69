# SPDX-License-Identifier: Apache-2.0
"""Fields of the body in Cloudflare's shapes. What a body consists of is in test_bodies."""

from __future__ import annotations

from typing import Any

import pytest

from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.policy.fields import SCHEME, FieldValues, field_values
from authz.rules import compile_expression, parse
from tests.factories.bodies import BOUNDARY, FORM_TYPE, MULTIPART_TYPE, multipart_body
from tests.factories.pki import AT
from tests.factories.policies import facts

_BODY = "http.request.body."
_UPLOAD = multipart_body(
    {"name": b"role", "value": b"editor"},
    {"name": b"picture", "value": b"\xff\xd8\xff", "filename": b"a.jpg", "type": b"image/jpeg"},
    {"name": b"role", "value": b"admin", "encoding": b"binary"},
)


def _values(body: bytes, content_type: bytes, **changes: Any) -> FieldValues:
    request = facts(
        body=body, body_size=len(body), headers=((b"content-type", content_type),), **changes
    )
    client = identify(request.presented, compile_trust(()), AT)
    return field_values(request, client, "api", b"/", AT)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("form", {b"b": (b"1", b"%32"), b"a": (b"",)}),
        ("form.names", (b"b", b"a", b"b")),
        ("form.values", (b"1", b"", b"%32")),
        ("multipart", {}),
        ("multipart.names", ()),
        ("raw", b"b=1&a&b=%32"),
        ("size", 11),
        ("truncated", False),
        ("mime", b"text/plain"),
    ],
)
def test_a_form(name: str, expected: object) -> None:
    assert _values(b"b=1&a&b=%32", FORM_TYPE)[_BODY + name] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("multipart", {b"role": (b"editor", b"admin"), b"picture": (b"\xff\xd8\xff",)}),
        ("multipart.names", ((b"role",), (b"picture",), (b"role",))),
        ("multipart.values", (b"editor", b"\xff\xd8\xff", b"admin")),
        ("multipart.content_types", ((), (b"image/jpeg",), ())),
        (
            "multipart.content_dispositions",
            (
                (b'form-data; name="role"',),
                (b'form-data; name="picture"; filename="a.jpg"',),
                (b'form-data; name="role"',),
            ),
        ),
        ("multipart.content_transfer_encodings", ((), (), (b"binary",))),
        ("multipart.filenames", ((), (b"a.jpg",), ())),
        ("form", {}),
        ("form.values", ()),
    ],
)
def test_a_multipart_form(name: str, expected: object) -> None:
    assert _values(_UPLOAD, MULTIPART_TYPE)[_BODY + name] == expected


@pytest.mark.parametrize(
    "expression",
    [
        'any(http.request.body.multipart["role"][*] == "admin")',
        'any(http.request.body.multipart.names[*][0] == "picture")',
        'any(http.request.body.multipart.filenames[*][0] in {"a.jpg" "b.jpg"})',
        'any(http.request.body.multipart.content_types[*][0] == "image/jpeg")',
        'any(http.request.body.multipart.content_dispositions[*][0] contains r#"name="role""#)',
        'any(http.request.body.multipart.content_transfer_encodings[*][0] == "binary")',
        'any(http.request.body.multipart.values[*] == "editor")',
        'not any(http.request.body.multipart.filenames[*][0] == "")',
        'http.request.body.mime == "text/plain"',
    ],
)
def test_expressions_of_cloudflares_documentation(expression: str) -> None:
    values = _values(_UPLOAD.replace(b"\xff\xd8\xff", b"jpeg"), MULTIPART_TYPE)

    assert compile_expression(parse(expression, SCHEME, {})).matches(values)


def test_the_size_may_be_more_than_what_was_forwarded() -> None:
    request = facts(body=b"ab", body_size=10, body_truncated=True)
    client = identify(request.presented, compile_trust(()), AT)
    values = field_values(request, client, "api", b"/", AT)

    assert values[_BODY + "size"] == 10
    assert values[_BODY + "raw"] == b"ab"


def test_a_body_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from authz.policy import bodies

    calls: list[bytes] = []
    collect = bodies._collect

    def counted(body: bytes, boundary: bytes) -> Any:
        calls.append(boundary)
        return collect(body, boundary)

    monkeypatch.setattr(bodies, "_collect", counted)
    values = _values(_UPLOAD, MULTIPART_TYPE)
    read = [values[name] for name in SCHEME.fields if name.startswith(_BODY + "multipart")]
    other = values.read_as(b"/b")

    assert len(read) == 7
    assert other[_BODY + "multipart.names"] == values[_BODY + "multipart.names"]
    assert calls == [BOUNDARY]
