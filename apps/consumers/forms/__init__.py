"""The forms, by subject: the entry of a consumer, settling an unknown outcome, the identity rules."""
