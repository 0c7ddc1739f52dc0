"""Every address as every role, with requests that no browser sends: none causes an error in the portal.

``FUZZ_REQUESTS=1200 make test ARGS=tests/faults/test_fuzz.py`` sends 1,200 of them, and with ``--postgresql``
in ARGS other ones on PostgreSQL; the suite sends 450 on SQLite and 150 on PostgreSQL, whose errors differ.
"""

from __future__ import annotations

import datetime
import itertools
import logging
import os
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import Morsel
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.batches.models import Batch, SourceKind
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers import identity_rules
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import submit
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.addresses import ADDRESSES, Address
from tests.support.batch_sending import checked_batch, people
from tests.support.entries import FULL, creates, posted, store
from tests.support.export_rows import prepared
from tests.support.history_rows import saved_view
from tests.support.people import TESTS, acting, make_person

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "450" if connection.vendor == "sqlite" else "150"))
SEEDS = {"sqlite": 20260923, "postgresql": 20260924}  # other requests on each database
METHODS = ["GET"] * 5 + ["POST"] * 8 + ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"]
COOKIE = settings.SESSION_COOKIE_NAME
FORM = "application/x-www-form-urlencoded"

# Every third request goes to one of these.
FORMS = (
    *("consumers:new", "consumers:resolve", "history:submissions", "consumers:identity_rules"),
    *("orders:orders", "accounts:add_person", "accounts:person", "accounts:invite"),
    *("accounts:people", "consumers:move_identity_rule", "consumers:restore_identity_rule"),
    *("account_login", "own_password", "own_profile", "audit:log", "audit:export"),
    *("history:export", "history:figures", "batches:new", "batches:columns", "batches:row"),
    *("batches:accept", "batches:confirm", "batches:leave_out", "batches:release"),
)
TEXTS = [
    "",
    " ",
    "\x00",
    "\r\nSet-Cookie: a=b",
    "\x1b[31m",
    "A" * 10_000,
    "9" * 30,
    "9" * 5_000,
    "-1",
    "1e309",
    "NaN",
    "٣-٣",
    "²",
    f"{2**63}-{2**63}",
    f"1-{2**64}",
    f"{10**17}-1",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\N{REPLACEMENT CHARACTER}",
    "\U0010ffff",
    "İ",
    "../../etc/passwd",
    "..%2f..%2f",
    "//elsewhere.example/",
    "https://elsewhere.example/",
    "javascript:alert(1)",
    "http://[",
    '"><script>alert(1)</script>',
    "{{ 7|add:7 }}{% now %}",
    "%s%(x)s%",
    "{0.__class__}",
    "' OR 1=1 --",
    '{"a": [',
    SAMPLE_ORDER,
    SAMPLE_ORDER.upper(),
    "00000000-0000-0000-0000-000000000000",
    "emails-0",
    "emails-99999",
    "created",
    "not_created",
    "sam",
    "on",
    f"consumer:{SAMPLE_ORDER}/\x00",
]
NAMES = [
    # fields of the forms, arguments of the addresses, and what Django and allauth read themselves
    *posted(FULL),
    *("emails-MIN_NUM_FORMS", "emails-MAX_NUM_FORMS", "emails-99999-value", "identifiers-0-DELETE"),
    *("accepted", "similar_reason", "add", "remove", "entry_of", "csrfmiddlewaretoken", "_method"),
    *("order", "from", "before", "next", "order_number", "guest_ref", "page", "language"),
    *("outcome", "created-reason", "created-note", "created-consumer_ref", "not_created-reason"),
    *("name", "provider", "username", "roles", "time_zone", "login", "password", "remember"),
    *("since", "until", "person", "account", "action", "reference", "address", "failures", "sort", "after"),
    *("format", "first", "last", "carry-from", "copy", "copy-replace"),
    *("period", "consumer", "guest", "reason", "answered_from", "answered_under"),
    *("email", "search", "search-email", "search-phone", "search-last_name"),
    *(
        "separator",
        "byte_order_mark",
        "reason",
        "note",
        "move",
        "show_outcome",
        "position_outcome",
        "show_last_name",
    ),
    *("new_password", "new_password_again", "current_password"),
    *("", "\x00", "__class__", "a[b]", "a.b"),
]


