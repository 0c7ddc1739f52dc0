"""The forms, by subject: the entry of a consumer, resolving an unknown outcome, the identity rules."""
