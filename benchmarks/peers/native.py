# SPDX-License-Identifier: Apache-2.0
"""Allows every check over pygrpc-native's low-level loop; with --parse it reads each one first.

    python benchmarks/peers/native.py [--parse] [--io-threads N] [--details] [--answer FILE]

The loop that `authz serve` has, without anything in it: the least a Python service can do. With
--details every call comes with its deadline, which `authz serve` keeps; with --answer every answer
is the CheckResponse in a file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from pygrpc_native import NativeGrpcFront

from authz.extauthz.health import HEALTH_CHECK, SERVING
from authz.extauthz.transport import CHECK
from authz.pb.core_pb2 import Status
from authz.pb.ext_authz_pb2 import CheckRequest, CheckResponse, OkHttpResponse


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parse", action="store_true")
    parser.add_argument("--io-threads", type=int)
    parser.add_argument("--details", action="store_true")
    parser.add_argument("--answer", type=Path)
    options = parser.parse_args()
    # The library's own defaults unless asked otherwise: what somebody would write first.
    more: dict[str, Any] = {"io_threads": options.io_threads} if options.io_threads else {}
    # Health, because Envoy's cluster asks for it.
    methods = [(CHECK, False), (HEALTH_CHECK, False)]
    front = NativeGrpcFront("127.0.0.1:0", methods, call_details=options.details, **more)
    front.start()
    print(f"listening 127.0.0.1:{front.bound_port}", flush=True)
    answer = CheckResponse(status=Status(), ok_response=OkHttpResponse()).SerializeToString()
    if options.answer:
        answer = options.answer.read_bytes()
    receive = front.recv_batch_details if options.details else front.recv_batch
    respond, parse, parsing = front.respond, CheckRequest.FromString, options.parse
    while (events := receive(64)) is not None:
        for event in events:
            call_id, method, payload = event[1], event[2], event[3]
            if payload is None:
                continue  # The caller went away.
            if method:
                respond(call_id, SERVING)
                continue
            if parsing:
                parse(payload)
            respond(call_id, answer)


if __name__ == "__main__":
    main()
