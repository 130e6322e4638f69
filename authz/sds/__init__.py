# SPDX-License-Identifier: Apache-2.0
"""Trust bundles for Envoy's own TLS contexts, over the secret discovery service."""
