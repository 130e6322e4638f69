# SPDX-License-Identifier: Apache-2.0
"""The dashboard: pages that the server renders (ADR 0011).

Here: pages, what they are made of, and who is signed in. Not here: what a page does to the store
(services), what the browser asks of the management API (api; neither imports the other).
"""
