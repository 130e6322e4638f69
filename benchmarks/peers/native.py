# SPDX-License-Identifier: Apache-2.0
"""Allows every check over pygrpc-native's low-level loop; with --parse it reads each one first.

    python benchmarks/peers/native.py [--parse]

The loop that `authz serve` has, without anything in it: the least a Python service can do.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from pygrpc_native import NativeGrpcFront

from authz.extauthz.transport import CHECK
from authz.pb.core_pb2 import Status
from authz.pb.ext_authz_pb2 import CheckRequest, CheckResponse, OkHttpResponse


def main() -> None:
    """Serve until stopped."""
    front = NativeGrpcFront("127.0.0.1:0", [(CHECK, False)])
    front.start()
    print(f"listening 127.0.0.1:{front.bound_port}", flush=True)
    answer = CheckResponse(status=Status(), ok_response=OkHttpResponse()).SerializeToString()
    receive, respond, parse = front.recv_batch, front.respond, CheckRequest.FromString
    parsing = "--parse" in sys.argv[1:]
    while (events := receive(64)) is not None:
        for _, call_id, _, payload, _ in events:
            if parsing:
                parse(payload)
            respond(call_id, answer)


if __name__ == "__main__":
    main()
