# SPDX-License-Identifier: Apache-2.0
"""One module for each thing that is measured: `measure(plan) -> Result`."""
