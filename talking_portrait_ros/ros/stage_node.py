"""Stages as a lifecycle node: callback -> bounded mailbox -> one worker thread -> topics."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticStatus

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import Chunk
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.latents.direction import Director
from talking_portrait_ros.pipeline import KINDS, build_stage, hastened
from talking_portrait_ros.presets import DEFAULT_PRESET, PRESETS, preset
from talking_portrait_ros.realtime.algorithmic import told
from talking_portrait_ros.realtime.chain import Chain
from talking_portrait_ros.realtime.ladder import Ladder
from talking_portrait_ros.realtime.mailbox import Mailbox
from talking_portrait_ros.realtime.positions import duration_ms
from talking_portrait_ros.realtime.recent import RecentRate
from talking_portrait_ros.realtime.warm_up import warm_up
from talking_portrait_ros.realtime.worker import Worker
from talking_portrait_ros.resources import give_memory_back, limit_threads
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters, described
from talking_portrait_ros.ros.diagnostics import status_msg
from talking_portrait_ros.ros.direction_input import DirectionInput
from talking_portrait_ros.ros.outlets import WIRES, ChunkOutlet, FramesOutlet, Outlet
from talking_portrait_ros.ros.parameters import ParameterSet
from talking_portrait_ros.stage import Stage
from talking_portrait_ros.stage_specs import StageSpec

if TYPE_CHECKING:
    from talking_portrait_ros.ros.partner_input import PartnerInput

AUDIO_CHUNKS_PER_FRAME = 2  # of 20 ms
INPUT_OF = {"features": "audio", "latents": "features", "frames": "latents"}


@dataclass(frozen=True)
class StageParameters(AvatarParameters):
    """What a node with stages can be told; the families' own settings come on top."""

    preset: str = param(DEFAULT_PRESET, "the pipeline to use", choices=tuple(PRESETS))
    device: str = param("cpu", "torch device: cpu, cuda, cuda:1, ...")
    fast: bool = param(False, "on a GPU: bfloat16 and CUDA graphs, in the families that have them")
    threads: int = param(1, "CPU threads of torch and OpenCV", minimum=1, maximum=64)
    max_queue: int = param(
        25,
        "chunks, of latents frames, that may wait besides those that come while a block is made; "
        "beyond that the node drops them and starts afresh",
        minimum=1, maximum=100_000,
    )  # fmt: skip
    budget: float = param(
        0.9,
        "share of the time that the work may take before the node steps down to cheaper work, "
        "where its stages offer some",
        minimum=0.05, maximum=100.0,
    )  # fmt: skip
    degrade: bool = param(
        True, "step down to cheaper work when short of time; off, the pictures do not depend on it"
    )