@dataclass(frozen=True)
class Odd:
    """An invalid or unusual request."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes
    headers: dict[str, str]


class Maker:
    """Generates requests at random, deterministically for a seed."""

    def __init__(self, known: dict[str, list[object]]) -> None:
        self.random = random.Random(SEEDS[connection.vendor])  # for repeatability, not secrecy
        self._known = known

    def request(self, address: Address) -> Odd:
        """An odd request to this address."""
        chance = self.random
        arguments = {name: chance.choice(self._known[name]) for name in address.arguments}
        make_body: Callable[[], tuple[bytes, str]] = chance.choice(self._bodies())
        body, content_type = make_body()
        return Odd(
            method=chance.choice(METHODS),
            path=reverse(address.name, kwargs=arguments),
            query=self._query() if chance.random() < 0.7 else "",
            content_type=content_type,
            body=body,
            headers=self._headers(),
        )

    def _bodies(self) -> list[Callable[[], tuple[bytes, str]]]:
        return [
            self._damaged_entry,
            self._damaged_entry,
            self._fields,
            self._fields,
            self._fields,
            self._thousands,
            self._bytes,
            self._multipart,
            self._wrong_type,
        ]

    def _text(self) -> str:
        return self.random.choice(TEXTS)

    def _pairs(self) -> list[tuple[str, str]]:
        names = self.random.choices(NAMES, k=self.random.randint(0, 12))
        return [(name, self._text()) for name in names]

    def _query(self) -> str:
        raw = ["%", "%zz", "a&&=", "%ff=%ed%a0%80", "before=%00", "=", "a=1;b=2", "?" * 20]
        return self.random.choice([urlencode(self._pairs()), self.random.choice(raw)])

    def _damaged_entry(self) -> tuple[bytes, str]:
        """A whole entry with names removed, doubled or filled with other values."""
        pairs = list(posted(FULL).items())
        for _time in range(self.random.randint(1, 6)):
            place = self.random.randrange(len(pairs))
            damage = self.random.choice(["drop", "double", "fill", "rename"])
            name, value = pairs[place]
            if damage == "drop":
                del pairs[place]
            elif damage == "double":
                pairs.append((name, self._text()))
            elif damage == "fill":
                pairs[place] = (name, self._text())
            else:
                pairs[place] = (self.random.choice(NAMES), value)
        return urlencode(pairs).encode(), FORM

    def _fields(self) -> tuple[bytes, str]:
        return urlencode(self._pairs()).encode(), FORM

    def _thousands(self) -> tuple[bytes, str]:
        name = self.random.choice(["x", "emails-{}-value", "identifiers-{}-id"])
        count = self.random.choice([900, 1_150, 5_000])
        pairs = [*posted(FULL).items(), *((name.format(index), "x") for index in range(count))]
        return urlencode({**dict(pairs), "emails-TOTAL_FORMS": str(count)}).encode(), FORM

    def _bytes(self) -> tuple[bytes, str]:
        body = self.random.randbytes(self.random.choice([0, 1, 100, 5_000]))
        charset = self.random.choice(["", "; charset=utf-16", "; charset=nonsense", "; charset=utf-7"])
        return b"first_name=" + body, FORM + charset

    def _multipart(self) -> tuple[bytes, str]:
        part = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        name, text = self.random.choice(NAMES).encode(), self._text().encode()
        body = self.random.choice(
            [
                b"",
                b"--B--",
                part % (name, b"", text) + b"--B--\r\n",
                part % (name, b'; filename="../x.exe"', text) + b"--B--\r\n",
                part % (name, b"", text),  # unclosed
                part % (name, b"\r\nContent-Transfer-Encoding: base64", b"====!") + b"--B--\r\n",
                b"--B\r\nContent-Disposition: nonsense\r\n\r\n\r\n--B--",
                self.random.randbytes(500),
            ]
        )
        kind = self.random.choice(["boundary=B", "boundary=B; charset=utf-16", "", "boundary=", "boundary=é"])
        return body, f"multipart/form-data; {kind}"

    def _wrong_type(self) -> tuple[bytes, str]:
        kinds = ["application/json", "text/plain", "text/xml", "", "nonsense", "; ;;", "a/b; charset=\x7f"]
        return self._text().encode(), self.random.choice(kinds)

    def _headers(self) -> dict[str, str]:
        odd = {
            "Referer": self.random.choice(["http://[", "https://elsewhere.example/", "//", "\N{SNOWMAN}"]),
            "Accept-Language": self.random.choice(["*", "x" * 5_000, "en-;q=9", "../.."]),
            "X-Forwarded-For": self.random.choice(["", "nonsense, \x01", "1.2.3.4," * 500]),
            "Cookie": f"{COOKIE}={self._text().encode('latin-1', 'replace').decode('latin-1')}",
            "If-Modified-Since": self.random.choice(["nonsense", "Sun, 99 Nov 9999 99:99:99 GMT"]),
            "If-None-Match": self.random.choice(['"', "*", "W/"]),
            "Range": "bytes=9-1",
        }
        chosen = self.random.sample(sorted(odd), k=self.random.randint(0, 3))
        return {name: odd[name] for name in chosen}


def _known(sam: User, other_person: User) -> dict[str, list[object]]:
    """Values for the arguments of an address: of existing and of missing objects."""
    created = submit.submit(
        order_ref=SAMPLE_ORDER,
        consumer=NewConsumer(
            first_name="Somebody",
            last_name="Else",
            date_of_birth=datetime.date(1990, 1, 1),
            emails=("a@b.ie",),
        ),
        token=uuid.uuid4(),
        actor=acting(sam),
        client=get_client(),
    )
    unknown, rejected = store(sam, Outcome.UNKNOWN), store(sam, Outcome.REJECTED)
    rule = identity_rules.add_rule(name="Rule", provider="Provider", actor=TESTS)
    submissions = [item.public_id for item in (created, unknown, unknown, rejected)]
    return {
        "public_id": [*submissions, uuid.UUID(int=0)],
        "export_id": [prepared(sam).public_id, uuid.UUID(int=0)],
        "batch_id": [
            checked_batch(sam, people(2)).public_id,
            checked_batch(other_person, people(1)).public_id,
            Batch.objects.create(
                author=sam,
                author_name=sam.name,
                created_at=clock.now(),
                order_ref=SAMPLE_ORDER,
                source=SourceKind.CSV,
            ).public_id,
            uuid.UUID(int=0),
        ],
        "number": [2, 3, 0, 2**31, 2**63, 10**40],
        "view_id": [saved_view(sam).public_id, saved_view(other_person).public_id, uuid.UUID(int=0)],
        "pk": [rule.pk, 0, 2**63, 10**40],
        "seq": [1, 2, 0, 2**63, 10**40],
        "ref": [SAMPLE_ORDER, SAMPLE_ORDER.upper(), "00000000-0000-0000-0000-000000000000"],
        "person_id": [sam.pk, other_person.pk, 0, 2**63, 10**40],
        "role": ["supervisor", "nonsense", "a" * 5_000],
        "uid": ["MQ", "x" * 5_000, "\x00", "é", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"],
        "token": ["not-a-token", "set-password", "\x00", "%"],
    }


@pytest.mark.django_db(transaction=True)
def test_no_odd_request_causes_an_error_in_the_portal(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Send requests with a fixed seed over every address of the resolver, each several times.

    Two of three go to each address in turn, the third to one with a form; as anonymous, as each role, and as
    a person with all roles. A view's exception comes out of the test client and ends the run; the message
    contains its request. Every submission that the run created has exactly one send.
    """
    caplog.set_level(logging.CRITICAL)
    seeded = len(sandbox.sandbox.consumers())
    sam = make_person("sam", "staff")
    make_person("ada", "administrator")  # so that the last administrator is not among the targets
    people = {role: make_person(f"of-{role}", role) for role in ROLES}
    people["everything"] = make_person("all", *ROLES)
    visitors: list[User | None] = [None, *people.values(), people["everything"], people["everything"]]
    in_turn = itertools.cycle(ADDRESSES)
    with_forms = [address for address in ADDRESSES if address.name in FORMS]
    clients = [Client() for _visitor in visitors]
    maker = Maker(_known(sam, make_person("sid")))
    started, statuses, wrong = time.monotonic(), dict.fromkeys(range(2, 6), 0), []
    for number in range(REQUESTS):
        address = maker.random.choice(with_forms) if number % 3 == 0 else next(in_turn)
        visitor = maker.random.randrange(len(visitors))
        person = visitors[visitor]
        odd = maker.request(address)
        client = clients[visitor]
        if person is not None and not client.cookies.get(COOKIE, Morsel()).value:
            # At first, and again after signing out or a new hash.
            client.force_login(User.objects.get(pk=person.pk))
        headers = {name: value for name, value in odd.headers.items() if person is None or name != "Cookie"}
        try:
            response = client.generic(
                odd.method,
                quote(odd.path, safe="/%"),
                odd.body,
                content_type=odd.content_type,
                query_params=None,
                headers=headers,
                QUERY_STRING=odd.query,
            )
        except Exception as error:  # noqa: BLE001  # the run continues and reports all errors
            wrong.append(f"{number} {odd.method} {address.name}: {error!r:.200}")
            continue
        statuses[response.status_code // 100] += 1
        if response.status_code >= 500:
            wrong.append(f"{number} {odd.method} {address.name}: {response.status_code}")
    seconds = time.monotonic() - started
    print(f"{REQUESTS} requests to {len(ADDRESSES)} addresses in {seconds:.0f} s, by class {statuses}")
    assert wrong == []
    assert min(statuses[kind] for kind in (2, 3, 4)) > REQUESTS // 20  # not all requests were refused
    sends = {"created": len(sandbox.sandbox.consumers()) - seeded, "any": len(creates(sandbox))}
    assert sends["created"] == Submission.objects.filter(duration_ms__isnull=False, outcome="created").count()
    assert sends["any"] == Submission.objects.filter(duration_ms__isnull=False).count()
