# SPDX-License-Identifier: Apache-2.0
"""GeoIP databases (MaxMind DB files): mapped into memory, answering as policy.geo.GeoLookup.

In a package of its own because workers and the command need it, policy may do no I/O and workers
may not import sources (ADR-0019). Only imported where a database is configured.
"""
