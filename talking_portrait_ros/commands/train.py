"""`talking-portrait train`: the trainers of the shipped weights, one subcommand each.

The options of a subcommand are the fields of its training config.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from talking_portrait_ros.config import Config
from talking_portrait_ros.training import audio_regression, speech_activity

Trainer = Callable[[Any], list[Path]]


@click.group()
def train() -> None:
    """Train weights on speech that is synthesised on the spot."""


def _command(name: str, config_class: type[Config], trainer: Trainer, summary: str) -> None:
    """A subcommand whose options are the plain fields of `config_class`."""
    hints = typing.get_type_hints(config_class)

    @train.command(name, help=summary)
    def command(**values: Any) -> None:
        for path in trainer(config_class(**values)):
            click.echo(str(path))

    for field in dataclasses.fields(config_class):
        kind = hints[field.name]
        if kind not in (int, float, str, tuple[int, ...]):
            continue
        several = kind == tuple[int, ...]
        click.option(
            f"--{field.name.replace('_', '-')}",
            field.name,
            type=int if several else kind,
            multiple=several,
            default=field.default,
            show_default=True,
            help=field.metadata["description"],
        )(command)


_command(
    "audio-regression",
    audio_regression.AudioRegressionTraining,
    audio_regression.train,
    "Lips: log-mel features to mouth and jaw weights, one network per lookahead.",
)
_command(
    "speech-activity",
    speech_activity.SpeechActivityTraining,
    speech_activity.train,
    "Voice activity: which frames hold speech.",
)
