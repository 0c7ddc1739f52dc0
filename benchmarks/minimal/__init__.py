"""The peer: the minimal Django implementation of the same form."""
