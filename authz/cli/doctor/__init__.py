# SPDX-License-Identifier: Apache-2.0
"""`authz doctor`: the usual mistakes, explained.

`command` is the subcommand. `installation` looks at settings and policy, `files` at what lies
around them, `kept` and `keys` at the store; `service`, `processes` and `control` at what a running
authz has counted; `envoy_*` at an Envoy through its admin address, of whose dump `envoy_dump`
finds the parts. Each looks and reports `findings`; nothing is changed anywhere.
"""
