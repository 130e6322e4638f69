# SPDX-License-Identifier: Apache-2.0
"""CheckRequests that no Envoy sends (messages.yaml), and what no answer may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import Parse

from authz.pb.ext_authz_pb2 import CheckRequest
from tests.attack.corpus import messages
from tests.attack.report import tried

if TYPE_CHECKING:
    from tests.attack.judge import Judge

pytestmark = pytest.mark.attack


def test_what_is_no_request_is_denied(judges: dict[str, Judge]) -> None:
    """With a status, a denial and a reason: no status is an allow to Envoy, and so is an error to
    one with failure_mode_allow."""
    wrong = []
    for case in messages():
        request = Parse(json.dumps(case["request"]), CheckRequest()).SerializeToString()
        judged = judges["peer"].check(request)
        if judged.said != case["said"] or judged.allowed:
            wrong.append(f"{case['id']}: {judged.said}, not {case['said']}")
        answer = judged.response
        assert answer.HasField("denied_response")
        assert answer.status.code in (7, 16)
        assert answer.denied_response.status.code >= 400
    tried("corpus", "messages", len(messages()), wrong=len(wrong))
    assert wrong == []
