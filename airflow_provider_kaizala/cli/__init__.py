"""Commands: ``airflow kaizala ...`` on Airflow 3.2 and newer, and the console script ``airflow-kaizala`` on all versions."""
