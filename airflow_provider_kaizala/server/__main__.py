"""``python -m airflow_provider_kaizala.server``."""

from __future__ import annotations

from airflow_provider_kaizala.server.cli import cli


def main() -> None:
    """Run the command."""
    cli(prog_name="kaizala-server")


if __name__ == "__main__":
    main()
