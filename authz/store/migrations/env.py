# SPDX-License-Identifier: Apache-2.0
"""Nothing to do here: authz.store.schema runs the migrations with a connection of its own."""
