# SPDX-License-Identifier: Apache-2.0
"""The control process: what is enforced is made here, in a process of its own (ADR-0028).

`python -m authz.node.control FD`, FD being its end of a socket pair. It has the store, the policy
file beside it, and the ports of the control plane; it answers no check. When it dies, what answers
checks goes on with what it has, and `ControlKeeper` starts it again.

    messages.py    what it and the supervisor say to each other
    keeper.py      its keeper in the supervisor's process: started, told, started again
    process.py     its own beginning and end
    publisher.py   the thread that sees commits and publishes
    parts.py       the policy file and the GeoIP files beside the store
    fetching.py    the thread that fetches CRLs and asks OCSP responders
    known_certificates.py  the certificates to ask about
    leadership.py  the thread by which nodes agree who does something for all
    sharing.py     what one node fetches for all
    wanted.py      which certificates nodes want to be asked about
    when_needed.py a control process for a policy file, once something is to be fetched
    takeover.py    what an earlier snapshot says to the one who takes over
    activity.py    what workers tell, into the store
"""
