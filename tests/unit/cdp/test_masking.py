"""Our own credentials in an answer are masked before the caller gets them, however they are encoded."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from apps.cdp.errors import CdpMalformedAnswer
from apps.cdp.exchange import Exchange
from apps.cdp.masking import MASK, MIN_LENGTH, Secrets, _decodings, _encoded_forms
from tests.support.cdp_clients import ORDER, client_of, create, failed_create
from tests.support.scripted_servers import Serve, always, answer

KEY, TOKEN = "psfu6uh05hsr9c34rptl", 'N0/+x=T ok"en&w\u00f6rd:9f7'
SECRETS = Secrets(KEY, TOKEN)


def encodings(text: str) -> Iterator[str]:
    """The ways in which an answer may quote a value."""
    yield from (text, text.upper(), text.lower())
    once = quote(text, safe="")
    yield from (once, once.lower(), quote(once, safe=""), quote(text))
    yield from ("".join(f"%{byte:02x}" for byte in text.encode()), text.encode().hex())
    yield from (json.dumps(text)[1:-1], json.dumps(json.dumps(text)), text.replace("/", "\\/"))
    yield "".join(f"\\u{ord(character):04X}" for character in text)
    yield from (
        html.escape(text),
        "".join(f"&#{ord(c)};" for c in text),
        "".join(f"&#x{ord(c):X};" for c in text),
    )
    # One character percent-encoded, the others escaped as in JSON; a blank as in a form.
    yield json.dumps(f"%{ord(text[0]):02x}{text[1:]}")[1:-1]
    yield f"%{ord(text[0]):02x}{text[1:]}".replace(" ", "+")
    yield "".join(f"\\x{byte:02x}" for byte in text.encode("latin-1"))
    for unseen in (
        "\n",
        "\r",
        "\t",
        "\b",
        "\f",
        "\x01",
        "\x7f",
        "\u200b",
        "\u2028",
        "\u2063",
        "\ud800",
        "\\",
    ):
        yield unseen.join(text)
        yield text[:3] + unseen + text[3:]
    for before in ("", "a", "ab", "Basic "):
        coded = base64.b64encode(f"{before}{text}{before}".encode()).decode()
        yield from (coded, coded.rstrip("="), quote(coded, safe=""), coded[:30] + "\r\n" + coded[30:])
        yield base64.urlsafe_b64encode(f"{before}{text}".encode()).decode()


def exchange_with(key: str = KEY, token: str = TOKEN) -> Exchange:
    """The exchange of a client with these credentials."""
    return client_of("http://127.0.0.1:1", credentials=(key, token))._wire()


def read(text: str, exchange: Exchange) -> str:
    """The text as the client returns it from the JSON body of an answer."""
    payload = exchange._payload(json.dumps({"message": text}).encode())
    assert isinstance(payload, dict)
    return str(payload["message"])


@pytest.mark.parametrize("secret", [KEY, TOKEN, f"{KEY}:{TOKEN}"], ids=["key", "token", "pair"])
def test_secret_is_found_and_masked_in_every_encoding(secret: str) -> None:
    exchange = exchange_with()
    for coded in encodings(secret):
        text = f"before {coded} after"
        assert exchange.transport.secrets.occur_in(text), coded
        masked = read(text, exchange)
        assert MASK in masked, coded
        # Only the Base64 characters shared with neighbouring bytes are left.
        assert len(masked) <= len("before  after") + len(MASK) * 4 + 12, coded
        assert masked.startswith("before ")
        assert masked.endswith(" after")


def test_ordinary_texts_are_not_changed() -> None:
    for text in (
        "",
        "firstName: may not be null.",
        "100 % \\ &amp; %2525 \\u00e9",
        ORDER,
        "psfu6uh05hsr9c34rpt",
    ):
        assert not SECRETS.occur_in(text)
        assert SECRETS.mask(text) == text


@pytest.mark.parametrize(
    ("secret", "echo"),
    [
        ('a%41"\\tail-of-it', '%61%41"\\tail-of-it'),  # an encoding within the secret
        ("back\\slash-token", "back%5Cslash-token"),
        ("back\\slash-token", "b\\u0061ck\\\\slash-token"),
        ("plain-token", "".join(f"\\u{ord(char):04x}" for char in base64.b64encode(b"plain-token").decode())),
    ],
)
def test_text_that_would_still_contain_a_secret_is_masked_completely(secret: str, echo: str) -> None:
    masked = read(f"before {echo}", exchange_with("client-key", secret))
    assert masked in (MASK, f"before {MASK}", f"before \\{MASK}")


def test_secret_with_a_character_that_json_escapes_as_two_is_masked() -> None:
    secret = "t\U0001d55cken-of-it"
    exchange = exchange_with(token=secret)
    once = json.dumps(secret)
    for coded in (secret, once, json.dumps(once), quote(secret, safe=""), quote(once), html.escape(once)):
        masked = read(f"before {coded} after", exchange)
        assert MASK in masked, coded
        assert "ken-of-it" not in masked, coded


@pytest.mark.parametrize("size", range(4, 9))
def test_base64_form_is_what_all_texts_with_the_value_share(size: int) -> None:
    value = b"\xfb\xef\xbe+/?\xff\xfe"[:size]
    forms = {value.hex()}
    for skipped in range(3):
        texts = [
            base64.b64encode(before * skipped + value + after * 3).decode().rstrip("=")
            for before in (b"\0", b"\xff")
            for after in (b"\0", b"\xff")
        ]
        shared = "".join(one[0] if len(set(one)) == 1 else " " for one in zip(*texts, strict=True)).strip()
        if len(shared) >= MIN_LENGTH:
            forms |= {shared, shared.replace("+", "-").replace("/", "_")}
    assert set(_encoded_forms(value)) == forms
    assert (len(forms) > 1) == (size > 4)


def test_punctuation_of_base64_may_be_encoded() -> None:
    secret = "????>>>>~~~~"
    exchange = exchange_with(token=secret)
    coded = base64.b64encode(secret.encode()).decode()
    assert coded == "Pz8/Pz4+Pj5+fn5+"
    for form in (
        coded,
        quote(coded, safe=""),
        coded.replace("+", "-").replace("/", "_"),
        coded.replace("+", "&#43;"),
    ):
        assert read(f"before {form} after", exchange) == f"before {MASK} after", form


def test_shortest_secret_has_six_characters() -> None:
    secrets = Secrets("sixsix", "five5")
    assert secrets.mask("sixsix, five5, sixsix:five5") == f"{MASK}, five5, {MASK}"
    assert Secrets("%73ixsix", "").occur_in("as sixsix")


@pytest.mark.parametrize("zeros", ["", "0", "0" * 20])
def test_html_number_may_begin_with_zeros(zeros: str) -> None:
    for number in (f"&#{zeros}{ord(KEY[0])};", f"&#x{zeros}{ord(KEY[0]):x};"):
        assert Secrets(KEY, TOKEN).mask(f"before {number}{KEY[1:]} after") == f"before {MASK} after"


def test_html_number_too_long_for_python_is_no_failure() -> None:
    number = f"&#{'9' * 5_000};"
    assert SECRETS.mask(number) == number
    assert SECRETS.mask(f"{number} {KEY}") == f"{number} {MASK}"


def test_text_encoded_too_often_is_masked_completely() -> None:
    often = [f"x%{'25' * (times - 1)}41" for times in range(14)]
    assert [SECRETS.mask(text) for text in often] == [*often[:12], MASK, MASK]
    assert len(list(_decodings(f"%{'25' * 50}41"))) == 13, (
        "Decoding without a limit would take quadratic time"
    )
    echo = f"%{'25' * 10}{ord(KEY[0]):x}{KEY[1:]}"
    assert SECRETS.mask(f"before {echo} after") == f"before {MASK} after"


def test_only_texts_with_a_secret_are_changed() -> None:
    payload = {"price": 12, "own": True, "none": None, "list": [0, {"name": "Ida"}], KEY: TOKEN}
    masked = {"price": 12, "own": True, "none": None, "list": [0, {"name": "Ida"}], MASK: MASK}
    assert Secrets(KEY, TOKEN).masked(payload) == masked
    assert Secrets("", "").masked(payload) == payload


def test_secret_in_a_member_name_is_masked() -> None:
    assert exchange_with()._payload(json.dumps({"a": [{f"{KEY[:4]}\n{KEY[4:]}": 1}]}).encode()) == {
        "a": [{MASK: 1}]
    }


@pytest.mark.parametrize(
    "text",
    [
        "\\" * 300_000,
        "\\" * 300_000 + "u",
        "%" + "25" * 150_000 + "41",
        "&" + "amp;" * 100_000 + "#65",
        "&#" + "0" * 300_000,
        "&#" + "9" * 300_000,
        "\u200b" * 300_000,
        f"{KEY[0]}\\" * 150_000,
        f"{KEY[0]}" + "\\\u200b" * 150_000 + "%25252525252525252541",
        "%41" * 100_000,
    ],
    ids=[
        "backslashes",
        "escape",
        "percent",
        "ampersand",
        "zeros",
        "number",
        "unseen",
        "begun",
        "mixed",
        "encoded",
    ],
)
def test_masking_time_is_linear_in_the_text(text: str) -> None:
    """In seconds of processor time. Quadratic growth would take minutes."""
    began = time.process_time()
    SECRETS.mask(text)
    SECRETS._pattern.sub(MASK, text)  # also if the quick search excludes nothing
    assert time.process_time() - began < 10


def test_answer_nested_too_deeply_to_mask_is_malformed() -> None:
    wire = exchange_with()
    with pytest.raises(CdpMalformedAnswer):
        wire._payload(b"[" * 700 + json.dumps(KEY).encode() + b"]" * 700)
    assert wire._payload(b"[" * 500 + b"]" * 500) is not None


def test_secret_too_short_to_be_distinctive_is_not_masked() -> None:
    short = Secrets("key", "id")
    assert short.mask("the key of this id: key:id") == "the key of this id: ****"


def test_secrets_are_in_no_repr_or_text() -> None:
    assert repr(SECRETS) == str(SECRETS) == "Secrets(****)"


AUTHORIZATION = base64.b64encode(b"KEY-MARKER:TOKEN-MARKER").decode()


@pytest.mark.parametrize(
    "echo",
    [
        "KEY-MARKER",
        "token-marker",
        "KEY%2DMARKER",
        "KEY%2dMARKER and TOKEN%252DMARKER",
        f"Authorization: Basic {AUTHORIZATION}",
        quote(AUTHORIZATION, safe=""),
        "\\u004bEY-MARKER",
        "KEY\u0000-MARKER",
        "TOKEN\n-MARKER",
        "TOKEN\ud800-MARKER",
        "\u200bTOK\rEN-\tMARKER",
        base64.b64encode(b"user TOKEN-MARKER").decode(),
        "x" * 980 + "TOKEN-MARKER",
    ],
)
def test_secrets_echoed_in_the_message_are_masked(serve: Serve, echo: str) -> None:
    body = {"status": 400, "code": 400, "message": f"firstName: {echo}", "developerMessage": echo}
    error = failed_create(client_of(serve(always(answer(400, body))).url))
    assert (error.outcome, error.field) == ("rejected", "firstName")
    assert error.vendor_message.startswith("firstName: ")
    message = error.vendor_message.upper()
    assert not any(part in message for part in ("MARKER", "TOKEN-M", "VE9LRU4", AUTHORIZATION[:12].upper()))


def test_secrets_echoed_in_any_field_are_masked(serve: Serve) -> None:
    link = "https://x.example/v2.1/guests/1?client=KEY-MARKER&token=TOKEN%2DMARKER"
    body = {
        "ref": "b2f2d1d0-0000-4000-8000-000000000001",
        "href": link,
        "firstName": "KEY-MARKER",
        "emails": ["TOKEN-MARKER@example.com"],
        "guest": {"href": link},
    }
    consumer = create(client_of(serve(always(answer(200, body))).url)).consumer
    assert "MARKER" not in json.dumps(consumer.to_json())
    assert (consumer.first_name, consumer.emails) == (MASK, (f"{MASK}@example.com",))


def test_reference_that_contains_a_secret_is_dropped(serve: Serve) -> None:
    error = failed_create(client_of(serve(always(answer(200, {"ref": "KEY-MARKER"}))).url))
    assert (error.outcome, error.code) == ("unknown", "malformed_answer")
