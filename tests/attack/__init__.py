# SPDX-License-Identifier: Apache-2.0
"""What an attacker tries: the corpus, faults and floods, each counted (`make attack`)."""
