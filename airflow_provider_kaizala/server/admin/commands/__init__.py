"""The subcommands of ``kaizala-server`` that administer a server's database."""
