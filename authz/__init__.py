# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's mTLS rules as an external authorizer for Envoy, Istio and Envoy Gateway."""

__version__ = "0.1.0"
