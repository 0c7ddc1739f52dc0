"""Data of a request: its actor, its origin, and the support code."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

from apps.core.actor import Actor, Origin

UNIX_SOCKET = "unix"
"""The item of ``TRUSTED_PROXIES`` for the proxy that connects over the portal's Unix socket."""

SESSION_ID = "session_id"
"""The key of the sign-in's id in the session; ``apps.accounts.sign_in.sessions`` sets it."""


def origin_of(request: HttpRequest) -> Origin:
    """The request id, the address of the socket's other end, and the client's address."""
    peer = request.META.get("REMOTE_ADDR", "")
    return Origin(
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        peer_address=peer,
        client_address=_client_address(peer, request.headers.get("X-Forwarded-For", "")),
    )


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person with roles and origin, or an anonymous actor."""
    user = request.user
    if not user.is_authenticated:
        return Actor.anonymous(origin_of(request))
    roles = tuple(sorted(user.roles))
    return Actor(
        id=str(user.pk),
        name=user.get_full_name(),
        roles=roles,
        origin=origin_of(request),
        session=request.session.get(SESSION_ID, ""),
    )


def is_in_page(request: HttpRequest) -> bool:
    """Whether a script of the page sent the form, and shows the answer without a navigation."""
    return request.headers.get("Portal-Form") == "in-page"


def is_for_part(request: HttpRequest) -> bool:
    """Whether a script of the page sent the form, and uses only a part of the answer.

    Without a session the answer is 401: the reader is not led to the sign-in page, where a message about the
    request would be read much later.
    """
    return request.headers.get("Portal-Form") == "part"


def support_code(request: HttpRequest) -> str:
    """The first eight characters of the request id, for people to quote to support.

    Log lines and audit events contain the whole request id.
    """
    return origin_of(request).request_id[:8]


def _client_address(peer: str, forwarded_for: str) -> str:
    """The address in front of the trusted proxies, from the peer and X-Forwarded-For.

    Reads the header from its end while the sender of each element is a trusted proxy, so a forged beginning
    is never used. An element that is not an address ends the search at the proxy that sent it.
    """
    proxies = settings.TRUSTED_PROXIES
    networks = [ip_network(proxy, strict=False) for proxy in proxies if proxy != UNIX_SOCKET]
    address = _parse_address(peer)
    trusted = UNIX_SOCKET in proxies if address is None else _is_in(address, networks)
    # Empty elements are ignored (RFC 9110, 5.6.1).
    for part in reversed([part for part in forwarded_for.split(",") if part.strip()]):
        hop = _parse_address(part)
        if hop is None or not trusted:
            break
        address, trusted = hop, _is_in(hop, networks)
    return peer if address is None else str(address)


def _is_in(address: IPv4Address | IPv6Address, networks: list[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address with optional port and zone, which are dropped; None if it is not an address."""
    text = text.strip().partition("%")[0]
    if text.startswith("["):  # [2001:db8::1]:443, RFC 3986 section 3.2.2
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address  # a dual-stack socket reports 192.0.2.1 as ::ffff:192.0.2.1
