"""Every code that the portal can record has a label."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator

import pytest

from apps.accounts import audit_events as accounts_events
from apps.accounts.audit_events import PERSON_CHANGED, PERSON_PASSWORD_LINK_REFUSED
from apps.accounts.models import EndReason
from apps.accounts.roles import GRANTS
from apps.accounts.services import Refusal
from apps.audit import audit_events
from apps.audit import export as audit_export
from apps.audit.audit_events import AUDIT_VERIFIED
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.labels import (
    action_label,
    detail_label,
    key_label,
    names_no_person,
    roles_label,
    value_label,
)
from apps.audit.person_limits import Act
from apps.audit.registry import Change, Key, ValueType, event_types
from apps.audit.selectors import WITHOUT_SYSTEM, LogFilter
from apps.batches import audit_events as batch_events
from apps.batches.checking.row_warnings import ROW_CODES
from apps.batches.models import PauseReason, ReleaseReason, SourceKind
from apps.cdp.consumers import Identifier, NewConsumer
from apps.cdp.errors import CdpError
from apps.consumers import altered_values, audit_keys
from apps.consumers.audit_events import (
    CONSUMER_LATE_ANSWER,
    CONSUMER_RESOLUTION_CORRECTED,
    IDENTITY_RULE_CHANGED,
    SUBMISSION_REPEAT_BLOCKED,
    VALUE_DOES_NOT_BELONG,
    VENDOR_RECORDS_SEARCHED,
)
from apps.consumers.duplicates.compare import SIMILAR_RULES
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.labels import REASONS
from apps.consumers.list_columns import COLUMNS
from apps.consumers.models import CheckResult, DigestKind, Doubt, Outcome, ResolutionReason
from apps.consumers.reconciliation.evidence import ANOTHER_REFERENCE, NOT_ON_ORDER
from apps.consumers.sending import warnings
from apps.core.export.formats import Format
from apps.history import audit_events as history_events
from apps.history.audit_events import EXPORT_VIEWED, EXPORTS_LISTED, VIEW_CHANGED
from apps.history.exports.lifecycle import FailureCode
from apps.history.exports.past import PastExportFilter
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.models import ExportReason
from apps.history.saved import ROLES_WITH_A_LIST
from apps.history.selection import SubmissionFilter
from apps.history.views import figures
from apps.privacy import audit_events as privacy_events
from tests.support.source import APPS, tree_of

FULL = NewConsumer(
    first_name="A",
    last_name="B",
    title="Dr",
    gender="female",
    date_of_birth=dt.date(1990, 1, 1),
    emails=("a@example.com",),
    phone_numbers=("1",),
    nationality="N",
    passport_number="P",
    country="NL",
    identifiers=(Identifier("P", "1"),),
)


def _error_codes(kind: type[CdpError] = CdpError) -> Iterator[str]:
    yield kind.default_code
    for inner in kind.__subclasses__():
        yield from _error_codes(inner)


def _both(change: Change, codes: Iterable[str]) -> dict[Key, Iterable[str]]:
    return {change.before: codes, change.after: codes}


ERRORS = {*_error_codes(), *REASONS}
NUMBERS_AND_NAMES = (ValueType.NUMBER, ValueType.NAME, ValueType.NAMES)
OF_FILTER = [field.name for field in dataclasses.fields(SubmissionFilter) if field.name != "search"]
CODES: dict[Key, Iterable[str]] = {
    audit_events.FILTERS: [*(field.name for field in dataclasses.fields(LogFilter)), WITHOUT_SYSTEM],
    audit_events.FORMAT: audit_export.FORMATS,
    audit_events.LIMITED_ACT: Act,
    audit_events.VERDICT: [*Verdict],
    AUDIT_VERIFIED.keys["scope"]: ["whole", "rest"],
    accounts_events.ROLE: GRANTS,
    accounts_events.SESSION_END: EndReason,
    accounts_events.SIGN_IN_FAILURE: ["wrong_password", "no_account", "deactivated", "limited", "blocked"],
    PERSON_PASSWORD_LINK_REFUSED.keys["reason"]: [Refusal.LINK_USED_UP.value],
    PERSON_CHANGED.keys["fields"]: ["name", "email", "time_zone"],
    **_both(accounts_events.ROLES, GRANTS),
    **_both(accounts_events.STATE, ["active", "deactivated"]),
    **_both(accounts_events.SIGN_IN, ["open", "blocked"]),
    **_both(VIEW_CHANGED.changes[0], {*SubmissionFilterForm.base_fields} - {"search", "view"}),
    **_both(VIEW_CHANGED.changes[1], COLUMNS),
    **_both(VIEW_CHANGED.changes[2], ["yes", "no"]),
    VIEW_CHANGED.keys["renamed"]: ["yes", "no"],
    CONSUMER_LATE_ANSWER.keys["answer_outcome"]: Outcome.values,
    CONSUMER_RESOLUTION_CORRECTED.keys["previous_outcome"]: Outcome.values,
    IDENTITY_RULE_CHANGED.keys["change"]: ["added", "removed", "moved", "restored"],
    SUBMISSION_REPEAT_BLOCKED.keys["why"]: [
        "same_form_again",
        "form_used_for_another_entry",
        "identical_one_is_open",
    ],
    audit_keys.CHECK_RESULT: [*CheckResult.values, *ERRORS],
    audit_keys.DOUBT: Doubt.values,
    audit_keys.ERROR_CODE: ERRORS,
    audit_keys.OUTCOME: Outcome.values,
    audit_keys.OVERRIDDEN_WARNINGS: [
        warnings.SIMILAR,
        warnings.NOT_COMPARED,
        warnings.CANCELLED,
        warnings.NO_IDENTITY,
        warnings.VERY_OLD,
        warnings.PHONE_NOT_READ,
        *ROW_CODES,
    ],
    audit_keys.SIMILAR_REASON: SimilarReason.values,
    audit_keys.SIMILAR_RULES: SIMILAR_RULES,
    audit_keys.READ_RESULT: [
        *ERRORS,
        "found",
        "not_found",
        *(NOT_ON_ORDER, audit_keys.LIST_NOT_WHOLE, ANOTHER_REFERENCE),
    ],
    audit_keys.RECORD_KIND: ["order", "guest", "order_consumer"],
    audit_keys.RESOLUTION_REASON: [audit_keys.BY_RECONCILIATION, *ResolutionReason.values],
    audit_keys.SEARCHED_BY: DigestKind.values,
    audit_keys.SENT_FIELDS: FULL.to_json(),
    VALUE_DOES_NOT_BELONG.keys["value"]: altered_values._COLUMNS,
    audit_keys.SUBMISSION_FILTERS: [*OF_FILTER, *DigestKind.values],
    audit_keys.SUBMISSION_SCOPE: ["own", "everybody"],
    privacy_events.ACCESS_REPORT_VIEWED.keys["about"]: ["consumer", "guest", "search"],
    privacy_events.ACCESS_REPORT_VIEWED.keys["result"]: ["too_many"],
    VALUE_DOES_NOT_BELONG.keys["value"]: ["consumer", "answer", "vendor_message", "resolution_note"],
    audit_keys.VERIFICATION: ["verified", "not_verified"],
    accounts_events.SESSION_SIGNED_IN.keys["method"]: ["password"],
    VENDOR_RECORDS_SEARCHED.keys["by"]: ["order_number", "guest_ref", "email", "identifier"],
    EXPORTS_LISTED.keys["filters"]: [field.name for field in dataclasses.fields(PastExportFilter)],
    EXPORT_VIEWED.keys["note"]: ["yes", "no"],
    batch_events.PAUSE_REASON: PauseReason.values,
    batch_events.RELEASE_REASON: ReleaseReason.values,
    batch_events.SOURCE: SourceKind.values,
    history_events.EXPORT_REASON: ExportReason.values,
    history_events.FAILURE_CODE: FailureCode,
    history_events.FORMAT: [*Format],
    history_events.FIGURES_FORMAT: figures.CONTENT_TYPES,
    history_events.PERSONAL: ["yes", "no"],
    history_events.VIEW_SAVED.keys["audience"]: ["own", *ROLES_WITH_A_LIST],
    history_events.VIEW_SAVED.keys["parameters"]: {*SubmissionFilterForm.base_fields} - {"search", "view"},
}
# They name a page, a list of people, an event, a submission, a record, a row, a day, a key, an account, a
# session, a report or a version. The columns of an export are shown as in the file; normalisations as
# "field:how".
NO_LABELS = {
    *("batch", "replaces", "sent", "submissions"),
    *("columns", "events", "export", "file", "former", "hash", "key", "keys", "normalised", "previous_ref"),
    *("corrected_ref", "default_view_before", "default_view_after"),
    *("other", "people", "sessions"),
    *("report", "resubmission_of", "search", "settings_digest", "sha256", "version", "view"),
    *("consumers", "guests", "rows", "since", "until"),
}
KEYS = {key for one in event_types() for key in one.keys.values()}


@pytest.mark.parametrize("key", CODES, ids=lambda key: key.name)
def test_every_code_has_a_label(key: Key) -> None:
    assert [code for code in CODES[key] if not _has_label(key, code)] == []


def test_every_key_with_codes_is_checked() -> None:
    holding = {key for key in KEYS if key.type not in NUMBERS_AND_NAMES}
    assert {key.name for key in holding - {*CODES}} == NO_LABELS
    assert {*CODES} <= holding
    assert [key.name for key in holding - {*CODES} if key.labels] == []


def test_codes_in_the_source_have_labels() -> None:
    """Data of events in the source, such as ``{"kind": "order"}`` or ``result="found"``."""
    found = {(key, code) for path in APPS.rglob("*.py") for key, code in _written_out(tree_of(path))}
    assert ("kind", "order_consumer") in found
    unlabelled = [
        (name, code)
        for name, code in found
        if not any(_has_label(key, code) for key in CODES if key.name == name)
    ]
    assert unlabelled == []


def _has_label(key: Key, code: str) -> bool:
    # Some labels equal their code: "found".
    return code in key.labels or value_label(key, code) != code


def _written_out(tree: ast.Module) -> Iterator[tuple[str, str]]:
    names = {key.name for key in CODES}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith(
            ("Event", "event_of", "_recorded")
        ):
            continue
        for node in ast.walk(call):
            pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
            named = [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant)]
            named += [(node.arg, node.value)] if isinstance(node, ast.keyword) and node.arg else []
            for key, value in named:
                if key in names and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield str(key), value.value


def test_code_without_a_label_is_shown_as_is() -> None:
    assert value_label(audit_keys.CHECK_RESULT, "teleported") == "teleported"
    assert value_label(audit_keys.ERROR_CODE, "http_599") == "an answer with status 599"
    assert value_label(audit_keys.COUNT, 0) == "0"
    assert value_label(audit_keys.CHECK_RESULT, None) == "–"
    of_fields = value_label(audit_keys.SENT_FIELDS, ["firstName", "lastName", "beam"])
    assert of_fields == "first name, last name and beam"
    assert key_label("consumer.created", "beam") == "beam"
    assert action_label("consumer.teleported") == "consumer.teleported"
    assert detail_label("consumer.teleported", "result", ["one", "two"]) == "one and two"
    assert roles_label("staff,pilot") == "Staff and pilot"


@pytest.mark.parametrize("name", ["The portal (worker)", "A visitor", "system:worker"])
def test_labels_of_actors_that_are_no_person_are_no_names(name: str) -> None:
    assert names_no_person(name)


@pytest.mark.parametrize("name", ["Anna Portal", "The Portalis", "A Visitor Smith", "Portia System"])
def test_names_with_a_word_of_such_a_label_stay_possible(name: str) -> None:
    assert not names_no_person(name)
