# SPDX-License-Identifier: Apache-2.0
"""The management API: Cloudflare's v4 shape, so that its SDKs and Terraform provider work here.

    app.create_api       the application, out of what it needs (backend.Backend)
    calls.zone_call …    who calls, whether they may, and which zone or account it is about
    envelope             what every answer looks like; problems: what every error looks like
    repeats              a change whose answer was lost is not made twice; request_keys: nor is a
                         certificate issued twice, on whichever node
    routes/…             one module for each family of calls, thin: one call, one use case
    models/…             what those calls take and give, for the OpenAPI document

Nothing here decides: use cases are in authz.services. What is the same as at Cloudflare and what
differs is in docs/reference/api.md.
"""
