# SPDX-License-Identifier: Apache-2.0
"""Envoy's side of an installation, as text: what `authz envoy config` prints."""