class StageNode(AvatarNode[StageParameters]):
    """One stage, or several in a row, between two topics.

    The parameters of a stage's family are there as `<kind>.<field>` from `configure` on.
    """

    def __init__(
        self, name: str, kinds: Sequence[str], defaults: StageParameters | None = None
    ) -> None:
        """Prepare.

        Args:
            name: of the node.
            kinds: "features", "latents", "frames": one of them, or neighbours in order of flow.
            defaults: of the parameters.
        """
        super().__init__(name, defaults or StageParameters())
        self._kinds = list(kinds)
        self._chain: Chain | None = None
        self._outlets: dict[str, Outlet] = {}
        self._families: dict[str, ParameterSet[Any]] = {}
        self._mailbox: Mailbox[Any] | None = None
        self._worker: Worker[Any] | None = None
        self._portraits: Mailbox[msg.References] | None = None
        self._portrait_worker: Worker[msg.References] | None = None
        self._partner: PartnerInput | None = None
        self._rate = RecentRate()
        self._ladder: Ladder | None = None

    def build_stages(self) -> list[tuple[str, Stage[Any, Any, Any]]]:
        """The named stages that the parameters ask for.

        Raises:
            ValueError: a parameter, a setting of a family, or weights that do not fit.
        """
        chosen = preset(self.config.preset)
        return [(kind, self._built(kind, getattr(chosen, kind))) for kind in self._kinds]

    def configure(self) -> None:
        """Weights, warm-up, topics."""
        try:
            stages = self.build_stages()
        except Exception:
            self._forget_families()
            raise
        limit_threads(self.config.threads)
        for _, stage in stages:
            warm_up(stage)
        self._chain = Chain(stages)
        rungs = self._chain.rungs if self.config.degrade else self._chain.rungs[:1]
        self._ladder = Ladder(rungs, self.config.budget)
        self._rungs = self.advertise(DiagnosticStatus, "rungs", qos.RUNGS)
        self._tell_rung(self._ladder)
        source = INPUT_OF[self._kinds[0]]
        self.subscribe(WIRES[source].kind, source, self._hear, qos.STREAM)
        if source == "audio":
            # Here, because it loads scipy.signal: the other nodes are back sooner without.
            from talking_portrait_ros.ros.partner_input import PartnerInput

            self._partner = PartnerInput(self)
        for _, stage in stages:
            director = getattr(stage, "director", None)
            if isinstance(director, Director):
                DirectionInput(self, director)
        # Kept across deactivation: a portrait may come while the node is idle.
        self._portraits = Mailbox(1, "drop_oldest")
        self._portrait_worker = Worker("portrait", self._portraits, self._renew)
        self.subscribe(
            msg.References, "references", self._hear_references, qos.LATCHED, always=True
        )
        # Last: where they are seen, the clock of the sound may start.
        for kind, stage in stages:
            self._outlets[kind] = self._outlet(kind, stage)

    def activate(self) -> None:
        """Start the worker; the state starts with the first chunk."""
        self._mailbox = Mailbox(self.config.max_queue + self._block_queue(), "drop_all", _size)
        self._worker = Worker(self.get_name(), self._mailbox, self._work)

    def deactivate(self) -> None:
        """Stop the worker and drop what waits; weights stay."""
        if self._worker is not None:
            self._worker.stop()
        self._worker = self._mailbox = None
        if self._chain is not None:
            self._chain.drop()

    def cleanup(self) -> None:
        """Free the weights."""
        if self._portrait_worker is not None:
            self._portrait_worker.stop()
        self._portrait_worker = self._portraits = None
        self._chain = self._ladder = self._partner = None
        self._outlets.clear()
        self._forget_families()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()
        give_memory_back()

    def on_new_epoch(self) -> None:
        """Drop what waits of lower epochs."""
        if self._chain is not None:
            self._chain.set_epoch(self.epoch)
        if self._mailbox is not None:
            epoch = self.epoch
            self.counts["stale"] += self._mailbox.discard(lambda item: item.epoch < epoch)

    def vitals(self) -> dict[str, str]:
        """Rate, queue, step times, device, and what the sessions counted."""
        lines = {
            "preset": self.config.preset,
            "device": self.config.device,
            "rate_hz": f"{self._rate.per_second:.1f}",
            "queue": str(len(self._mailbox or ())),
            "rung": self._ladder.name if self._ladder else "",
            **(self._partner.vitals() if self._partner else {}),
        }
        for session in self._chain.sessions if self._chain else ():
            times = session.step_times.percentiles()
            lines |= {f"{session.name}.step_{q}_ms": f"{ms:.2f}" for q, ms in times.items()}
            for name, value in vars(session.counts).items():
                lines[f"{session.name}.{name}"] = str(value)
        return lines

    def _hear(self, message: Any) -> None:
        if self._mailbox is None or self.is_stale(message.epoch):
            return
        n_dropped = self._mailbox.put(message)
        if n_dropped:
            self.counts["dropped"] += n_dropped
            self.warn_once("too slow for the stream: waiting chunks were dropped")

    def _hear_references(self, message: msg.References) -> None:
        """Hand the newest portrait over to its own worker."""
        if self._portraits is not None:
            self._portraits.put(message)

    def _renew(self, message: msg.References) -> None:
        """Encode a portrait beside the chunks' worker: the one before is drawn meanwhile."""
        chain = self._chain
        try:
            references = convert.references_from_msg(message)
            if chain is not None:
                chain.renew(references)
        except ValueError as error:
            self.refuse(error)
            return
        except Exception as error:
            self.counts["errors"] += 1
            self.warn_once(f"portrait: {described(error)}; the one before stays")
            return
        self.get_logger().info(f"portrait: {', '.join(r.name for r in references.items)}")

    def _work(self, message: Any) -> None:
        """The worker thread: one chunk through the stages. Nothing gets out of here."""
        chain = self._chain
        if chain is None:
            return
        begun = time.perf_counter()
        try:
            chunk = WIRES[INPUT_OF[self._kinds[0]]].from_msg(message)
            if self._partner is not None:
                chunk = self._partner.join(chunk)
            for kind, output in chain.push(chunk):
                self._publish(kind, output)
            work_ms = (time.perf_counter() - begun) * 1e3
            self._keep_pace(chain, work_ms, duration_ms(chunk, chain.timebase), _size(message))
        except ValueError as error:
            self.refuse(error)
        except Exception as error:
            chain.drop()
            self.counts["errors"] += 1
            self.warn_once(f"{type(error).__name__} in the stage, it starts afresh: {error}")
        self._note_jumps(chain)

    def _keep_pace(self, chain: Chain, work_ms: float, stream_ms: float, size: int) -> None:
        """Step down or up, as the work of the last chunk and what waits ask for."""
        ladder, mailbox = self._ladder, self._mailbox
        if ladder is None or mailbox is None:
            return
        if ladder.spent(work_ms, stream_ms, mailbox.waiting * stream_ms / size):
            chain.set_rung(ladder.rung)
            self._tell_rung(ladder)

    def _tell_rung(self, ladder: Ladder) -> None:
        level = DiagnosticStatus.WARN if ladder.rung else DiagnosticStatus.OK
        sessions = self._chain.sessions if self._chain is not None else ()
        lines = {k: v for each in sessions for k, v in told(each.name, each.stage.clock).items()}
        self._rungs.publish(status_msg(self.get_name(), level, ladder.reason, lines))
        if ladder.rung:
            self.warn_once(f"short of time, stepped down: {ladder.name}")

    def _publish(self, kind: str, output: Chunk) -> None:
        if output.header.epoch < self.epoch:
            self.counts["stale"] += 1
            return
        self._outlets[kind].publish(output)
        if kind == self._kinds[-1]:
            self._rate.tick()

    def _note_jumps(self, chain: Chain) -> None:
        n_jumps = sum(session.counts.jumps for session in chain.sessions)
        if n_jumps > self.counts["jumps"]:
            self.counts["jumps"] = n_jumps
            self.warn_once("the stream has a gap: the stage starts afresh")

    def _outlet(self, kind: str, stage: Stage[Any, Any, Any]) -> Outlet:
        if kind == "frames":
            return FramesOutlet(self, stage.clock.timebase.frame_ns)
        return ChunkOutlet(self, kind)

    def _built(self, kind: str, spec: StageSpec) -> Stage[Any, Any, Any]:
        """A stage from the preset's options and the parameters of its family."""
        if self.config.fast:
            spec = hastened(kind, spec, self.config.device)
        family = KINDS[kind].family(spec.family)
        default = family.config.from_dict(spec.options)
        declared: ParameterSet[Config] = ParameterSet(
            self,
            default,
            lambda: False,
            prefix=f"{kind}.",
            on_change=lambda config: self._retune(kind, config),
        )
        self._families[kind] = declared
        options = declared.config.to_dict()
        return build_stage(kind, StageSpec(spec.family, options), self.config.device)

    def _block_queue(self) -> int:
        """What comes in while a node on time makes a whole block: one frame less than it has."""
        sessions = self._chain.sessions if self._chain else ()
        blocks = [session.stage.clock.timebase.frames_per_block for session in sessions]
        per_frame = AUDIO_CHUNKS_PER_FRAME if INPUT_OF[self._kinds[0]] == "audio" else 1
        return per_frame * (max(blocks, default=1) - 1)

    def _forget_families(self) -> None:
        for parameters in self._families.values():
            parameters.undeclare()
        self._families.clear()

    def _retune(self, kind: str, config: Config) -> None:
        """Give a running stage its changed live settings; it reads them at the next step."""
        for session in self._chain.sessions if self._chain else ():
            if session.name == kind:
                session.stage.config = config  # type: ignore[attr-defined]


def _size(message: Any) -> int:
    """How much a waiting message counts: blocks of latents by their frames, others as one."""
    return max(1, message.n_frames) if isinstance(message, msg.LatentBlock) else 1
