"""The environment variables of the sandbox."""

from pathlib import Path

import pytest

from sandbox.options import Options


def test_defaults_are_the_practice_values() -> None:
    assert Options.from_environment({"SANDBOX_PORT": ""}) == Options(
        host="127.0.0.1",
        port=8031,
        data=Path("var/sandbox.sqlite3"),
        client_key="practice-client-key",
        api_token="practice-api-token",
        create_status=200,
        identity_providers=("ProfileSystem", "LoyaltyProgramme", "email"),
        tls="",
    )


def test_every_variable_is_read() -> None:
    environment = {
        "SANDBOX_HOST": "::1",
        "SANDBOX_PORT": "9000",
        "SANDBOX_DATA": "/tmp/s.sqlite3",
        "SANDBOX_CLIENT_KEY": "key",
        "SANDBOX_API_TOKEN": "token:with:colons",
        "SANDBOX_CREATE_STATUS": "201",
        "SANDBOX_IDENTITY_PROVIDERS": "email, ProfileSystem,",
        "SANDBOX_TLS": "expired",
    }

    assert Options.from_environment(environment) == Options(
        "::1",
        9000,
        Path("/tmp/s.sqlite3"),
        "key",
        "token:with:colons",
        201,
        ("email", "ProfileSystem"),
        "expired",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX_HOST", "0.0.0.0"),
        ("SANDBOX_PORT", "70000"),
        ("SANDBOX_PORT", "many"),
        ("SANDBOX_CREATE_STATUS", "204"),
        ("SANDBOX_CLIENT_KEY", "with:colon"),
        ("SANDBOX_TLS", "yes"),
    ],
)
def test_unusable_value_is_reported_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Options.from_environment({name: value})
