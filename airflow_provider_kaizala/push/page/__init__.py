"""The page *Kaizala* in Airflow's UI: open waits, subscriptions and deliveries, for signed-in users of Airflow.

It is a room of its own within ``push``, since one plugin serves both, and reads what the receiver has stored. Beyond what the receiver
may import, it imports ``waiting``. Nothing imports it but the plugin.
"""
