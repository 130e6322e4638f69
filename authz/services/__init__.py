# SPDX-License-Identifier: Apache-2.0
"""Use cases of the control plane: one function, one transaction, one audit row."""
