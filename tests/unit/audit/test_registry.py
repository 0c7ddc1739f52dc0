import pytest

from apps.audit.registry import (
    AppEvents,
    EventGroup,
    EventOutcome,
    Key,
    ValueType,
    event_types,
    find_event_type,
    register,
)
from apps.consumers.audit_events import CONSUMER_CREATED

# design.md section 7 for the main job, and the rows of the filter "only failures and denials".
FAILURES = {
    "batch.paused_by_portal",
    "consumer.rejected",
    "consumer.not_sent",
    "consumer.outcome_unknown",
    "consumer.check_failed",
    "consumer.doubted",
    "consumer.found_late",
    "consumer.late_answer",
    "submission.repeat_blocked",
    "submission.value_does_not_belong",
    "session.sign_in_failed",
    "access.denied",
    "limit.reached",
    "person.sign_in_blocked",
    "audit.export_failed",
    "export.failed",
    "audit.found_altered",
    "person.password_link_refused",
}


WHEN = ("before", "after")
# Types of the group of changes whose events have no value before and after, with the reason.
WITHOUT_BEFORE_AND_AFTER = {
    "audit.acknowledged": "adds the acknowledgement of an altered entry; nothing is replaced",
    "audit.retention_applied": "removes old entries; they are named",
    "audit.retention_decided": "decides the removal of old entries; they are named",
    "batch.columns_chosen": "adds the columns of a list, which had none",
    "batch.confirmed": "begins the sending of the rows of a list",
    "batch.paused": "a state of a list; the rows stay as they are",
    "batch.paused_by_portal": "a state with its reason; the rows stay as they are",
    "batch.resumed": "ends what batch.paused or batch.paused_by_portal began",
    "batch.row_released": "adds the reason for which a row is sent",
    "batch.stopped": "ends the sending of a list; the rows that were left out are counted",
    "batch.uploaded": "the beginning of a list",
    "consumer.create_requested": "the beginning of a submission",
    "consumer.created": "the first outcome of a submission",
    "consumer.doubted": "adds a doubt beside the outcome, which stays",
    "consumer.found_late": "adds a consumer beside the outcome, which stays",
    "consumer.late_answer": "adds an answer beside the outcome, which stays",
    "consumer.not_sent": "the first outcome of a submission",
    "consumer.outcome_unknown": "the first outcome of a submission",
    "consumer.rejected": "the first outcome of a submission",
    "keys.forgotten": "removes the keys that it names; no other takes their place",
    "keys.registered": "adds the keys that it names",
    "keys.retired": "removes the key that it names; no other takes its place",
    "paste_columns.changed": "a person's own preference for pasting; the event has no values of it",
    "submission.note_added": "adds a note; its text is in the row, encrypted",
    "submission.released": "ends what submission.taken began, by the same person",
    "submission.repeat_blocked": "nothing was changed",
    "view.deleted": "removes the view that it names",
}


def test_event_type_of_a_change_has_values_before_and_after() -> None:
    of_changes = [one for one in event_types() if one.group is EventGroup.CHANGES]
    assert {one.name for one in of_changes if not one.changes} == {*WITHOUT_BEFORE_AND_AFTER}
    for one in event_types():
        for change in one.changes:
            assert one.keys[change.before.name] is change.before
            assert one.keys[change.after.name] is change.after
            assert change.before.type is change.after.type


def test_state_roles_and_blocks_of_accounts_have_values_before_and_after() -> None:
    acts = [
        *("person.deactivated", "person.reactivated", "role.granted", "role.revoked"),
        *("person.sign_in_blocked", "person.sign_in_unlocked"),
    ]
    assert [one for one in acts if not find_event_type(one).changes] == []  # type: ignore[union-attr]  # registered


def test_event_type_is_registered_once() -> None:
    second = AppEvents("tests")
    second.define("consumer.created", group=EventGroup.CHANGES, label="Created", sentence="Created")
    with pytest.raises(ValueError, match="twice"):
        register(second)
    assert find_event_type("consumer.created") is CONSUMER_CREATED


@pytest.mark.parametrize("name", ["", "Consumer.created", "consumer created", "consumer.créé"])
def test_name_has_the_format_of_a_code(name: str) -> None:
    with pytest.raises(ValueError, match="code"):
        AppEvents("tests").define(name, group=EventGroup.CHANGES, label="Created", sentence="Created")


def test_key_is_declared_once() -> None:
    keys = [Key("count", ValueType.NUMBER, "Number"), Key("count", ValueType.CODE, "Code")]
    with pytest.raises(ValueError, match="key twice"):
        AppEvents("tests").define(
            "tests.made", group=EventGroup.CHANGES, label="Made", sentence="Made", keys=keys
        )


@pytest.mark.parametrize(("label", "sentence"), [("", "Made"), ("Made", "")])
def test_event_type_has_a_label_and_a_sentence(label: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="no label or no sentence"):
        AppEvents("tests").define("tests.made", group=EventGroup.CHANGES, label=label, sentence=sentence)


def test_keys_of_an_event_type_cannot_be_extended() -> None:
    with pytest.raises(TypeError):
        CONSUMER_CREATED.keys["anything"] = Key("x", ValueType.NAME, "X")  # type: ignore[index]  # the point


def test_everything_that_was_only_seen_is_in_the_group_of_views() -> None:
    seen = (".viewed", ".event_viewed", ".listed", ".searched")
    assert {one.name for one in event_types() if one.name.endswith(seen) and one.group != "views"} == set()


def test_failures_and_denials_are_marked() -> None:
    assert {one.name for one in event_types() if one.failure} == FAILURES
    assert {one.name for one in event_types() if one.outcome is not EventOutcome.DONE} == FAILURES


def test_free_text_is_declared_only_for_keys_without_consumer_data() -> None:
    free = {
        (one.name, key.name)
        for one in event_types()
        for key in one.keys.values()
        if key.type in (ValueType.NAME, ValueType.NAMES)
    }
    of_people = {(one.name, "username") for one in event_types() if one.name.startswith(("person.", "role."))}
    assert free == of_people | {
        ("session.sign_in_failed", "username"),  # of the account that exists
        ("session.signed_in", "user_agent"),
        ("person.password_set", "issued_by"),  # an administrator's full name, or a command
        ("role.granted", "name"),  # the account's full name
        ("role.revoked", "name"),
        ("identity_rule.changed", "rule"),
        ("identity_rule.changed", "provider"),
        ("identity_rule.changed", "order_before"),  # the providers of all rules
        ("identity_rule.changed", "order_after"),
        # Of an account: staff, never consumers.
        *(("person.added", f"{key}_{when}") for key in ("name", "email") for when in WHEN),
        *(("person.changed", f"{key}_{when}") for key in ("name", "email", "time_zone") for when in WHEN),
        ("access.denied", "permission"),
        ("access.denied", "method"),
        ("export.failed", "exporter"),
        ("export.viewed", "exporter"),
        ("submission.taken", "taken_from"),  # the full name of the person who had it
        ("submission.taken", "taken_by"),
    }
