"""Identity rules: which existing guest a new consumer belongs to, and the keys that find guests."""

import json

from sandbox.data.store import JsonObject, Transaction


def match(tx: Transaction, consumer: JsonObject, providers: tuple[str, ...]) -> tuple[str, str] | None:
    """The guest that matches a consumer's identifiers, and the provider of the rule that matched.

    Rules apply in their own order, not in the order of the identifiers. Of several guests the oldest is
    returned (vendor: configure identity rules; the vendor does not document which of several guests is used).
    """
    pairs = identifiers_of(consumer)
    for rule in providers:
        for provider, value in pairs:
            if provider == rule and (guests := tx.guest_refs_by_key(identifier_key(provider, value))):
                return guests[0], rule
    return None


def guest_keys(person: JsonObject) -> list[str]:
    """The keys that find a guest with these fields: its e-mail addresses and its identifiers."""
    return [email_key(email) for email in emails_of(person)] + [
        identifier_key(provider, value) for provider, value in identifiers_of(person)
    ]


def email_key(email: str) -> str:
    """The key for an e-mail address, compared exactly (vendor: Guest API, search)."""
    return json.dumps(["email", email])


def identifier_key(provider: str, value: str) -> str:
    """The key for an identifier pair, compared exactly: the vendor does not document that case is ignored."""
    return json.dumps(["identifier", provider, value])


def emails_of(person: JsonObject) -> list[str]:
    """The e-mail addresses in a body that has passed validation."""
    emails = person.get("emails")
    return emails if isinstance(emails, list) else []


def identifiers_of(person: JsonObject) -> list[tuple[str, str]]:
    """The identifier pairs in a body that has passed validation."""
    pairs = person.get("identifiers")
    return [(pair["provider"], pair["id"]) for pair in pairs] if isinstance(pairs, list) else []
