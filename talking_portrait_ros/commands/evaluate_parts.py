"""The parts of `talking-portrait evaluate`: each measures, prints its tables, returns figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.presets import DEFAULT_PRESET, PRESETS, preset

if TYPE_CHECKING:
    from talking_portrait_ros.evaluation.vae import Trial
    from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
    from talking_portrait_ros.training.corpus import Corpus

T = TypeVar("T")
LOOKAHEADS = ("rig_512_la0", "rig_512", "rig_512_la120", "rig_512_la200")
DYADIC = ("causal_speech",)  # features that hear both tracks
DEFAULT_VAE = "ref_vae_512"
VALIDATION_PACKS = "out/corpus/val*.safetensors"
CONVERSATIONS = "out/conversations/val.safetensors"
console = Console()


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the parts need to know."""

    clips: str | None
    presets: tuple[str, ...]
    portrait: str
    resolution: int | None
    device: str
    output: Path
    vae: tuple[str, ...] = (DEFAULT_VAE,)
    pack: str | None = None
    people: int | None = None
    seconds: float | None = None
    drift_minutes: int = 0
    long_minutes: int = 0
    tracks: tuple[str, str] | None = None

    @property
    def motion_presets(self) -> tuple[str, ...]:
        """Pipelines to compare on conversations."""
        dyadic = [
            name
            for name, each in PRESETS.items()
            if each.features.family in DYADIC and each.latents.options.get("weights")
        ]
        return self.presets or (*dyadic, DEFAULT_PRESET)


def evaluate_clips(settings: Settings) -> dict[str, Any]:
    """Lips from sound against real speakers, beside loudness and a linear model."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder, load_clips
    from talking_portrait_ros.evaluation.lips import evaluate_lips

    folder = Path(settings.clips) if settings.clips else data_folder("talking")
    clips = load_clips(folder, watch=_watch)
    reference = None
    if settings.portrait != "clip":
        reference = load_references([settings.portrait]).first
    found = evaluate_lips(
        clips,
        settings.presets or LOOKAHEADS,
        settings.resolution,
        reference,
        settings.device,
        _watch,
    )
    console.print(reports.lips_table(found), reports.differences_table(found))
    for note in reports.lips_notes(found):
        console.print(f"- {note}")
    reports.plot_lips(found, settings.output / "lips.png")
    return reports.lips_dict(found)


def evaluate_pauses(settings: Settings) -> dict[str, Any]:
    """Closed lips in pauses, and none that chatter to noise or music."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.runner import Runner
    from talking_portrait_ros.evaluation.silence import SOUND_SUFFIXES, evaluate_silence

    folder = data_folder("speech")
    recordings = sorted(p for p in folder.iterdir() if p.suffix in SOUND_SUFFIXES)
    face = AVATAR if settings.portrait == "clip" else settings.portrait
    reference = load_references([face]).first
    figures: dict[str, Any] = {}
    for name in settings.presets or (DEFAULT_PRESET,):
        runner = Runner(name, settings.resolution, settings.device)
        found = evaluate_silence(runner, recordings, reference, watch=_watch)
        console.print(name)
        figures[name] = _reported(reports.silence_table(found), found)
    return figures


def evaluate_commands(settings: Settings) -> dict[str, Any]:
    """Ten people: measured lips, lids and head against commanded ones."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.rig import evaluate_rig, every_nth

    people = every_nth(data_folder("portraits") / "val", 6, 10)
    found = evaluate_rig(_frames_stage(settings), people, _watch)
    return _reported(reports.rig_table(found), found)


def evaluate_pictures(settings: Settings) -> dict[str, Any]:
    """Any picture: drawn or refused; contact sheets to look at."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.faces import evaluate_faces

    pictures = sorted(p for p in data_folder("faces").iterdir() if p.suffix != ".npz")
    found = evaluate_faces(_frames_stage(settings), pictures, settings.output / "faces", _watch)
    return _reported(reports.faces_table(found), found)


def evaluate_reconstruction(settings: Settings) -> dict[str, Any]:
    """What the VAE keeps of people it has never seen, and of real videos."""
    from talking_portrait_ros.evaluation import vae_report as reports
    from talking_portrait_ros.evaluation.vae_drift import evaluate_drift
    from talking_portrait_ros.evaluation.vae_weights import load_vaes

    models = load_vaes(settings.vae, settings.device)
    corpus = _validation_corpus(settings)
    figures: dict[str, Any] = {}
    sets = {}
    for name, trials in _reconstructed(settings, models, corpus):
        console.print(reports.trials_table(name, trials))
        for note in reports.trials_notes(name, trials):
            console.print(f"- {note}")
        sets[name], figures[name] = trials, reports.trials_dict(trials)
    console.print(reports.ablation_table(sets))
    if settings.drift_minutes:
        if corpus is None:
            raise ValueError("drift-minutes: needs the people of a corpus pack; give --pack")
        first = next(iter(models.values()))
        minutes = evaluate_drift(first, corpus, settings.drift_minutes, _watch)
        console.print(reports.drift_table(minutes))
        figures["drift"] = [vars(minute) for minute in minutes]
    return figures


