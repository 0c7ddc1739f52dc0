"""Signatures verify with the reference of Standard Webhooks, also while the receiver changes its secret."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from apps.notices.signatures import headers_for, key_of
from tests.support.notice_receivers import NEXT_SECRET, SECRET

BODY = '{"type":"test.opened","data":{"text":"ø"}}'.encode()


@pytest.fixture
def now() -> int:
    """The present time, which the receiver compares; not that of the import, which may be long ago."""
    return int(dt.datetime.now(dt.UTC).timestamp())


def test_reference_accepts_the_signature(now: int) -> None:
    headers = headers_for("msg_1", BODY, seconds=now, secrets=[SECRET])
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "test.opened", "data": {"text": "ø"}}
    assert headers["webhook-signature"] == Webhook(SECRET).sign(
        "msg_1", dt.datetime.fromtimestamp(now, dt.UTC), BODY.decode()
    )


@pytest.mark.parametrize("receiver", [SECRET, NEXT_SECRET])
def test_two_secrets_overlap(receiver: str, now: int) -> None:
    headers = headers_for("msg_1", BODY, seconds=now, secrets=[SECRET, NEXT_SECRET])
    Webhook(receiver).verify(BODY, headers)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_signed(name: str, now: int) -> None:
    other = {"webhook-id": "msg_2", "webhook-timestamp": str(now + 1), "webhook-signature": "v1,AAAA"}
    headers = headers_for("msg_1", BODY, seconds=now, secrets=[SECRET])
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY, {**headers, name: other[name]})


def test_another_body_and_another_secret_are_refused(now: int) -> None:
    headers = headers_for("msg_1", BODY, seconds=now, secrets=[SECRET])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"test", b"fake"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEXT_SECRET).verify(BODY, headers)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        SECRET.removeprefix("whsec_"),
        "whsec_",
        "whsec_not base64",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
def test_other_texts_are_no_secrets(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(secret)
