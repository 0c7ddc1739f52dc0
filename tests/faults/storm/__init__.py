"""A storm over the whole portal: people who post, faults on the wire, processes that are killed.

``make faults`` runs it. ``world``: the processes; ``havoc``: what happens to them; ``weather``: what happens
on the wire; ``people`` post ``entries``; ``account``: the reckoning over ``rows``; ``report``: the tables.
"""
