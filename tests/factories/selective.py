# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for rules as people write many of them: a few equalities each.

The general expressions (expressions.py) rarely need one value of one field, which is what an index
lives on. The constants are those of the values there, so that they meet.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from authz.rules.lists import ListKind, ListModel, NamedList, compile_list
from tests.factories.expressions import conditions

LISTS: Final[dict[str, NamedList]] = {
    model.name: compile_list(model)
    for model in (
        ListModel(name="nets", kind=ListKind.IP, items=("10.0.0.0/8", "2001:db8::/32")),
        ListModel(name="words", kind=ListKind.STRING, items=("a", "aB", "")),
        ListModel(name="names", kind=ListKind.HOSTNAME, items=("a", "*.b")),
        ListModel(name="ports", kind=ListKind.INTEGER, items=("443", "1")),
    )
}

_TEXTS: Final = ("a", "A", "ab", "aB", "ba", "a.b", "")
_text = st.sampled_from(_TEXTS).map('"{}"'.format)
_affix = st.sampled_from(_TEXTS[:-1]).map('"{}"'.format)
_text_items = st.lists(_text, max_size=3).map(lambda items: "{" + " ".join(items) + "}")
_number_items = st.lists(
    st.sampled_from(["0", "1", "443", "0..3", "2..10", "1..9999"]), max_size=3
).map(lambda items: "{" + " ".join(items) + "}")
_address_items = st.lists(
    st.sampled_from(["10.0.0.1", "10.0.0.0/30", "10/8", "::", "2001:db8::/126", "10.0.0.8/29"]),
    max_size=3,
).map(lambda items: "{" + " ".join(items) + "}")
_fields = st.sampled_from(
    [
        "http.host",
        "http.request.method",
        "http.request.uri.path",
        "cf.tls_client_auth.cert_serial",
        "cf.tls_client_auth.cert_fingerprint_sha256",
        "http.user_agent",
    ]
)
_sources = st.one_of(
    _fields,
    _fields,
    st.builds("{}({})".format, st.sampled_from(["lower", "upper"]), _fields),
    st.builds("lower(upper({}))".format, _fields),
)
_atoms = st.one_of(
    st.builds("{} {} {}".format, _sources, st.sampled_from(["eq", "eq", "ne", "gt"]), _text),
    st.builds("{} in {}".format, _sources, _text_items),
    st.builds("{} in ${}".format, _sources, st.sampled_from(["words", "names"])),
    st.builds(
        "{} {} {}".format,
        _sources,
        st.sampled_from(["wildcard", "strict wildcard"]),
        st.sampled_from(['"a"', '"A*"', '"*B"', '"a*b"', '"*"']),
    ),
    st.builds("{}({}, {})".format, st.sampled_from(["starts_with", "ends_with"]), _sources, _affix),
    st.builds(
        "cf.edge.server_port {} {}".format,
        st.sampled_from(["eq", "ne", "le"]),
        st.sampled_from(["0", "1", "443"]),
    ),
    st.builds("cf.edge.server_port in {}".format, st.just("$ports") | _number_items),
    st.builds(
        "ip.src {} {}".format,
        st.sampled_from(["eq", "ne"]),
        st.sampled_from(["10.0.0.1", "::", "2001:db8::1"]),
    ),
    st.builds("ip.src in {}".format, st.just("$nets") | _address_items),
    st.just("ssl"),
    st.just("cf.tls_client_auth.cert_verified"),
)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # A run of several operators without parentheses is read by their precedence.
    return st.one_of(
        st.builds("not ({})".format, parts),
        st.builds("({} and {})".format, parts, parts),
        st.builds("({} and {} and {})".format, parts, parts, parts),
        st.builds("({} or {})".format, parts, parts),
        st.builds("({} or {} and {})".format, parts, parts, parts),
        st.builds("({} xor {})".format, parts, parts),
    )


#: Conditions that mostly need something, and now and then any condition at all.
selective: Final = st.one_of(
    st.recursive(_atoms, _joined, max_leaves=6),
    st.recursive(_atoms, _joined, max_leaves=6),
    st.recursive(_atoms, _joined, max_leaves=6),
    conditions(depth=2),
)
