# SPDX-License-Identifier: Apache-2.0
"""What a page of the documentation tells people to write."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from authz.settings import Settings
from tests.factories.page_blocks import ROOT, texts_of

DOCS = ROOT / "docs"


def fenced(page: str, language: str) -> list[str]:
    """The fenced blocks of one language on `docs/PAGE`, in order."""
    return texts_of(DOCS / page, language)


class WorkersForm(NamedTuple):
    """One way to reach several workers (how-to/several-workers.md): authz.yaml and a cluster."""

    name: str
    settings: Settings
    cluster: str


def workers_forms() -> list[WorkersForm]:
    """Both forms, as the page shows them."""
    own, own_cluster, shared, shared_cluster = fenced("how-to/several-workers.md", "yaml")
    return [
        WorkersForm(name, Settings.model_validate(yaml.safe_load(settings)), cluster)
        for name, settings, cluster in (
            ("own_ports", own, own_cluster),
            ("shared_port", shared, shared_cluster),
        )
    ]
