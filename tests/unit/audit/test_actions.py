import pytest

from apps.audit.actions import ACTIONS, CONSUMER_CREATED, Kind, define

# design.md section 7 as far as the main job goes, and what "only failures and denials" shows.
FAILURES = {
    "consumer.rejected",
    "consumer.not_sent",
    "consumer.outcome_unknown",
    "consumer.check_failed",
    "consumer.late_answer",
    "submission.repeat_blocked",
    "session.sign_in_failed",
    "access.denied",
    "access.limited",
    "person.sign_in_blocked",
    "audit.export_failed",
    "export.failed",
    "audit.found_altered",
    "person.password_link_refused",
}


def test_an_action_is_defined_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        define("consumer.created")
    assert ACTIONS["consumer.created"] is CONSUMER_CREATED


@pytest.mark.parametrize("name", ["", "Consumer.created", "consumer created", "consumer.créé"])
def test_a_name_is_written_as_a_code(name: str) -> None:
    with pytest.raises(ValueError, match="code"):
        define(name)
    assert name not in ACTIONS


def test_the_keys_of_an_action_cannot_be_widened() -> None:
    with pytest.raises(TypeError):
        CONSUMER_CREATED.keys["anything"] = Kind.NAME  # type: ignore[index]  # that is the point


def test_failures_and_denials_are_marked() -> None:
    assert {action.name for action in ACTIONS.values() if action.failure} == FAILURES


def test_free_text_is_declared_only_where_nothing_of_a_consumer_can_be_meant() -> None:
    free = {
        (action.name, key)
        for action in ACTIONS.values()
        for key, kind in action.keys.items()
        if kind is Kind.NAME
    }
    of_people = {(name, "username") for name in ACTIONS if name.startswith(("person.", "role."))}
    assert free == of_people | {
        ("identity_rule.changed", "rule"),
        ("identity_rule.changed", "provider"),
        ("access.denied", "permission"),
        ("access.denied", "method"),
        ("export.failed", "exporter"),
    }
