# SPDX-License-Identifier: Apache-2.0
"""Records do not show what is nobody's business."""

from __future__ import annotations

from authz.store.records import serial_text
from tests.factories.stored import key


def test_a_serial_number_as_text() -> None:
    assert serial_text(0x0A1B) == "A1B"
    assert serial_text((1 << 160) - 1) == "F" * 40


def test_a_key_does_not_show_its_record() -> None:
    shown = repr(key("secret"))

    assert "secret" not in shown
    assert "ecdsa-p256" in shown
