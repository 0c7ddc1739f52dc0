"""The actor of a change: every service that writes takes an ``Actor``, and every event copies it."""

from __future__ import annotations

from dataclasses import dataclass, field

PORTAL_PREFIX = "system:"
"""Begins the name of a process of the portal. Proves nothing: only an actor without an id is not a person."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that an act came from. Empty for commands and background work.

    ``peer_address`` is the address at the other end of the socket. ``client_address`` is the address in front
    of the trusted proxies; without proxies both are the same.
    """

    request_id: str = ""
    peer_address: str = ""
    client_address: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a process of the portal or an anonymous visitor, as text that does not need the account.

    ``session``: the id of the sign-in under which a person acts; a random UUID, and no secret. Empty for a
    process of the portal and for a visitor.
    """

    id: str
    name: str
    roles: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)
    session: str = ""

    @classmethod
    def system(cls, name: str) -> Actor:
        """A process of the portal, such as ``create_administrator``."""
        return cls(id="", name=f"{PORTAL_PREFIX}{name}")

    @classmethod
    def anonymous(cls, origin: Origin) -> Actor:
        """A visitor who has not signed in."""
        return cls(id="", name="", origin=origin)
