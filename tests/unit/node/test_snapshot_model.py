# SPDX-License-Identifier: Apache-2.0
"""A model as bytes and sections. Whole models of every kind are in test_snapshot_file."""

from __future__ import annotations

import msgspec
import pytest

from authz.certs.authority import AuthorityModel
from authz.certs.serials import pack_serials
from authz.node.snapshot_model import Change, decode_model, encode_model
from authz.policy.model import PolicyModel, SiteModel

BASE = pack_serials([1, 2])


def model(*authorities: AuthorityModel) -> PolicyModel:
    return PolicyModel(sites=(SiteModel(name="a", hosts=("*",), trust=authorities),))


def test_a_section_of_several_authorities_is_named_once() -> None:
    whole = model(
        AuthorityModel(name="a", certificates=(), revoked_base=BASE),
        AuthorityModel(name="b", certificates=(), revoked_base=BASE, revoked_serials=(2**159,)),
    )

    data, sections = encode_model(whole)

    assert sections == [BASE]
    assert decode_model(data, {BASE.sha256: BASE}) == whole


def test_a_section_that_is_missing_is_an_error() -> None:
    data, _ = encode_model(model(AuthorityModel(name="a", certificates=(), revoked_base=BASE)))

    with pytest.raises(LookupError):
        decode_model(data, {})


def test_a_change_of_no_authority_is_an_error() -> None:
    data, _ = encode_model(model())
    body = msgspec.msgpack.decode(data)
    change = Change(site=0, authority=0, revoked=(b"\1",), restored=())
    broken = msgspec.msgpack.encode(body | {"changes": [change]})

    with pytest.raises(LookupError):
        decode_model(broken, {})


def test_other_bytes_are_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_model(b"\x00", {})