def evaluate_conversation(settings: Settings) -> dict[str, Any]:
    """A face that listens and answers, on motion alone: mouth, reactions, idleness, lips."""
    from talking_portrait_ros.evaluation import dyadic_report as reports
    from talking_portrait_ros.evaluation import dyadic_runs as runs
    from talking_portrait_ros.evaluation.dyadic import check_detectors
    from talking_portrait_ros.evaluation.output import plain
    from talking_portrait_ros.evaluation.two_tracks import read_conversation
    from talking_portrait_ros.training.conversations.conversation import load_pack

    if settings.tracks is None:
        conversations = load_pack(settings.pack or CONVERSATIONS)
    else:
        conversations = [read_conversation(*settings.tracks)]
    if 0 < settings.long_minutes < runs.SHORTEST_LONG_MINUTES:
        raise ValueError(
            f"long-minutes={settings.long_minutes}: no drift could show; give "
            f"{runs.SHORTEST_LONG_MINUTES} or more"
        )
    runners = [runs.MotionRunner(name, settings.device) for name in settings.motion_presets]
    figures: dict[str, Any] = {}
    scores = []
    if runs.is_labelled(conversations):
        figures["detectors"] = check_detectors(conversations)
        console.print(reports.detectors_table(figures["detectors"]))
        scores.append(runs.score_label(conversations))
    scores += [runs.score_runner(runner, conversations, _watch) for runner in runners]
    console.print(reports.speaking_table(scores), reports.silent_table(scores))
    console.print(reports.answers_table(scores))
    figures["scores"] = {score.name: score for score in scores}
    for runner in runners if settings.long_minutes else ():
        long_run = runs.run_long(runner, conversations, settings.long_minutes, _watch)
        for note in reports.long_notes(runner.name, long_run):
            console.print(f"- {note}")
        reports.plot_long(long_run, settings.output / f"{runner.name}_long.png")
        figures[f"long.{runner.name}"] = long_run
    found: dict[str, Any] = plain(figures)
    return found


def evaluate_liveliness(settings: Settings) -> dict[str, Any]:
    """Head, brows and lids beside those of real speakers; long sessions."""
    from talking_portrait_ros.evaluation import life, life_report
    from talking_portrait_ros.evaluation.clips import data_folder, load_clips
    from talking_portrait_ros.evaluation.output import plain
    from talking_portrait_ros.evaluation.runner import Runner

    folder = Path(settings.clips) if settings.clips else data_folder("talking")
    clips = load_clips(folder, watch=_watch)
    face = AVATAR if settings.portrait == "clip" else settings.portrait
    reference = load_references([face]).first
    movements, sessions = {}, {}
    for name in settings.presets or (DEFAULT_PRESET,):
        runner_of = partial(Runner, name, settings.resolution, settings.device)
        movements[name] = life.evaluate_movement(name, runner_of, clips, reference, _watch)
        if settings.long_minutes:
            sessions[name] = life.evaluate_long_session(
                runner_of(), clips, reference, settings.long_minutes, _watch
            )
    console.print(life_report.movement_table(movements, len(clips)))
    for name, minutes in sessions.items():
        console.print(life_report.session_table(name, minutes))
        for note in life_report.session_notes(name, minutes):
            console.print(f"- {note}")
    if sessions:
        life_report.plot_session(sessions, settings.output / "session.png")
    return {"movement": plain(movements), "session": plain(sessions)}


def _validation_corpus(settings: Settings) -> Corpus | None:
    """The people that no training saw; None, and said so, where there is no pack of them."""
    from talking_portrait_ros.training.corpus import Corpus, CorpusConfig

    packs = [settings.pack] if settings.pack else sorted(map(str, Path().glob(VALIDATION_PACKS)))
    if not packs:
        console.print(f"- no pack of unseen people ({VALIDATION_PACKS}); real videos only")
        return None
    return Corpus.load(packs[-1], settings.device, CorpusConfig(people_kept=1))


def _reconstructed(
    settings: Settings, models: dict[str, ReferenceVae], corpus: Corpus | None
) -> Iterator[tuple[str, list[Trial]]]:
    """Each set of clips by its name, as it is done."""
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.vae_clips import try_people, try_videos

    sheets = settings.output / "reconstruction"
    if corpus is not None:
        yield "people", try_people(models, corpus, settings.people, sheets / "people", _watch)
    given = [Path(settings.clips)] if settings.clips else map(data_folder, ("talking", "driving"))
    for folder in given:
        found = try_videos(models, folder, settings.seconds, sheets / folder.name, _watch)
        yield folder.name, found


def _frames_stage(settings: Settings) -> Any:
    from talking_portrait_ros.evaluation.runner import at_resolution
    from talking_portrait_ros.pipeline import build_stage

    chosen = at_resolution(preset((settings.presets or LOOKAHEADS)[0]), settings.resolution)
    return build_stage("frames", chosen.frames, settings.device)


def _reported(table: Table, results: Sequence[Any]) -> dict[str, Any]:
    """Prints `table`; the results as plain values, by name."""
    from talking_portrait_ros.evaluation.output import plain

    console.print(table)
    return {row["name"]: row for row in plain(results)}


def _watch(items: Sequence[T], text: str) -> Iterable[T]:
    return track(items, description=text, console=console)


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "lips": evaluate_clips,
    "silence": evaluate_pauses,
    "rig": evaluate_commands,
    "faces": evaluate_pictures,
    "reconstruction": evaluate_reconstruction,
    "dyadic": evaluate_conversation,
    "life": evaluate_liveliness,
}
