# SPDX-License-Identifier: Apache-2.0
"""What calls take and give, one module for each module of `routes`."""
