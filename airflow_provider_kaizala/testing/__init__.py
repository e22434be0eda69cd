"""A pytest plugin for DAG authors: a Kaizala server, people who answer by script, and the Airflow connection.

Installed with the package, it costs nothing until a test asks for a fixture::

    def test_payment_is_approved(kaizala_conn, kaizala_people):
        my_dag.get_task("wait").poke_interval = 1  # of an operator that asks: poke_interval
        kaizala_people.ravi.votes("Yes", after_polls=2)
        assert my_dag.test().state == "success"

- ``kaizala_server``: :class:`~airflow_provider_kaizala.testing.server.KaizalaServer`, on a free port, with a database of its own.
  It starts once for all tests (once for each worker of pytest-xdist) and is reset before each: people, posts, webhooks, media,
  faults, journal and clock are as the seed leaves them
- ``kaizala_people``: :class:`~airflow_provider_kaizala.testing.people.People` of the seed, by name
- ``kaizala_conn``: the connection ``kaizala_default`` to that server, in the environment and as a dict

Settings, in the ini file or the environment:

- ``kaizala_seed`` / ``KAIZALA_SEED``: a seed file of your own groups and people; the built-in ``demo`` by default
- ``kaizala_server_url`` / ``KAIZALA_SERVER_URL``: a server in ``--test-mode`` that runs already. Parallel tests cannot share it
- ``kaizala_server_python`` / ``KAIZALA_SERVER_PYTHON``: an interpreter that has ``airflow-provider-kaizala[server]``, where this one
  cannot: Airflow 2.11 brings a SQLAlchemy the server does not run on
"""
