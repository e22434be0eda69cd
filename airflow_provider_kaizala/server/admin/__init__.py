"""Administration: what the management portal was for, on the database of a server, while it runs.

- ``session.py``: opening the database of a server for one command
- ``connectors.py``, ``people.py``, ``groups.py``, ``grants.py``, ``webhooks.py``, ``audit_log.py``: what is done to it, without
  a terminal
- ``commands/``: the subcommands of ``kaizala-server``, and how results are shown

What is created is checked and written as an entry of a seed is. The server keeps nothing of this in memory, so a change holds
from the next request on.
"""
