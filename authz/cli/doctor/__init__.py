# SPDX-License-Identifier: Apache-2.0
"""`authz doctor`: the usual mistakes, explained.

`command` is the subcommand; `installation` looks at settings and policy, `service` at what a
running authz has counted, `envoy_config` and `envoy_stats` at an Envoy through its admin address
(`fetch`). Each looks and reports `findings`; nothing is changed anywhere.
"""
