# SPDX-License-Identifier: Apache-2.0
"""The other side of test_wire_compatibility: runs in .venv-xds, where Envoy's full API set is.

JSON lines in, JSON lines out:

    {"describe": NAME}            -> {"fields": [...]}, as in wire_fields.describe
    {"name": NAME, "data": HEX}   -> {"data": HEX, "json": {...}}: parsed and written again
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2  # noqa: F401 - fills the pool
from envoy.service.auth.v3 import external_auth_pb2  # noqa: F401 - fills the pool
from envoy.service.secret.v3 import sds_pb2  # noqa: F401 - fills the pool
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_health.v1 import health_pb2  # noqa: F401 - fills the pool

sys.path.insert(0, str(Path(__file__).parent))
from wire_fields import describe


def answer(ask: dict[str, str]) -> dict[str, object]:
    pool = descriptor_pool.Default()
    if "describe" in ask:
        return {"fields": describe(pool.FindMessageTypeByName(ask["describe"]))}
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(ask["name"]))
    message = kind.FromString(bytes.fromhex(ask["data"]))
    return {
        "data": message.SerializeToString(deterministic=True).hex(),
        "json": json_format.MessageToDict(message),
        "unknown": unknown(message),
    }


def unknown(message) -> int:
    """How many fields anywhere in it this side does not know."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    found = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            value_field = field.message_type.fields_by_name["value"]
            values = value.values() if value_field.message_type else ()
        else:
            values = value if field.is_repeated else (value,)
        found += sum(map(unknown, values))
    return found


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
