# SPDX-License-Identifier: Apache-2.0
"""Persistence: what the control plane knows, in SQLite or PostgreSQL."""
