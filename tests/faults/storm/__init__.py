"""A storm over the whole portal: people who post, faults on the wire, processes that are killed.

``make faults`` runs it. ``world``: the processes; ``havoc``: faults of the processes; ``weather``: faults on
the wire; ``people`` post ``entries``; ``account``: the comparison of all ``rows`` at the end; ``report``: the
tables.
"""
