# SPDX-License-Identifier: Apache-2.0
"""The format of a saved export, and what is wrong with one that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.errors import PolicyError
from authz.sources import cloudflare_document
from authz.sources.cloudflare_document import (
    FORMAT,
    AccountObject,
    ExportDocument,
    NamedObject,
    ZoneObject,
    read_export,
    write_export,
)

TWO = ExportDocument(
    accounts=[AccountObject(id="a"), AccountObject(id="b")],
    zones=[
        ZoneObject(id="1", name="one.example", account=NamedObject(id="a")),
        ZoneObject(id="2", name="Two.example", account=NamedObject(id="b")),
    ],
)


def error_of(data: bytes) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        read_export(data, "export.json")
    return caught.value


def _export(**more: Any) -> bytes:
    return json.dumps({"format": FORMAT, "version": 1, **more}).encode()


def test_what_is_empty_is_left_out() -> None:
    assert json.loads(write_export(ExportDocument(zones=[ZoneObject(id="1", name="a.b")]))) == {
        "format": FORMAT,
        "version": 1,
        "zones": [{"id": "1", "name": "a.b", "account": {}}],
    }


def test_what_means_nothing_here_is_left_out() -> None:
    data = _export(zones=[{"id": "1", "name": "a.b", "name_servers": ["ns"]}])

    assert read_export(data, "f").zones == [ZoneObject(id="1", name="a.b")]


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"format": "other"}'])
def test_another_file_is_no_export(data: bytes) -> None:
    error = error_of(data)

    assert (error.message, error.where) == ("is no saved export", "export.json")


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_said(data: bytes) -> None:
    assert error_of(data).message.startswith("is not JSON: ")


def test_problems_are_named_by_their_place_all_of_them() -> None:
    error = error_of(_export(zones=[{"id": "1"}], accounts=[{"id": 7}]))

    told = [str(one) for one in (error, *error.others)]
    assert told == [
        "export.json: accounts[0].id: expected text, not the number 7",
        'export.json: zones[0].name: the key "name" is missing',
    ]


def test_a_later_format_is_refused() -> None:
    assert error_of(_export(version=2)).where == "export.json: version"


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudflare_document, "MAX_FILE_BYTES", 10)

    assert error_of(_export()).message.startswith("has ")


def test_zones_are_chosen_by_name_or_identifier_with_their_accounts() -> None:
    assert TWO.only([]) is TWO
    assert [one.id for one in TWO.only(["two.EXAMPLE."]).zones] == ["2"]
    assert [one.id for one in TWO.only(["1"]).accounts] == ["a"]
    with pytest.raises(PolicyError) as caught:
        TWO.only(["three.example"])
    assert caught.value.hint == "there are: one.example, Two.example"


def test_a_zone_whose_account_was_not_read_has_an_empty_one() -> None:
    zone = ZoneObject(id="3", name="c.d", account=NamedObject(id="c"))

    assert TWO.account_of(zone) == AccountObject(id="c")
    assert TWO.account_of(TWO.zones[1]) == AccountObject(id="b")
