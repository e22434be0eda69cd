"""Exit codes of the commands, which scripts rely on: they change only by addition."""

from __future__ import annotations

DONE = 0
FAILED = 1
WRONG = 2
UNREACHABLE = 3
UNDECIDED = 4
UNKNOWN = 5
INTERRUPTED = 130
CLOSED_PIPE = 141
TERMINATED = 143

#: what each code means, for the help
MEANINGS = {
    DONE: "done; for ask: what --until or --quorum asks for has happened",
    FAILED: "the command failed: Kaizala refused a call, or a check found something wrong",
    WRONG: "the command line or the connection is wrong; nothing was posted or changed",
    UNREACHABLE: "Kaizala cannot be reached now; the same command may succeed later",
    UNDECIDED: "ask: time is up, or the rule can no longer be met",
    UNKNOWN: "a post was or may have been sent: look into the group before you repeat it",
    INTERRUPTED: "interrupted with Ctrl-C",
    CLOSED_PIPE: "the program that reads the output has ended",
    TERMINATED: "terminated by SIGTERM or SIGHUP",
}
