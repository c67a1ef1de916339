"""The command ``limner``: its subcommands, loaded when they are called."""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
import sys

import click

from limner import __version__
from limner.errors import LimnerError

_COMMANDS = {
    "serve": "cli.serve_command",
    "triton": "cli.triton_command",
    "probe": "cli.probe_command",
    "enhance": "cli.enhance_command",
    "models": "cli.models_command",
    "weights": "cli.weights_command",
    "export": "cli.export_command",
    "doctor": "cli.doctor_command",
    "key": "cli.key_command",
    "bench": "cli.bench_command",
}


class _LazyGroup(click.Group):
    """Imports a subcommand's module only when it is needed, so that ``limner --help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Those that are there: an image holds what it needs."""
        return [name for name, module in _COMMANDS.items() if importlib.util.find_spec(module) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="limner")
def cli() -> None:
    """Restore low-quality face photos."""


def main() -> None:
    """Run the command line; an error of ours ends it with its message and code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name of a file may hold what the terminal cannot show, or bytes that are no characters.
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        cli()
    except LimnerError as error:
        click.echo(f"limner: {error.message}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
