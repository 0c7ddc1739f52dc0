"""The sandbox: our stand-in of the vendor's API, a process of its own that is reached over real HTTP.

It imports nothing of the portal and nothing of the portal imports it, so that a mistake in the client
cannot be repeated here and hide. Specification: the vendor's pages as far as they go, and `docs/sandbox.md`
for what the sandbox decides where they are silent.
"""
