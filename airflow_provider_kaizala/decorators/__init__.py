"""TaskFlow decorators: ``@task.kaizala_ask`` and ``@task.kaizala_approval``.

Airflow finds them by the provider's metadata, so a DAG imports nothing of this package.
"""
