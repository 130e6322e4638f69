# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.dashboard.field_labels import LABELS, section_of
from authz.policy.fields import SCHEME


def test_labels_are_of_fields() -> None:
    assert set(LABELS) <= set(SCHEME.fields)
    assert len(set(LABELS.values())) == len(LABELS)


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("cf.tls_client_auth.cert_verified", "Client certificate"),
        ("http.request.uri.path", "Request"),
        ("http.request.body.raw", "Body"),
        ("ip.src", "Connection"),
        ("ip.src.country", "Place"),
        ("cf.ray_id", "Other"),
    ],
)
def test_where_people_look_for_a_field(name: str, section: str) -> None:
    assert section_of(name) == section
