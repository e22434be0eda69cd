"""A Kaizala-compatible server: the embedded default, and what a company can host itself.

It is written from the API contract and shares no code with this package's client, so that a mistake in one shows as a
failing test instead of hiding in both. It imports no Airflow.

Where to look:

- ``app.py``, ``run.py``, ``config.py``: build it, run it, configure it
- ``domain/``: what Kaizala does, one noun per file: groups, members, actions, responses, webhooks, tokens
- ``store/``: tables, migrations, the readers, the one writer with its group commit
- ``api/``: the REST operations, lenient parsing in, exact JSON out
- ``people/``, ``page/``: JSON and HTML for the people who answer
- ``delivery/``: the webhook outbox, and everything that calls out
- ``seeds/``: seed files and the built-in ``demo``
- ``control/``: what ``--test-mode`` adds under ``/_test/``
- ``admin/``: the administrator's commands
"""
