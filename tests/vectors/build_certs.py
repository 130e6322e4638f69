# SPDX-License-Identifier: Apache-2.0
"""Makes tests/vectors/certs/*.json from the functions of the cases_*.py modules beside it.

python -m tests.vectors.build_certs
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.vectors.certificate_cases import CASES, Case, Pki

OUTPUT = Path(__file__).parent / "certs"
MODULES = ("cases_paths", "cases_profile", "cases_revocation", "cases_partition", "cases_ocsp")


def main() -> None:
    """Write one file a group."""
    for name, cases in documents().items():
        document = {"origin": "made by tests/vectors/build_certs.py", "cases": cases}
        text = json.dumps(document, indent=1, ensure_ascii=True)
        (OUTPUT / f"{name}.json").write_text(f"{text}\n")


def documents() -> dict[str, list[dict[str, Any]]]:
    """Every case, encoded, by group."""
    for module in MODULES:
        import_module(f"tests.vectors.{module}")
    groups: dict[str, list[dict[str, Any]]] = {}
    for identifier, description, clause, function in CASES:
        made = function(Pki(identifier))
        encoded = {"id": identifier, "description": description, "clause": clause, **_encode(made)}
        encoded["openssl"] = openssl_verdict(encoded) if made.openssl else None
        if made.differs:
            encoded["differs"] = made.differs
        groups.setdefault(identifier.partition("/")[0], []).append(encoded)
    return groups


def openssl_verdict(case: dict[str, Any]) -> str:
    """OK or FAIL, as `openssl verify` says of an encoded case."""
    if "ocsp" in case:
        return _openssl_ocsp_verdict(case)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        arguments = ["-purpose", "sslclient", "-partial_chain", "-attime", str(int(case["at"]))]
        files = {
            "-CAfile": case["trusted"],
            "-untrusted": case["intermediates"],
            "-CRLfile": case["crls"],
        }
        for option, pems in files.items():
            if pems:
                path = folder / option.strip("-")
                path.write_text("".join(pems))
                arguments += [option, str(path)]
        if case["crls"]:
            # All of a path means the anchor as well, and that is in no part of a split CRL.
            split = case["id"].startswith("partition/")
            which = "-crl_check" if split else "-crl_check_all"
            arguments += [which, "-use_deltas", "-extended_crl"]
        peer = folder / "peer"
        peer.write_text(case["peer"])
        done = subprocess.run(
            ["openssl", "verify", *arguments, str(peer)], capture_output=True, check=False
        )
    return "OK" if done.returncode == 0 else "FAIL"


def _openssl_ocsp_verdict(case: dict[str, Any]) -> str:
    """OK or FAIL, as `openssl ocsp` says of the answer of an encoded case.

    It looks at signature, responder and status; at times by the clock only, which is not asked.
    """
    (answer,) = case["ocsp"]
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "answer").write_bytes(base64.b64decode(answer))
        (folder / "peer").write_text(case["peer"])
        (folder / "issuer").write_text(case["trusted"][0])
        arguments = ["-respin", "answer", "-issuer", "issuer", "-cert", "peer"]
        arguments += ["-CAfile", "issuer", "-no_nonce", "-attime", str(int(case["at"]))]
        done = subprocess.run(
            ["openssl", "ocsp", *arguments], capture_output=True, check=False, cwd=folder, text=True
        )
    good = done.returncode == 0 and "Response verify OK" in done.stderr
    return "OK" if good and re.search("(?m)(^|: )good$", done.stdout) else "FAIL"


def _encode(case: Case) -> dict[str, Any]:
    encoded = {
        "trusted": [ssl.DER_cert_to_PEM_cert(der) for der in case.trusted],
        "intermediates": [ssl.DER_cert_to_PEM_cert(der) for der in case.intermediates],
        "peer": ssl.DER_cert_to_PEM_cert(case.peer),
        "crls": [crl.pem.decode() for crl in case.crls],
        "revoked_serials": [f"{serial:X}" for serial in case.revoked_serials],
        "revocation": case.revocation,
        "at": case.at,
        "expect": case.expect,
    }
    if case.ocsp is not None:
        encoded["ocsp"] = [base64.b64encode(answer).decode() for answer in case.ocsp]
    return encoded


if __name__ == "__main__":
    main()
