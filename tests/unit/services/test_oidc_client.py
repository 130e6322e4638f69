# SPDX-License-Identifier: Apache-2.0
"""One attempt to sign in, and the answer to it."""

from __future__ import annotations

import pytest

from authz.errors import UnauthenticatedError
from authz.services.oidc_client import Flow


def test_the_answer_to_an_attempt_has_its_state() -> None:
    flow = Flow.of("secret")

    flow.check(Flow.of("secret").state)
    for other in ("", Flow.of("other").state, flow.state[:-1], flow.nonce, "é", "\ud800"):
        with pytest.raises(UnauthenticatedError, match="not the answer"):
            flow.check(other)
