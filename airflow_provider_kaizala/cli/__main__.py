"""``python -m airflow_provider_kaizala.cli``."""

from __future__ import annotations

import sys

from airflow_provider_kaizala.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
