"""The failure of an attempt."""

from __future__ import annotations


class NotAcceptedError(Exception):
    """The message was not accepted, or it is unknown. Its text says why, without any text of the receiver.

    ``code``: the reason. ``setting``: the name, never the value, of the setting that cannot be used, if that
    is the reason. ``retry_after``: seconds that the receiver asks to wait; 0 if it does not.
    """

    def __init__(self, code: str, *, setting: str = "", retry_after: float = 0.0) -> None:
        super().__init__(f"{code}: {setting}" if setting else code)
        self.retry_after = retry_after
