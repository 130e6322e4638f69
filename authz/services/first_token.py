# SPDX-License-Identifier: Apache-2.0
"""The first token, for whoever installs the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.engine import Store


def first_token(store: Store, data_dir: Path, *, at: float) -> Path | None:  # noqa: ARG001 - none is made yet
    """Make the first token; where it is, or None when the store has, or had, tokens already.

    Raises:
        SettingsError: it cannot be written.
        StoreUnavailableError: the store cannot be read or written to.
    """
    return None
