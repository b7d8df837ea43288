"""The command line: `askback COMMAND`. Each command is a module that declares and runs itself."""

import signal
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from askback.errors import Halt, UserError
from askback.params import did_you_mean

# By name, with the module in askback/; `try` is a word of Python.
COMMANDS = {
    "check": "check",
    "plan": "plan",
    "try": "trial",
    "batch": "batch",
    "replies": "replies",
    "show": "show",
    "export": "export",
    "diff": "diff",
}
EXITS = "exit codes: 0 done, 2 something to change, 3 the world failed, 4 a limit is broken"


def main() -> None:
    """Runs the command that the command line names, and exits as a stage does."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `askback show | head` ends quietly
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8
    try:
        run(sys.argv[1:])
    except Halt as halt:
        print(f"askback: {halt}", file=sys.stderr)
        sys.exit(halt.exit_code)


def run(argv: Sequence[str]) -> None:
    """Runs the command in `argv`; prints the short help where there is none."""
    if not argv:
        return parser().print_help()
    if argv[0] not in COMMANDS and not argv[0].startswith("-"):
        raise UserError(f"no command {argv[0]}{did_you_mean(argv[0], COMMANDS)}")
    options = parser().parse_args(argv)
    options.run(options)


def parser() -> ArgumentParser:
    """The whole command line."""
    whole = ArgumentParser(
        prog="askback",
        description="From a book to a model that answers in its author's voice.",
        epilog=f"`askback COMMAND --help` has examples.\n{EXITS}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, file in COMMANDS.items():
        module = import_module(f"askback.{file}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
            epilog=f"{module.EXAMPLES}\n\n{EXITS}",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.arguments(command)
        command.set_defaults(run=module.run)
    return whole


if __name__ == "__main__":
    main()
