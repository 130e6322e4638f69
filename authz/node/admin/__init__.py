# SPDX-License-Identifier: Apache-2.0
"""The process that serves the management API (ADR-0030).

`python -m authz.node.admin FD LISTENER`, FD being its end of a socket pair and LISTENER a socket
that listens. It has the store and the keys of the CA, and a lower priority than what answers
checks; what it commits, the control process publishes. When it dies, checks go on, and
`AdminKeeper` starts it again.

    config.py      what it needs of the settings
    messages.py    what it and the supervisor say to each other
    pages.py       the dashboard as the settings want it
    keeper.py      its keeper in the supervisor's process, which holds the socket
    process.py     its own beginning and end
"""
