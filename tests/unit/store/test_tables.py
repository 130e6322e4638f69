# SPDX-License-Identifier: Apache-2.0
"""Rules for the tables that the migrations' test does not see."""

from __future__ import annotations

import dataclasses

import pytest

from authz.store import (
    records,
    records_activity,
    rule_drafts,
    shared_fetches,
    tables,
    tables_activity,
    tables_nodes,
)
from authz.store.columns import CheckedText

# Of `tables`, which has every one.
metadata = tables.state.metadata

RECORDS = {
    records.Account: "accounts",
    records.Zone: "zones",
    records.Authority: "authorities",
    records.AuthorityCertificate: "authority_certificates",
    records.Key: "keys",
    records.HostAssociation: "host_associations",
    records.ClientCertificate: "client_certificates",
    records.IssuanceRequest: "issuance_requests",
    records.Revocation: "revocations",
    records.RevocationChange: "revocation_changes",
    records.Ruleset: "rulesets",
    records.RulesetVersion: "ruleset_versions",
    rule_drafts.RuleDraft: "rule_drafts",
    records.List: "lists",
    records.ListItem: "list_items",
    records.ListOperation: "list_operations",
    records.Token: "tokens",
    records.SignIn: "sessions",
    records.AuditEntry: "audit_log",
    records_activity.StoredEvent: "events",
    records_activity.RecordedRequest: "recorded_requests",
    records_activity.CheckCount: "check_counts",
    records_activity.CertificateChecks: "certificate_checks",
    records.PublishedCrl: "published_crls",
    shared_fetches.SharedFetch: "shared_fetches",
    shared_fetches.SharedHead: "shared_fetches",
    shared_fetches.WantedCertificate: "wanted_certificates",
}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_field_of_a_record_is_a_column(record: type) -> None:
    columns = metadata.tables[RECORDS[record]].columns

    assert {field.name for field in dataclasses.fields(record)} <= set(columns.keys())


def test_the_tables_of_other_modules_are_among_those_of_the_database() -> None:
    assert tables_activity.events is metadata.tables["events"]
    assert tables_nodes.leases is metadata.tables["leases"]


@pytest.mark.parametrize("name", metadata.tables)
def test_every_row_can_be_named_and_every_text_is_checked(name: str) -> None:
    table = metadata.tables[name]

    assert len(table.primary_key.columns) > 0
    for column in table.columns:
        if column.type.python_type is str:
            assert isinstance(column.type, CheckedText), column
