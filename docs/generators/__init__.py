# SPDX-License-Identifier: Apache-2.0
"""Pages that docs/generate.py writes, a module for each subject."""
