"""Validation of a consumer's body. Like the vendor, it reports the first problem only."""

import json
from datetime import UTC, datetime

from sandbox.api.answers import Answer, field_problem, not_parsed
from sandbox.data.store import JsonObject

LIST_FIELDS = ("emails", "phoneNumbers")
FIELDS = (  # in the order of the vendor's page; they are validated in this order
    "title",
    "firstName",
    "lastName",
    "gender",
    "dateOfBirth",
    "emails",
    "phoneNumbers",
    "nationality",
    "passportNumber",
    "country",
    "identifiers",
)
REQUIRED = ("firstName", "lastName")
GENDERS = ("male", "female", "unknown")


def read_json_object(body: bytes) -> JsonObject | Answer:
    """The JSON object in a body, or a 400 if there is none."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        return not_parsed(problem.lineno, problem.colno)
    except (ValueError, RecursionError):  # not UTF-8, NaN, a number of thousands of digits, endless nesting
        return not_parsed(1, 1)
    return value if isinstance(value, dict) else not_parsed(1, 1)


def first_problem(consumer: JsonObject, *, now: datetime) -> Answer | None:
    """A 400 for the first field that is not valid according to the vendor's page, or None."""
    for field in FIELDS:
        problem = _problem_of(field, consumer.get(field), now)
        if problem:
            return field_problem(problem)
    return None


def parse_moment(text: str) -> datetime | None:
    """An ISO 8601 date or date and time, in UTC. A date becomes midnight; None for any other text."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _problem_of(field: str, value: object, now: datetime) -> str:
    if field in REQUIRED and (value is None or (isinstance(value, str) and not value.strip())):
        return f"{field}: may not be null."
    if value is None:  # null is the same as absent for an optional field
        return ""
    if field == "identifiers":
        return _identifiers_problem(value)
    if field in LIST_FIELDS:
        well = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        return "" if well else f"{field}: must be an array of strings."
    return _text_problem(field, value, now) if isinstance(value, str) else f"{field}: must be a string."


def _text_problem(field: str, text: str, now: datetime) -> str:
    if field == "gender" and text not in GENDERS:
        return "gender: not a valid value."
    if field != "dateOfBirth":
        return ""
    moment = parse_moment(text)
    if moment is None:
        return "dateOfBirth: not a valid date."
    return "" if moment < now else "dateOfBirth: must be in the past"


def _identifiers_problem(value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        return "identifiers: must be an array of objects."
    for entry in value:
        for part in ("provider", "id"):
            text = entry.get(part)
            if text is None or (isinstance(text, str) and not text.strip()):
                return f"identifiers.{part}: may not be null."
            if not isinstance(text, str):
                return f"identifiers.{part}: must be a string."
    return ""


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
