# SPDX-License-Identifier: Apache-2.0
"""The fields of the request body, and when they are unknown (architecture 4.9).

Envoy forwards a body only with `with_request_body`, and as far as its limit. Taking it apart is in
bodies and sniffing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy import targets
from authz.policy.bodies import NO_PARTS, Multipart, Part, read_form, read_multipart
from authz.policy.catalogue import STRING_MAP, STRINGS, Entry, Producer, entry
from authz.policy.sniffing import sniff
from authz.rules import Array, Bool, Bytes, Int

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.values import RequestValues

_PREFIX = "http.request.body."
_SOURCE = "needs `with_request_body` of ext_authz, best with `pack_as_bytes: true`"


def form_of(values: RequestValues) -> targets.Pairs | None:
    """The form in the body; None when it can be read in several ways."""
    types, encodings = (
        values.header_lines(b"content-type"),
        values.header_lines(b"content-encoding"),
    )
    return read_form(types, encodings, values.facts.body)


def multipart_of(values: RequestValues) -> Multipart | None:
    """The multipart form in the body; None when it can be read in several ways."""
    types, encodings = (
        values.header_lines(b"content-type"),
        values.header_lines(b"content-encoding"),
    )
    return read_multipart(types, encodings, values.facts.body)


def _form(values: RequestValues) -> targets.Pairs:
    return values.once(form_of) or ()


def _parts(values: RequestValues) -> tuple[Part, ...]:
    return (values.once(multipart_of) or NO_PARTS).parts


def _of_each(read: Callable[[Part], bytes | None]) -> Producer:
    """Cloudflare's shape: a list for each part, with what it has of this and else empty."""

    def produce(values: RequestValues) -> tuple[tuple[bytes, ...], ...]:
        return tuple(() if (found := read(part)) is None else (found,) for part in _parts(values))

    return produce


def _row(name: str, produce: Producer, doc: str) -> Entry:
    return entry(_PREFIX + name, Array(STRINGS), produce, doc, _SOURCE)


CATALOGUE: tuple[Entry, ...] = (
    entry(
        _PREFIX + "raw",
        Bytes,
        lambda v: v.facts.body,
        "The body as far as Envoy sent it.",
        _SOURCE,
    ),
    entry(
        _PREFIX + "size",
        Int,
        lambda v: max(v.facts.body_size, len(v.facts.body)),
        "Bytes of the body; may be more than `http.request.body.raw` has.",
        "`content-length`, or what was forwarded",
    ),
    entry(
        _PREFIX + "truncated",
        Bool,
        lambda v: v.facts.body_truncated,
        "True when the body is incomplete, or there is one that Envoy did not forward.",
        "`x-envoy-auth-partial-body`, and `content-length` against what was forwarded",
    ),
    entry(
        _PREFIX + "form",
        STRING_MAP,
        lambda v: targets.grouped(_form(v)),
        "Values by name of an `application/x-www-form-urlencoded` body, not decoded.",
        _SOURCE,
    ),
    entry(
        _PREFIX + "form.names",
        STRINGS,
        lambda v: tuple(name for name, _ in _form(v)),
        "Names in the order of the form.",
        _SOURCE,
    ),
    entry(
        _PREFIX + "form.values",
        STRINGS,
        lambda v: tuple(value for _, value in _form(v)),
        "Values in the order of the form.",
        _SOURCE,
    ),
    entry(
        _PREFIX + "multipart",
        STRING_MAP,
        lambda v: targets.grouped(tuple((part.name, part.value) for part in _parts(v))),
        "Values by name of a `multipart/form-data` body.",
        _SOURCE,
    ),
    _row("multipart.names", _of_each(lambda part: part.name), "The name of each part."),
    entry(
        _PREFIX + "multipart.values",
        STRINGS,
        lambda v: tuple(part.value for part in _parts(v)),
        "The value of each part.",
        _SOURCE,
    ),
    _row(
        "multipart.content_types",
        _of_each(lambda part: part.content_type),
        "The Content-Type of each part.",
    ),
    _row(
        "multipart.content_dispositions",
        _of_each(lambda part: part.disposition),
        "The Content-Disposition of each part.",
    ),
    _row(
        "multipart.content_transfer_encodings",
        _of_each(lambda part: part.transfer_encoding),
        "The Content-Transfer-Encoding of each part.",
    ),
    _row(
        "multipart.filenames", _of_each(lambda part: part.filename), "The file name of each part."
    ),
    entry(
        _PREFIX + "mime",
        Bytes,
        lambda v: sniff(v.facts.body),
        "MIME type by the content of the body (WHATWG MIME Sniffing), whatever its header says.",
        _SOURCE,
    ),
)

SIZE: Final = _PREFIX + "size"
TRUNCATED: Final = _PREFIX + "truncated"
FORM_FIELDS: Final = frozenset(_PREFIX + name for name in ("form", "form.names", "form.values"))
MULTIPART_VALUES: Final = frozenset((_PREFIX + "multipart", _PREFIX + "multipart.values"))
MULTIPART_FIELDS: Final = frozenset(
    row.field.name for row in CATALOGUE if row.field.name.startswith(_PREFIX + "multipart")
)
EVERY_BODY_FIELD: Final = frozenset(row.field.name for row in CATALOGUE)
#: What depends on all bytes of the body.
BODY_FIELDS: Final = EVERY_BODY_FIELD - {SIZE, TRUNCATED}
