# SPDX-License-Identifier: Apache-2.0
"""What serving bundles loads: the control process is kept small."""

from __future__ import annotations

import subprocess
import sys

_SERVE = """
import sys
from authz.sds.material import Bundle, Site, TrustMaterial
from authz.sds.server import SdsServer
from authz.settings.addresses import ListenAddress

material = TrustMaterial(
    certificates=(b"DER",),
    bundles=(Bundle(certificates=(0,), crls=()),),
    sites=(Site(name="api", bundle=0),),
)
server = SdsServer(ListenAddress(host="127.0.0.1", port=0))
server.start()
server.publish(TrustMaterial.decode(material.encode()), 1)
server.stop(0)
print(" ".join(sorted({"cryptography", "pydantic", "prometheus_client"} & set(sys.modules))))
"""


def test_serving_without_crls_needs_no_cryptography() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SERVE], capture_output=True, text=True, timeout=60, check=True
    )

    assert (done.stdout, done.stderr) == ("\n", "")
