"""Named pipelines: stages that fit together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from talking_portrait_ros.stage_specs import FRAMES, LATENTS, StageSpec

DEFAULT_PRESET = "rig_512"


@dataclass(frozen=True)
class Preset:
    """A complete pipeline: features, latents and frames that fit together.

    Attributes:
        description: one line for `--help` and the README.
        resolution: height and width of the frames, pixels.
    """

    description: str
    resolution: int
    features: StageSpec
    latents: StageSpec
    frames: StageSpec


def _rig(description: str, resolution: int, lookahead_ms: int) -> Preset:
    return Preset(
        description=description,
        resolution=resolution,
        features=StageSpec("log_mel", {"lookahead_ms": lookahead_ms}),
        latents=StageSpec("audio_regression", {"lookahead_ms": lookahead_ms}),
        frames=StageSpec("rig", {"resolution": resolution}),
    )


def _block_flow(name: str, description: str) -> Preset:
    """A generator of `LATENTS` whose latents its reference VAE decodes."""
    return Preset(
        description=description,
        resolution=512,
        features=StageSpec("log_mel", {"lookahead_ms": 60}),
        latents=LATENTS[name],
        frames=FRAMES[LATENTS[name].options["vae"]],
    )


def _dyadic(name: str, description: str, resolution: int, lookahead_ms: int = 60) -> Preset:
    """A generator of `LATENTS` that hears two voices, drawn by the rig."""
    latents = LATENTS[name].with_options(lookahead_ms=lookahead_ms)
    encoder = latents.options.get("encoder", "log_mel")
    return Preset(
        description=description,
        resolution=resolution,
        features=StageSpec("causal_speech", {"lookahead_ms": lookahead_ms, "encoder": encoder}),
        latents=latents,
        frames=StageSpec("rig", {"resolution": resolution}),
    )


PRESETS: dict[str, Preset] = {
    "rig_512": _rig("portrait rig, 512x512, 60 ms lookahead: the live default", 512, 60),
    "rig_512_la0": _rig("portrait rig, 512x512, no lookahead: least delay", 512, 0),
    "rig_512_la120": _rig("portrait rig, 512x512, 120 ms lookahead", 512, 120),
    "rig_512_la200": _rig("portrait rig, 512x512, 200 ms lookahead: best lips, offline", 512, 200),
    "rig_256": _rig("portrait rig, 256x256, 60 ms lookahead: for weak machines", 256, 60),
    **{
        f"replay_{name}": Preset(
            description=f"{name} replays a recording of latents (--latents FILE)",
            resolution=512,
            features=StageSpec("log_mel", {"lookahead_ms": 60}),
            latents=StageSpec("replay", {"lookahead_ms": 60}),
            frames=FRAMES[name],
        )
        for name in ("ref_vae_512", "ref_vae_fine_512")
    },
    "block_flow_512": _block_flow(
        "block_flow_512", "latents by rectified flow, 16 frames at once, reference VAE, 512x512"
    ),
    "block_flow_512_low_latency": _block_flow(
        "block_flow_512_low_latency", "the same, four frames at once"
    ),
    "block_flow_fine_512": _block_flow(
        "block_flow_fine_512", "four frames at once in finer latents, each frame a step of its own"
    ),
    "block_flow_fine_512_low_latency": _block_flow(
        "block_flow_fine_512_low_latency", "the same, two frames at once"
    ),
    "dyadic_512": _dyadic(
        "dyadic_512", "speaks, listens and answers with its face, 512x512, 60 ms lookahead", 512
    ),
    **{
        f"dyadic_512_la{ms}": _dyadic(
            "dyadic_512", f"the same with {ms} ms lookahead of its own voice", 512, ms
        )
        for ms in (0, 20, 40, 80)
    },
}

SKETCHES: dict[str, Preset] = {
    "block_flow_paper_512": Preset(
        description="S1 at the paper's scale, 512x512",
        resolution=512,
        features=StageSpec("causal_speech", {"lookahead_ms": 60, "encoder": "wav2vec2"}),
        latents=LATENTS["block_flow_paper_512"],
        frames=FRAMES["ref_vae_paper_512"],
    ),
    "dyadic_paper_512": _dyadic("dyadic_paper_512", "S3 at the paper's scale, 512x512", 512),
    "dyadic_tiny": _dyadic("dyadic_tiny", "S3, tiny", 128),
}
"""Pipelines without weights: their speed can be measured, but they have nothing to show."""


def preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        ValueError: no such preset; lists the ones there are.
    """
    if name in SKETCHES:
        raise ValueError(
            f"preset={name!r} has no weights and nothing to show; `talking-portrait bench` "
            "measures its speed"
        )
    if name not in PRESETS:
        raise ValueError(f"preset={name!r} does not exist; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def with_recording(chosen: Preset, file: str | None) -> Preset:
    """The preset with the file of latents that it replays, if it is one that replays.

    Raises:
        ValueError: it replays and there is no file, or the reverse.
    """
    replays = chosen.latents.family == "replay"
    if replays and not file:
        raise ValueError("latents: this preset replays a recording; give its file with --latents")
    if file and not replays:
        names = [name for name, each in PRESETS.items() if each.latents.family == "replay"]
        raise ValueError(f"latents={file!r}: only {', '.join(names)} can replay a recording")
    return replace(chosen, latents=chosen.latents.with_options(file=file)) if file else chosen
