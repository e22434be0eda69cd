"""A pytest plugin for DAG authors: a Kaizala server, people who answer by script, and the Airflow connection.

It is installed with the package, and costs nothing until a test uses one of its fixtures::

    def test_payment_is_approved(kaizala_conn, kaizala_people):
        my_dag.get_task("approve").poke_interval = 1  # look every second
        kaizala_people.ravi.votes("Approve", after_polls=2)
        assert my_dag.test().state == "success"

- ``kaizala_server``: :class:`~airflow_provider_kaizala.testing.server.KaizalaServer`, on a free port, with a database of its own.
  It starts once for all tests (once for each worker of pytest-xdist) and is reset before each: people, posts, webhooks, media,
  faults, journal and clock are as the seed leaves them
- ``kaizala_people``: :class:`~airflow_provider_kaizala.testing.people.People` of the seed, by name. What a script cannot do fails
  the test at once, and so does a script that never acted, at its end
- ``kaizala_conn``: the connection ``kaizala_default`` to that server, set in the environment and returned as a dict
- ``kaizala_connect``: a function for more of them: ``kaizala_connect("kaizala_ops", connector_id="ops")``

A test that fails shows the last calls that the server received.

Settings, in the ini file or in the environment:

- ``kaizala_seed`` / ``KAIZALA_SEED``: a seed file of your own groups and people; the built-in ``demo`` by default
- ``kaizala_server_url`` / ``KAIZALA_SERVER_URL``: a server that already runs in ``--test-mode``. Parallel tests cannot share it
- ``kaizala_server_python`` / ``KAIZALA_SERVER_PYTHON``: an interpreter that has ``airflow-provider-kaizala[server]``, for environments
  that cannot have it: the SQLAlchemy of Airflow 2.11 is too old for the server
"""
