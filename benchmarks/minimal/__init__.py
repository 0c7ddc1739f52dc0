"""The peer: the least that a Django developer could write for the same form."""
