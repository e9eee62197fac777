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
from talking_portrait_ros.training.block_flow import command as block_flow
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.dyadic import command as dyadic
from talking_portrait_ros.training.dyadic.config import DyadicTraining
from talking_portrait_ros.training.reference_vae import command as reference_vae
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining

Trainer = Callable[[Any], list[Path]]


@click.group()
def train() -> None:
    """Train weights on speech and faces that are synthesised on the spot."""


def _command(name: str, config_class: type[Config], trainer: Trainer, summary: str) -> None:
    """A subcommand whose options are the plain fields of `config_class`."""

    @train.command(name, help=summary)
    def command(**values: Any) -> None:
        for path in trainer(config_class(**_nested(config_class, values))):
            click.echo(str(path))

    _add_options(command, config_class)


def _add_options(command: Any, config_class: type[Config], prefix: str = "") -> None:
    """One option per plain field; those of a config within it are named field-name."""
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        kind, name = hints[field.name], f"{prefix}{field.name}"
        if isinstance(kind, type) and issubclass(kind, Config):
            _add_options(command, kind, f"{name}.")
            continue
        several = typing.get_origin(kind) is tuple
        one = typing.get_args(kind)[0] if several else kind
        if one not in (int, float, str, bool):
            continue
        click.option(
            f"--{name.replace('_', '-').replace('.', '-')}",
            name.replace(".", "__"),
            type=one,
            is_flag=kind is bool,
            multiple=several,
            default=field.default,
            show_default=True,
            help=field.metadata["description"],
        )(command)


def _nested(config_class: type[Config], values: dict[str, Any]) -> dict[str, Any]:
    """Options named field__name gathered into the config of `field`."""
    hints = typing.get_type_hints(config_class)
    plain = {name: value for name, value in values.items() if "__" not in name}
    for field in {name.split("__")[0] for name in values if "__" in name}:
        start = f"{field}__"
        inner = {k.removeprefix(start): v for k, v in values.items() if k.startswith(start)}
        plain[field] = hints[field](**_nested(hints[field], inner))
    return plain


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
_command(
    "reference-vae",
    ReferenceVaeTraining,
    reference_vae.train,
    "Reference-guided VAE: clips of rendered faces to latents and back. Begun again with the "
    "same folder, it goes on from the newest checkpoint there.",
)
_command(
    "block-flow",
    BlockFlowTraining,
    block_flow.train,
    "Generator: speech to blocks of a reference VAE's latents. Begun again with the same folder, "
    "it goes on from the newest checkpoint there.",
)
_command(
    "dyadic",
    DyadicTraining,
    dyadic.train,
    "Generator: the voices of two people to the motion of one face. Begun again with the same "
    "folder, it goes on from the newest checkpoint there.",
)
