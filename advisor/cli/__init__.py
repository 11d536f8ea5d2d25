"""The command line: parses flags, calls one function, prints its answer, ends with a documented exit code."""

import os
import sys


def main() -> None:
    """Run the advisor. Every expected failure is one sentence on stderr and an exit code; a traceback is a defect."""
    from advisor.cli.app import app
    from advisor.errors import AdvisorError

    try:
        app(standalone_mode=True)
    except AdvisorError as error:
        print(str(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `advisor … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
