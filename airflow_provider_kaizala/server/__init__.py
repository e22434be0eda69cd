"""A Kaizala-compatible server: the embedded default, and what a company can host itself.

It is written from the API contract and shares no code with this package's client, so that a mistake in one shows as a
failing test instead of hiding in both. It imports no Airflow.

Where to look:

- ``wire/``: what travels: lenient JSON, any-case names, errors, times, paths
- ``store/``: tables, the reader pool, the one writer with its group commit
- ``kaizala/``: what the service does, one matter per file
- ``routes/``: the REST operations, thin
- ``people/``: the JSON API people answer through
- ``seeds/``: seed files and the built-in ``demo``
- ``control/``: what ``--test-mode`` adds under ``/_test/``
"""
