# SPDX-License-Identifier: Apache-2.0
"""Forms and multipart forms: what is in them, and which of them have more than one reading."""

from __future__ import annotations

import logging
import time

import pytest

from authz.policy.bodies import MAX_PARTS, NO_PARTS, read_form, read_multipart

_FORM = [b"application/x-www-form-urlencoded"]
_MULTIPART = [b"multipart/form-data; boundary=XyZ"]
_NAME = b'Content-Disposition: form-data; name="a"'
_BODY = b"--XyZ\r\n" + _NAME + b"\r\n\r\n1\r\n--XyZ--\r\n"


def _body(*headers: bytes, value: bytes = b"1") -> bytes:
    return b"--XyZ\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + value + b"\r\n--XyZ--\r\n"


# Forms


def test_a_form_in_its_order_nothing_decoded() -> None:
    body = b"b=%41&a=1+2&b=&c&=x&%61=\xff"

    assert read_form(_FORM, [], body) == (
        (b"b", b"%41"),
        (b"a", b"1+2"),
        (b"b", b""),
        (b"c", b""),
        (b"", b"x"),
        (b"%61", b"\xff"),
    )


@pytest.mark.parametrize(
    "types",
    [
        [b"application/x-www-form-urlencoded;charset=UTF-8"],
        [b' Application/X-WWW-Form-URLEncoded ; Charset="utf-8" '],
        [b"application/x-www-form-urlencoded; version=1"],
    ],
)
def test_a_form_by_any_spelling_of_its_type(types: list[bytes]) -> None:
    assert read_form(types, [], b"a=1") == ((b"a", b"1"),)


@pytest.mark.parametrize(
    "types",
    [[], [b""], [b"text/plain"], [b"application/json"], [b"multipart/mixed; boundary=XyZ"]],
)
def test_a_body_of_another_type_is_no_form(types: list[bytes]) -> None:
    assert read_form(types, [], b"a=1") == ()
    assert read_multipart(types, [], _BODY) == NO_PARTS


def test_each_reader_takes_its_own_type_only() -> None:
    assert read_form(_MULTIPART, [], _BODY) == ()
    assert read_multipart(_FORM, [], _BODY) == NO_PARTS


@pytest.mark.parametrize(
    "types",
    [
        [b"application/x-www-form-urlencoded", b"text/plain"],
        [b"text/plain", b"multipart/form-data; boundary=XyZ"],
        [b"application/x-www-form-urlencoded, text/plain"],
        [b"application/x-www-form-urlencoded; charset=utf-16"],
        [b"application/x-www-form-urlencoded; charset=ibm037"],
        [b"application/x-www-form-urlencoded; charset=utf-8; charset=utf-7"],
        [b"application/x-www-form-urlencoded;"],
        [b"application/x-www-form-urlencoded x"],
        [b"\x0bapplication/x-www-form-urlencoded"],
    ],
)
def test_a_type_that_readers_take_differently_is_no_answer(types: list[bytes]) -> None:
    assert read_form(types, [], b"a=1") is None
    assert read_multipart(types, [], _BODY) is None


@pytest.mark.parametrize("encodings", [[b"gzip"], [b"identity", b"br"], [b"identity, gzip"]])
def test_a_compressed_body_is_no_answer(encodings: list[bytes]) -> None:
    assert read_form(_FORM, encodings, b"a=1") is None
    assert read_multipart(_MULTIPART, encodings, _BODY) is None


def test_an_uncompressed_body_may_say_so() -> None:
    assert read_form(_FORM, [b"Identity"], b"a=1") == ((b"a", b"1"),)


def test_without_a_body_there_is_nothing_in_it() -> None:
    assert read_form([b"application/x-www-form-urlencoded; charset=x"], [b"gzip"], b"") == ()
    assert read_multipart([b"multipart/form-data"], [], b"") == NO_PARTS


# Multipart forms


def test_parts_in_their_order_with_their_headers_as_sent() -> None:
    form = read_multipart(
        _MULTIPART,
        [],
        b'--XyZ\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n'
        b'--XyZ\r\nContent-Disposition: form-data; name="picture"; filename="a b.jpg"\r\n'
        b"CONTENT-TYPE:image/jpeg\r\nContent-Transfer-Encoding:  binary \r\nX-Other: 1\r\n\r\n"
        b"\xff\xd8\r\n--Xy\r\n\r\n--XyZ--\r\n",
    )

    assert form is not None
    assert form.plain
    user, picture = form.parts
    assert (user.name, user.value, user.filename) == (b"username", b"alice", None)
    assert (user.content_type, user.transfer_encoding) == (None, None)
    assert picture.value == b"\xff\xd8\r\n--Xy\r\n"
    assert picture.filename == b"a b.jpg"
    assert picture.disposition == b'form-data; name="picture"; filename="a b.jpg"'
    assert (picture.content_type, picture.transfer_encoding) == (b"image/jpeg", b"binary")


@pytest.mark.parametrize(
    ("types", "body"),
    [
        (b"multipart/form-data; boundary=XyZ", _BODY.removesuffix(b"\r\n")),
        (b'multipart/form-data; boundary="XyZ"', _BODY),
        (b"Multipart/Form-Data;Boundary=XyZ;charset=utf-8", _BODY),
        (b"multipart/form-data; boundary=XyZ", _BODY.replace(b'"a"', b"a")),
        (
            b"multipart/form-data; boundary=----WebKitFormBoundaryAb1",
            _BODY.replace(b"XyZ", b"----WebKitFormBoundaryAb1"),
        ),
    ],
)
def test_what_clients_send_is_read(types: bytes, body: bytes) -> None:
    form = read_multipart([types], [], body)

    assert form is not None
    assert [(part.name, part.value) for part in form.parts] == [(b"a", b"1")]


