"""The views, by subject: the entry of a consumer, submissions and their receipts, the identity rules."""
