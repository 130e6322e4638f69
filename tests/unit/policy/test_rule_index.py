# SPDX-License-Identifier: Apache-2.0
"""Which rules an index finds, what it reads for that, and when there is none."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from authz.certs.presented import ABSENT
from authz.policy import rule_index
from authz.policy.client import identify
from authz.policy.fields import SCHEME, field_values
from authz.policy.rule_index import INDEXED, RuleIndex, index_of
from authz.rules import Bytes, Int, Ip, parse
from tests.factories.pki import AT
from tests.factories.policies import facts, snapshot
from tests.factories.selective import LISTS


class Values(dict[str, Any]):
    """Field values that remember what was read."""

    def __init__(
        self, host: bytes = b"", path: bytes = b"/", method: bytes = b"GET", port: int = 443
    ) -> None:
        super().__init__(
            {
                "http.host": host,
                "http.request.uri.path": path,
                "http.request.method": method,
                "cf.edge.server_port": port,
            }
        )
        self.read: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.read.append(name)
        return super().__getitem__(name)


def _index(*sources: str, fewest: int | None = None) -> RuleIndex | None:
    expressions = [parse(source, SCHEME, LISTS) for source in sources]
    return index_of(expressions) if fewest is None else index_of(expressions, fewest)


def _candidates(index: RuleIndex | None, **request: Any) -> tuple[int, ...]:
    assert index is not None
    return tuple(index.candidates(Values(**request)))


def _hosts(number: int) -> list[str]:
    return [f'http.host in {{"h{n}" "g{n}"}} and ssl' for n in range(number)]


def test_a_thousand_rules_of_as_many_hosts_have_one_candidate() -> None:
    index = _index(*_hosts(1000))

    assert _candidates(index, host=b"h500") == (500,)
    assert _candidates(index, host=b"other") == ()


def test_rules_that_need_nothing_are_always_candidates_in_their_place() -> None:
    index = _index("ssl", *_hosts(8), "not ssl")

    assert _candidates(index, host=b"h3") == (0, 4, 9)
    assert _candidates(index, host=b"other") == (0, 9)


def test_a_rule_that_is_never_true_is_no_candidate() -> None:
    index = _index("false", *_hosts(8), "http.host in {} and ssl", 'http.host eq "h0"')

    assert _candidates(index, host=b"h0") == (1, 10)


def test_few_rules_have_no_index() -> None:
    assert _index() is None
    assert _index(*_hosts(7)) is None
    assert _index(*_hosts(8)) is not None


def test_rules_of_which_few_need_anything_have_no_index() -> None:
    assert _index(*_hosts(7), *["ssl"] * 100) is None


def test_a_field_that_few_rules_need_is_not_read_for_them() -> None:
    index = _index(*_hosts(8), *[f"cf.edge.server_port eq {n}" for n in range(3)])
    values = Values(host=b"h1")
    assert index is not None

    assert index.candidates(values) == (1, 8, 9, 10)
    assert values.read == ["http.host"]


def test_a_rule_is_found_by_what_is_not_the_same_for_all() -> None:
    """A site whose rules all repeat its host, and all the method."""
    index = _index(
        *[
            f'http.host eq "h" and http.request.uri.path eq "/{n}" and http.request.method eq "GET"'
            for n in range(100)
        ]
    )
    values = Values(path=b"/7")
    assert index is not None

    assert index.candidates(values) == (7,)
    assert values.read == ["http.request.uri.path"]


def test_a_crowd_is_told_apart_by_another_field() -> None:
    grid = [
        f'http.host eq "h{host}" and http.request.uri.path eq "/{path}"'
        for host in range(30)
        for path in range(30)
    ]
    index = _index(*grid, "ssl")

    assert _candidates(index, host=b"h3", path=b"/4") == (94, 900)
    assert _candidates(index, host=b"h3", path=b"/") == (900,)


def test_a_further_look_up_reads_its_field_only_in_the_crowd() -> None:
    index = _index(
        *_hosts(8),
        *[f'http.host eq "h" and http.request.uri.path eq "/{n}"' for n in range(5)],
        *[f'http.host eq "i" and http.request.uri.path eq "/{n}"' for n in range(5)],
    )
    values = Values(host=b"h2", path=b"/")
    assert index is not None

    assert index.candidates(values) == (2,)
    assert values.read == ["http.host"]


def test_a_crowd_that_needs_nothing_else_is_looked_up_once() -> None:
    index = _index(*[f'http.host eq "h" and http.user_agent eq "{n}"' for n in range(20)])
    values = Values(host=b"h")
    assert index is not None

    assert index.candidates(values) == tuple(range(20))
    assert values.read == ["http.host"]


def test_an_address_is_read_only_where_nothing_else_will_do() -> None:
    both = [f'ip.src eq 10.0.0.{n} and http.host eq "h{n}"' for n in range(10)]
    values = Values(host=b"h1")
    index = _index(*both)
    assert index is not None

    assert index.candidates(values) == (1,)
    assert values.read == ["http.host"]


def test_rules_of_several_fields_are_merged_in_order_and_once() -> None:
    index = _index(
        *_hosts(4),
        *[f"cf.edge.server_port eq {n}" for n in range(4)],
        "ssl",
        *[f'http.host eq "h{n}" or cf.edge.server_port eq {n}' for n in range(4)],
        *[f'http.request.uri.path eq "/{n}"' for n in range(4)],
    )

    assert _candidates(index, host=b"h1", port=1) == (1, 5, 8, 10)
    assert _candidates(index, host=b"h1", port=2) == (1, 6, 8, 10, 11)
    assert _candidates(index, host=b"h1", port=2, path=b"/3") == (1, 6, 8, 10, 11, 16)


def test_one_test_serves_all_rules_of_a_list() -> None:
    index = _index(
        *[f'http.host in $names and http.user_agent eq "{n}"' for n in range(8)],
        *[f'http.request.method in $words and http.user_agent eq "{n}"' for n in range(8)],
    )

    assert _candidates(index, host=b"x.b", method=b"GET") == tuple(range(8))
    assert _candidates(index, host=b"b", method=b"a") == tuple(range(8, 16))
    assert _candidates(index, host=b"b", method=b"GET") == ()


def test_too_many_merges_are_made_when_they_are_asked_for() -> None:
    with patch.object(rule_index, "_MOST_MERGED", 0):
        index = _index("ssl", *_hosts(8), "not ssl")

    assert _candidates(index, host=b"h3") == (0, 4, 9)
    assert _candidates(index, host=b"other") == (0, 9)


def test_rules_of_many_constants_are_not_looked_at_for_ever() -> None:
    """Every constant has another crowd of its own."""
    sources = [
        "http.request.uri.path in {{{}}} and http.host in {{{}}}".format(
            " ".join(f'"/{(n * 7 + m * m) % 101}"' for m in range(40)),
            " ".join(f'"h{(n * 5 + m * m) % 103}"' for m in range(40)),
        )
        for n in range(200)
    ]
    with patch.object(rule_index, "_chosen", wraps=rule_index._chosen) as looked:
        index = _index(*sources)

    assert looked.call_count > 10
    assert sum(len(call.args[0]) for call in looked.call_args_list) <= 9 * len(sources)
    expressions = [parse(source, SCHEME, LISTS) for source in sources]
    for number in range(0, 101, 10):
        host, path = f"h{number}", f"/{number}"
        found = _candidates(index, host=host.encode(), path=path.encode())
        needed = [
            position
            for position, one in enumerate(expressions)
            if f'"{host}"' in one.source and f'"{path}"' in one.source
        ]
        assert set(needed) <= set(found)
        assert len(found) < len(sources)


def test_a_client_may_choose_any_value_of_any_indexed_field() -> None:
    """Reading a field for the index may not fail where no rule would have read it."""
    bare = facts(host=b"\xff", path=b"", method=b"", sni=None, source_address="nonsense")
    trust = snapshot().sites[0].trust
    values = field_values(bare, identify(ABSENT, trust, AT), "api", b"", AT)

    for name in INDEXED:
        assert isinstance(values[name], bytes | int) or SCHEME.fields[name].type == Ip


@pytest.mark.parametrize("name", sorted(INDEXED))
def test_an_indexed_field_exists_and_is_simple(name: str) -> None:
    assert SCHEME.fields[name].type in (Bytes, Int, Ip)