@pytest.mark.parametrize(
    "types",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=XyZ; boundary=AbC",
        b"multipart/form-data; boundary=XyZ; boundary*0=AbC",
        b"multipart/form-data; boundary*=utf-8''XyZ",
        b"multipart/form-data; boundary=XyZ; start=a",
        b"multipart/form-data; boundary=XyZ, text/plain",
        b'multipart/form-data; boundary="X\\yZ"',
        b"multipart/form-data boundary=XyZ",
        b"multipart/form-data; boundary = XyZ",
        b"multipart/form-data; boundary=---",
        b"multipart/form-data; boundary=" + b"X" * 71,
    ],
)
def test_a_boundary_that_readers_take_differently_is_no_answer(types: bytes) -> None:
    assert read_multipart([types], [], _BODY) is None


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"--XyZ--\r\n",
        b"\r\n" + _BODY,
        b"preamble\r\n" + _BODY,
        _BODY + b"epilogue",
        _BODY + _BODY,
        _BODY.replace(b"--\r\n", b"\r\n"),
        _BODY[:-6],
        _BODY.replace(b"\r\n", b"\n"),
        _BODY.replace(b"\r\n", b"\r"),
        _BODY.replace(b"--XyZ\r\n", b"--XyZ \r\n"),
        _BODY.replace(b"--XyZ--", b"--XyZ --"),
        # A delimiter that only a lenient reader sees.
        _body(_NAME, value=b'1\n--XyZ\nContent-Disposition: form-data; name="b"\n\n2'),
        _body(_NAME, value=b"1\r\n--XyZa"),
        _body(_NAME, value=b"1--XyZ"),
    ],
)
def test_a_framing_that_readers_take_differently_is_no_answer(body: bytes) -> None:
    assert read_multipart(_MULTIPART, [], body) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b"Content-Type: text/plain"],
        [b"Content-Disposition: form-data"],
        [b'Content-Disposition: form-data; filename="a"'],
        [b'Content-Disposition: attachment; name="a"'],
        [b'Content-Disposition: form-data; name="a"; name="b"'],
        [b'Content-Disposition: form-data; name="a"; filename="b"; FileName="c"'],
        [b"Content-Disposition: form-data; name=\"a\"; filename*=utf-8''b"],
        [b'Content-Disposition: form-data; name="a\\"b"'],
        [b'Content-Disposition: form-data; name="a"; x=y'],
        [b'Content-Disposition: form-data; name="a'],
        [b'Content-Disposition: form-data name="a"'],
        [b'Content-Disposition: form-data; name ="a"'],
        [b'Content-Disposition: form-data; name="a\x00b"'],
        [b'Content-Disposition: form-data;\r\n name="a"'],
        [b'Content-Disposition: form-data;\tname="a"'],
        [b'Content-Disposition : form-data; name="a"'],
        [_NAME, b'Content-Disposition: form-data; name="b"'],
        [_NAME, b"Content-Type: a/b", b"content-type: c/d"],
        [_NAME, b"X-Other: a\nContent-Type: a/b"],
        [_NAME, b"no colon"],
        [_NAME, b": no name"],
        [_NAME, b"X-Long: " + b"x" * 10_000],
        [_NAME, *(b"X-%d: 1" % n for n in range(20))],
    ],
)
def test_headers_that_readers_take_differently_are_no_answer(headers: list[bytes]) -> None:
    assert read_multipart(_MULTIPART, [], _body(*headers)) is None


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        (b"Content-Transfer-Encoding: 8BIT", True),
        (b"Content-Transfer-Encoding: base64", False),
        (b"Content-Transfer-Encoding: quoted-printable", False),
        (b"Content-Transfer-Encoding: 7bit, base64", False),
        (b"Content-Type: text/plain; charset=utf-8", True),
        (b"Content-Type: text/plain; charset=utf-16", False),
        (b"Content-Type: text/plain; charset=utf-8; charset=utf-7", False),
        (b"Content-Type: multipart/mixed; boundary=b", False),
        (b"Content-Type: nonsense", False),
        (b"Content-Type: application/octet-stream", True),
    ],
)
def test_a_value_that_may_be_decoded_is_marked(header: bytes, plain: bool) -> None:
    form = read_multipart(_MULTIPART, [], _body(_NAME, header))

    assert form is not None
    assert form.plain is plain
    assert len(form.parts) == 1


def test_more_parts_than_any_form_has_are_no_answer() -> None:
    part = b"--XyZ\r\n" + _NAME + b"\r\n\r\n1\r\n"

    most = read_multipart(_MULTIPART, [], part * MAX_PARTS + b"--XyZ--")

    assert most is not None
    assert len(most.parts) == MAX_PARTS
    assert read_multipart(_MULTIPART, [], part * (MAX_PARTS + 1) + b"--XyZ--") is None


@pytest.mark.parametrize(
    "filling", [b"\r\n--Xy", b"\r\n-", b"\r", b"--", b"a", b"\r\n\r\n", b"--XyY"]
)
def test_a_large_value_takes_no_longer_than_reading_it(filling: bytes) -> None:
    value = filling * (2_000_000 // len(filling))
    began = time.process_time()

    form = read_multipart(_MULTIPART, [], _body(_NAME, value=value))

    assert form is not None
    assert form.parts[0].value == value
    # Measured: 20 ms at most; what is not linear takes minutes.
    assert time.process_time() - began < 2


def test_a_malformed_body_writes_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert read_multipart(_MULTIPART, [], _body(b"bad header: 1")) is None

    assert not caplog.records
