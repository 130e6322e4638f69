# SPDX-License-Identifier: Apache-2.0
"""Whether the secret of the settings opens the private keys of the store."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from authz.cli.doctor.findings import Finding
from authz.cli.options import has_store
from authz.cli.stores import encryption_for
from authz.errors import AuthzError, KeyUnavailableError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.settings import Settings


def look(settings: Settings) -> Iterator[Finding]:
    """Findings about private keys; none where there is no store, or none that can be read."""
    from authz.services.keys import opened
    from authz.store.engine import open_store

    if not has_store(settings):
        return
    try:
        with closing(open_store(settings.database, settings.data_dir, create=False)) as store:
            with store.read() as session:
                keys = session.authorities.keys()
            if not keys:
                return
            encryption = encryption_for(settings, store)
    except StoreError:
        return  # `installation` says so
    except AuthzError as error:
        yield Finding(
            id="keys",
            where=error.where or "keys",
            what=f"private keys cannot be opened: {error.message}",
            do=error.hint or "configure the secret that they were encrypted with",
        )
        return
    for key in keys:
        try:
            opened(key, encryption)
        except KeyUnavailableError as error:
            yield Finding(
                id="keys",
                where=f"key {key.id}",
                what=f"{error.message}: its authority can sign nothing",
                do=error.hint or "configure the secret that it was encrypted with",
            )
