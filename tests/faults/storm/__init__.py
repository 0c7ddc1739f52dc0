"""A storm over the whole portal: people who post, faults on the wire, processes that are killed.

``make faults`` runs it; ``world`` are the processes, ``havoc`` what happens to them, ``weather`` what happens
on the wire, ``people`` who post, ``account`` the reckoning at the end, ``report`` the tables.
"""
