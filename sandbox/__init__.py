"""The sandbox: our stand-in for the vendor's API, a separate process that is called over real HTTP.

The sandbox and the portal share no code, so that the sandbox cannot repeat a mistake of the client and hide
it. The specification is the vendor's documentation. `docs/sandbox.md` lists our decisions about what it does
not specify. It uses no Django. `python -m sandbox` starts it.
"""
