"""The command `talking-portrait`.

Each subcommand is one file in `commands`. A user's mistake ends in one line that names the field,
the value and the remedy, and exit code 2; Ctrl-C ends in exit code 0.
"""

from __future__ import annotations

import sys

import click

from talking_portrait_ros import __version__
from talking_portrait_ros.commands.bench import bench
from talking_portrait_ros.commands.demo import demo
from talking_portrait_ros.commands.doctor import doctor
from talking_portrait_ros.commands.evaluate import evaluate
from talking_portrait_ros.commands.render import render
from talking_portrait_ros.commands.run import run
from talking_portrait_ros.commands.train import train


class _Group(click.Group):
    """Turns errors of a user's making into one line on the terminal."""

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


for command in (bench, demo, doctor, evaluate, render, run, train):
    main.add_command(command)
