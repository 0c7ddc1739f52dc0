"""Signatures verify with the reference of Standard Webhooks, also while the receiver changes its secret."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from apps.notices.signatures import headers_for, key_of
from tests.support.notice_receivers import NEXT_SECRET, SECRET

BODY = '{"type":"test.opened","data":{"text":"ø"}}'.encode()
NOW = int(dt.datetime.now(dt.UTC).timestamp())


def test_reference_accepts_the_signature() -> None:
    headers = headers_for("msg_1", BODY, seconds=NOW, secrets=[SECRET])
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "test.opened", "data": {"text": "ø"}}
    assert headers["webhook-signature"] == Webhook(SECRET).sign(
        "msg_1", dt.datetime.fromtimestamp(NOW, dt.UTC), BODY.decode()
    )


@pytest.mark.parametrize("receiver", [SECRET, NEXT_SECRET])
def test_two_secrets_overlap(receiver: str) -> None:
    headers = headers_for("msg_1", BODY, seconds=NOW, secrets=[SECRET, NEXT_SECRET])
    Webhook(receiver).verify(BODY, headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", "msg_2"), ("webhook-timestamp", str(NOW + 1)), ("webhook-signature", "v1,AAAA")],
    ids=["id", "timestamp", "signature"],
)
def test_each_header_is_signed(name: str, value: str) -> None:
    headers = headers_for("msg_1", BODY, seconds=NOW, secrets=[SECRET])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, {**headers, name: value})


def test_another_body_and_another_secret_are_refused() -> None:
    headers = headers_for("msg_1", BODY, seconds=NOW, secrets=[SECRET])
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
