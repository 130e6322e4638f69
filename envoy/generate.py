# SPDX-License-Identifier: Apache-2.0
"""Write the committed Envoy configurations: `python -m envoy.generate`, or with `--check`
exit 1 when one is not what the code says.

They are what `authz envoy config` prints for the settings named here; a test compares. Nothing else
is made by hand in them, so edit authz/envoy/config.py and listener.py instead.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, Http3Options, SdsOptions
from authz.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]

#: authz.yaml of an Envoy behind one other proxy (docs/how-to/behind-another-proxy.md).
BEHIND_ANOTHER_PROXY = {
    "certificate_source": "xfcc",
    "xfcc": {"trusted_hops": 2},
    "client_ip": {"trusted_hops": 1},
}

#: Where the load balancer connects from (the same page); everybody replaces it.
BALANCERS = ("10.0.8.0/24",)


def files() -> dict[Path, str]:
    """Every committed configuration and what it must be."""
    compose = load_settings(ROOT / "deploy" / "authz.yaml")
    bundles = EnvoyOptions(upstream="upstream:8000", sds=SdsOptions(address="authz:50052"))
    strict = replace(
        bundles,
        name="strict",
        listen="0.0.0.0:8444",
        sds=SdsOptions(address="authz:50052", strict=True),
    )
    return {
        ROOT / "envoy" / "envoy.yaml": render_envoy_config(Settings()),
        ROOT / "envoy" / "envoy-behind-proxy.yaml": render_envoy_config(
            Settings.model_validate(BEHIND_ANOTHER_PROXY)
        ),
        ROOT / "envoy" / "envoy-behind-balancer.yaml": render_envoy_config(
            Settings(), EnvoyOptions(proxy_protocol_from=BALANCERS)
        ),
        ROOT / "envoy" / "envoy-http3.yaml": render_envoy_config(
            Settings(), EnvoyOptions(http3=Http3Options())
        ),
        ROOT / "deploy" / "envoy.yaml": render_envoy_config(
            compose, EnvoyOptions(upstream="upstream:8000")
        ),
        ROOT / "deploy" / "envoy-sds.yaml": render_envoy_config(compose, bundles),
        ROOT / "deploy" / "envoy-strict.yaml": render_envoy_config(compose, bundles, strict),
        ROOT / "deploy" / "envoy-http3.yaml": render_envoy_config(
            compose, EnvoyOptions(upstream="upstream:8000", http3=Http3Options())
        ),
    }


def main(check: bool) -> int:
    """Write or compare; the exit status."""
    stale = {
        file: text
        for file, text in files().items()
        if not file.is_file() or file.read_text(encoding="utf-8") != text
    }
    if check:
        for file in stale:
            sys.stderr.write(f"{file.relative_to(ROOT)} is not what the code says\n")
        return 1 if stale else 0
    for file, text in stale.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
