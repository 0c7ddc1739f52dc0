"""Who acts, and from where: the value that every writing service takes and every event copies."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an act came from. Empty for commands and background work.

    ``peer_address`` is the other end of the socket; ``client_address`` is the person's address after
    the trusted proxies (the same where there are none).
    """

    request_id: str = ""
    peer_address: str = ""
    client_address: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a process of ours, or an unknown visitor, as text that outlives the account."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)

    @classmethod
    def system(cls, name: str) -> Actor:
        """A process of ours, such as ``create_administrator``."""
        return cls(id="", name=f"system:{name}")

    @classmethod
    def anonymous(cls, origin: Origin) -> Actor:
        """A visitor who has not signed in."""
        return cls(id="", name="", origin=origin)
