"""The page people read and answer on, at ``/``: server-rendered, usable without script, live with it."""
