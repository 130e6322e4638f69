# SPDX-License-Identifier: Apache-2.0
"""A model as bytes and sections. Whole models of every kind are in test_snapshot_file."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from authz.certs.authority import AuthorityModel, OcspStatus, RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.serials import pack_serials
from authz.node.snapshot_model import Change, decode_model, decode_sources, encode_model
from authz.policy.model import PolicyModel, SiteModel
from tests.factories.pki import root
from tests.factories.policies import rule

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


def test_sites_that_share_their_rules_share_them_afterwards_and_take_no_more_bytes() -> None:
    rules = tuple(rule(ref=f"r{number}") for number in range(50))
    sites = [SiteModel(name=f"s{n}", hosts=(f"h{n}",), rules=rules) for n in range(20)]
    other = SiteModel(name="o", hosts=("*",), rules=rules[:1])
    whole = PolicyModel(sites=(*sites, other))

    data, _ = encode_model(whole)
    read = decode_model(data, {})

    assert read == whole
    assert len({id(site.rules) for site in read.sites}) == 2
    assert len(data) < 2 * len(encode_model(PolicyModel(sites=tuple(sites[:1])))[0])


@pytest.mark.parametrize("rules_of", [[], [7]])
def test_rules_that_are_missing_are_an_error(rules_of: list[int]) -> None:
    data, _ = encode_model(model())
    body = msgspec.msgpack.decode(data)

    with pytest.raises(LookupError):
        decode_model(msgspec.msgpack.encode(body | {"rules_of": rules_of}), {})


def test_a_section_that_is_missing_is_an_error() -> None:
    data, _ = encode_model(model(AuthorityModel(name="a", certificates=(), revoked_base=BASE)))

    with pytest.raises(LookupError):
        decode_model(data, {})


def test_a_change_of_no_authority_is_an_error() -> None:
    data, _ = encode_model(model())
    body = msgspec.msgpack.decode(data)
    change = Change(authority=7, revoked=(b"\1",), restored=())
    broken = msgspec.msgpack.encode(body | {"changes": [change]})

    with pytest.raises(LookupError):
        decode_model(broken, {})


def test_other_bytes_are_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_model(b"\x00", {})


def test_what_ocsp_said_and_where_crls_are_survives() -> None:
    status = OcspStatus(
        issuer=b"i" * 32, serial=(2**159 + 1).to_bytes(20), revoked=True, this_update=1.5, until=2.5
    )
    whole = model(
        AuthorityModel(
            name="a",
            certificates=(b"c",),
            crl_urls=("http://crl.example/1",),
            ocsp="certificate",
            ocsp_statuses=(status,),
        )
    )

    data, sections = encode_model(whole)

    assert decode_model(data, {one.sha256: one for one in sections}) == whole


def test_the_part_that_a_crl_is_for_survives() -> None:
    crl = read_crl(root().crl().der, [Certificate.from_der(root().der)], where="")
    whole = model(
        AuthorityModel(
            name="a", certificates=(b"c",), read_crls=(replace(crl, points=("URI:http://a/",)),)
        )
    )

    data, sections = encode_model(whole)

    assert decode_model(data, {one.sha256: one for one in sections}) == whole


def test_what_there_is_to_fetch_is_read_without_anything_else() -> None:
    acme = AuthorityModel(
        name="a",
        certificates=(b"c",),
        crl_urls=("http://crl.example/1", "certificate"),
        ocsp="certificate",
        revocation=RevocationMode.SOFT,
    )
    large = replace(
        acme,
        crls=(b"crl",),
        revoked_serials=(2**159,),
        revoked_base=pack_serials([1, 2]),
        where="policy.yaml:1",
    )
    whole = PolicyModel(
        sites=(
            SiteModel(name="api", hosts=("*",), trust=(large,), scope="store"),
            SiteModel(name="none", hosts=("a",)),
        )
    )

    data, _ = encode_model(whole)

    assert decode_sources(data) == PolicyModel(
        sites=(
            SiteModel(name="api", hosts=(), trust=(acme,), scope="store"),
            SiteModel(name="none", hosts=()),
        )
    )
    with pytest.raises(msgspec.MsgspecError):
        decode_sources(b"\x00")
