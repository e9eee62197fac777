"""The command `talking-portrait`.

Each subcommand is one file in `commands`, read when it is asked for. A user's mistake ends in one
line that names the field, the value and the remedy, and exit code 2; Ctrl-C ends in exit code 0.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

import click

from talking_portrait_ros import __version__
from talking_portrait_ros.resources import keep_freed_memory

COMMANDS = (
    "bench",
    "chaos",
    "corpus",
    "demo",
    "doctor",
    "evaluate",
    "reconstruct",
    "record",
    "render",
    "replay",
    "run",
    "soak",
    "train",
)


class _Group(click.Group):
    """Finds the subcommands, and turns errors of a user's making into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"talking_portrait_ros.commands.{cmd_name}")
        return cast(click.Command, getattr(module, cmd_name))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            raise click.UsageError(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            sys.exit(0)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A talking face from one picture and a stream of speech."""
    keep_freed_memory()
