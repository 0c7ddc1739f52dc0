"""The error answers, literally as published by the vendor."""

import base64
import json

import pytest

from sandbox.data.seed import SAMPLE_ORDER
from sandbox.options import PRACTICE_CLIENT_KEY
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, basic, consumers_path

PATH = consumers_path(SAMPLE_ORDER)
PERSON = '{"firstName": "Maeve", "lastName": "Tully"}'
UNAUTHORIZED = {
    "status": "UNAUTHORIZED",
    "code": 401,
    "message": "Authentication credentials are required to access the resource. "
    "All requests must be authenticated.",
    "moreInfoUrl": "https://support.sitecore.com",
}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer practice-api-token",
        "Basic",
        "Basic !!!",
        basic(token="wrong"),
        basic(key="wrong"),
        "Basic " + base64.b64encode(b"practice-client-key").decode(),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/v2.1/nothing", "/_sandbox/faults"])
def test_every_path_answers_wrong_credentials_with_the_published_401(
    caller: Caller, path: str, authorization: str
) -> None:
    answer = caller.send("POST", path, PERSON, authorization=authorization)

    assert answer.status == 401
    assert answer.json == UNAUTHORIZED


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_body_not_declared_as_json_is_a_415(caller: Caller, content_type: str) -> None:
    assert caller.send("POST", PATH, PERSON, content_type=content_type).status == 415


def test_charset_beside_the_media_type_is_accepted(caller: Caller) -> None:
    assert caller.send("POST", PATH, PERSON, content_type="application/json; charset=utf-8").status == 200


def test_malformed_json_is_a_400_that_names_line_and_column(caller: Caller) -> None:
    answer = caller.send("POST", PATH, '{\n"firstName": "Maeve",\n}')

    assert answer.status == 400
    assert answer.json == {
        "status": 400,
        "code": 400,
        "message": "Unable to parse JSON string",
        "developerMessage": "JSON parse error [line: 3, column: 1].",
        "moreInfoUrl": "https://support.sitecore.com",
    }


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"firstName": NaN}', b"[" * 100_000, b"9" * 5_000]
)
def test_body_that_is_no_json_object_is_a_400_and_stores_nothing(
    caller: Caller, server: SandboxServer, body: bytes
) -> None:
    answer = caller.send("POST", PATH, body)

    assert answer.status == 400
    assert answer.json["message"] == "Unable to parse JSON string"
    assert server.sandbox.consumers(SAMPLE_ORDER) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"firstName": None}, "firstName: may not be null."),
        ({"firstName": ""}, "firstName: may not be null."),
        ({"lastName": " \t"}, "lastName: may not be null."),
        ({"firstName": 7}, "firstName: must be a string."),
        ({"title": ["Mr"]}, "title: must be a string."),
        ({"gender": "Female"}, "gender: not a valid value."),
        ({"dateOfBirth": "yesterday"}, "dateOfBirth: not a valid date."),
        ({"dateOfBirth": "2026-11-23T12:00:00Z"}, "dateOfBirth: must be in the past"),
        ({"dateOfBirth": "9999-12-31"}, "dateOfBirth: must be in the past"),
        ({"dateOfBirth": "0001-01-01T00:00:00+14:00"}, "dateOfBirth: not a valid date."),
        ({"emails": "maeve@example.com"}, "emails: must be an array of strings."),
        ({"phoneNumbers": [1]}, "phoneNumbers: must be an array of strings."),
        ({"identifiers": {"provider": "email"}}, "identifiers: must be an array of objects."),
        ({"identifiers": [{"provider": "email"}]}, "identifiers.id: may not be null."),
        ({"identifiers": [{"provider": " ", "id": "1"}]}, "identifiers.provider: may not be null."),
        ({"identifiers": [{"provider": "email", "id": 1}]}, "identifiers.id: must be a string."),
    ],
)
def test_invalid_field_is_a_400_with_the_field_before_the_colon(
    caller: Caller, server: SandboxServer, fields: dict[str, object], message: str
) -> None:
    answer = caller.create(SAMPLE_ORDER, **fields)

    assert answer.status == 400
    assert (answer.json["message"], answer.json["developerMessage"]) == (message, message)
    assert server.sandbox.consumers(SAMPLE_ORDER) == []


def test_birth_one_second_ago_is_in_the_past(caller: Caller) -> None:
    assert caller.create(SAMPLE_ORDER, dateOfBirth="2026-11-23T11:59:59Z").status == 200


def test_only_the_first_of_several_problems_is_reported(caller: Caller) -> None:
    answer = caller.send("POST", PATH, json.dumps({"gender": "none", "emails": 1}))

    assert answer.json["message"] == "firstName: may not be null."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", consumers_path("00000000-0000-4000-8000-000000000000")),
        ("GET", consumers_path("00000000-0000-4000-8000-000000000000")),
        ("GET", "/v2.1/orders/unknown"),
        ("GET", "/v2.1/orders/unknown/contacts"),
        ("GET", "/v2.1/orderContacts/unknown"),
        ("GET", "/v2.1/orderConsumers/unknown"),
        ("GET", "/v2.1/orderConsumers/unknown/orderItems"),
        ("GET", "/v2.1/guests/unknown"),
        ("GET", "/v2.1/nothing"),
        ("GET", "/v2/orders"),
        ("GET", "/v2.1/orders/"),
        ("GET", "//[v2.1/orders"),
        ("GET", f"/v2.1/orders%2F{SAMPLE_ORDER}"),
    ],
)
def test_missing_record_is_a_404_that_shows_the_client_key(caller: Caller, method: str, path: str) -> None:
    answer = caller.send(method, path, PERSON if method == "POST" else None)

    assert answer.status == 404
    assert answer.json["message"] == "The specified resource does not exist."
    assert PRACTICE_CLIENT_KEY in answer.json["developerMessage"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS"])
def test_consumer_can_be_neither_changed_nor_deleted(caller: Caller, method: str) -> None:
    ref = caller.create(SAMPLE_ORDER).json["ref"]

    answer = caller.send(method, f"/v2.1/orderConsumers/{ref}", PERSON)

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"
    assert caller.get(f"/v2.1/orderConsumers/{ref}").json["firstName"] == "Maeve"
