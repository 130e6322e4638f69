# SPDX-License-Identifier: Apache-2.0
"""What the pod of `helm test` asks: is it ready, does it decide, is the API there.

Standard library only: it runs beside the service in any image with Python. Exit status 0 or 1.
"""

from __future__ import annotations

import argparse
import http.client
import re
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 10.0


def get(url: str, headers: dict[str, str] | None = None, ca: str | None = None) -> tuple[int, str]:
    """Status and body of one GET."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        # Without the authority beside the certificate, those of the system count.
        cafile = ca if ca is not None and Path(ca).exists() else None
        context = ssl.create_default_context(cafile=cafile)
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    try:
        connection.request("GET", parts.path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def through_envoy(address: str) -> int:
    """The status that a client without a certificate gets; nothing secret is sent."""
    context = ssl.create_default_context()
    # Whose name is on Envoy's certificate is not known here, and not what is asked.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=SECONDS, context=context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def troubles(given: argparse.Namespace) -> list[str]:
    """What is not as it should be."""
    found = []
    status, why = get(f"{given.metrics}/readyz")
    if status != 200:
        found.append(f"/readyz says {status}: {why.strip()}")
    metrics = get(f"{given.metrics}/metrics")[1]
    # With several workers, each says what it answers by.
    generation = re.search(r"^authz_snapshot_generation(?:{[^}]*})? (\S+)$", metrics, re.MULTILINE)
    if generation is None or float(generation[1]) < 1:
        found.append("no policy is in force: authz_snapshot_generation is not 1 or more")
    if given.envoy and (status := through_envoy(given.envoy)) == 503:
        found.append("Envoy answers 503: it does not reach the authorizer, or the application")
    if given.admin:
        token = Path(given.token).read_text(encoding="ascii").strip()
        status, _ = get(
            f"{given.admin}/client/v4/user/tokens/verify",
            {"Authorization": f"Bearer {token}"},
            given.ca,
        )
        if status != 200:
            found.append(f"the API does not take the token: {status}")
    return found


def main() -> int:
    """Ask, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", required=True)
    parser.add_argument("--envoy")
    parser.add_argument("--admin")
    parser.add_argument("--token")
    parser.add_argument("--ca")
    try:
        found = troubles(parser.parse_args())
    except OSError as error:
        found = [f"no answer: {error}"]
    sys.stdout.write("".join(f"{one}\n" for one in found or ["it is ready and decides"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
