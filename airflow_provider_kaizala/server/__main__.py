"""``python -m airflow_provider_kaizala.server``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; where what the server needs is missing, say what to install."""
    try:
        from airflow_provider_kaizala.server.cli import cli

        cli(prog_name="kaizala-server")
    except ImportError as error:
        sys.exit(
            f"kaizala-server: cannot run with {sys.executable} ({error}); install airflow-provider-kaizala[server], "
            "beside Airflow 2 into an environment of its own"
        )


if __name__ == "__main__":
    main()
