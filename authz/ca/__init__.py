# SPDX-License-Identifier: Apache-2.0
"""Signing: the embedded certificate authority, its CRLs and OCSP answers."""
