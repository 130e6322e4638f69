# SPDX-License-Identifier: Apache-2.0
"""Speed, measured: what a check costs, and next to whom.

`run.py` is the command. A group (benchmarks/groups) measures one thing and says what it found as a
`Result`; limits.py holds what may not get worse. Everything talks on loopback, is bounded in count
and time, and proves that what was measured were right answers.
"""
