# SPDX-License-Identifier: Apache-2.0
"""Under which addresses the embedded CA publishes."""

from __future__ import annotations

from authz.services.publication_urls import delta_crl_url, urls_for

BASE = "http://pki.example.com"


def test_addresses() -> None:
    urls = urls_for(BASE, "abc")

    assert urls is not None
    assert urls.crl == ("http://pki.example.com/crl/abc.crl",)
    assert urls.issuer == ("http://pki.example.com/ca/abc.crt",)
    assert urls.ocsp == ("http://pki.example.com/ocsp",)
    assert delta_crl_url(BASE, "abc") == "http://pki.example.com/crl/abc-delta.crl"


def test_nothing_is_published() -> None:
    assert urls_for(None, "abc") is None
