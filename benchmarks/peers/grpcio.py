# SPDX-License-Identifier: Apache-2.0
"""Allows every check over grpcio, each parsed and each answer made, as generated code does it.

python benchmarks/peers/grpcio.py
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

import grpc

from authz.extauthz.transport import CHECK
from authz.pb.core_pb2 import Status
from authz.pb.ext_authz_pb2 import CheckRequest, CheckResponse, OkHttpResponse


def _allow(_: CheckRequest, __: Any) -> CheckResponse:
    return CheckResponse(status=Status(), ok_response=OkHttpResponse())


def main() -> None:
    """Serve until stopped."""
    # One thread, as ours: more would only switch between each other on the interpreter lock.
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    service, _, method = CHECK.strip("/").rpartition("/")
    handler = grpc.unary_unary_rpc_method_handler(
        _allow,
        request_deserializer=CheckRequest.FromString,
        response_serializer=CheckResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
