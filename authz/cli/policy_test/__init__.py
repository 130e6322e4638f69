# SPDX-License-Identifier: Apache-2.0
"""`authz policy test`: cases in YAML, decided by the very code that serves.

`document` is the schema of a file of cases, `loading` reads files, `request` makes the bytes that
Envoy would send, `running` decides and compares, `coverage` watches the rules meanwhile, `report`
and `junit` write down what came of it.
"""
