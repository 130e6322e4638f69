# SPDX-License-Identifier: Apache-2.0
"""Servers that allow every check: what a transport can do when nothing is decided.

Each is a program of its own that prints `listening ADDRESS` and answers until it is stopped.
"""
