"""What every node of an avatar has: lifecycle, parameters, epoch, diagnostics, counted trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from std_msgs.msg import UInt32

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.realtime.epochs import EpochWatch
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.diagnostics import diagnostics_msg
from talking_portrait_ros.ros.free_publisher import FreePublisher
from talking_portrait_ros.ros.parameters import ParameterSet
from talking_portrait_ros.ros.patient_publisher import PatientPublisher

Return = TransitionCallbackReturn


@dataclass(frozen=True)
class AvatarParameters(Config):
    """What every node can be told."""

    autostart: bool = param(True, "configure and activate without being asked to")
    exit_on_failure: bool = param(
        False, "end the process with code 2 when autostart or the work fails; for supervisors"
    )


P = TypeVar("P", bound=AvatarParameters)


class AvatarNode(LifecycleNode, Generic[P]):
    """Base of all nodes.

    A subclass overrides `configure`, `activate`, `deactivate` and `cleanup`. What they raise is
    one line in the log and a transition that fails: the node stays in the state before, alive.

    Attributes:
        counts: trouble and events by name, shown in /diagnostics.
        exit_code: with which the process is to end; None while it is to go on.
    """

    def __init__(self, name: str, defaults: P) -> None:
        """Declare the parameters; nothing heavy before `configure`."""
        super().__init__(name)
        self.counts: Counter[str] = Counter()
        self._epochs_heard = EpochWatch()
        self.exit_code: int | None = None
        self.working = False
        self._failed = False
        self._lifecycle_label = "unconfigured"
        self._last_error = ""
        self._said: set[str] = set()
        self._topics: list[Subscription[Any] | Publisher[Any]] = []
        self._counts_before: Counter[str] = Counter()
        self.parameters = ParameterSet(
            self,
            defaults,
            lambda: self._lifecycle_label == "unconfigured",
            on_change=lambda config: self.on_parameters(config),
            admit=lambda config: self.admit_parameters(config),
        )
        reports = self.create_publisher(DiagnosticArray, "/diagnostics", qos.EVENTS)
        self._diagnostics = PatientPublisher(FreePublisher(reports), self._count_unsent)
        self.create_timer(1.0, self._publish_diagnostics)
        self.create_subscription(UInt32, "epoch", self._hear_epoch, qos.LATCHED)

    @property
    def epoch(self) -> int:
        """The epoch in force."""
        return self._epochs_heard.epoch

    @property
    def config(self) -> P:
        """The parameters' values."""
        return self.parameters.config

    def configure(self) -> None:
        """Load what is needed; ValueError for a user's mistake."""

    def activate(self) -> None:
        """Begin to work."""

    def deactivate(self) -> None:
        """Stop working, keep what was loaded."""

    def cleanup(self) -> None:
        """Free what was loaded."""

    def on_new_epoch(self) -> None:
        """Drop what is void: `epoch` is another one."""

    def admit_parameters(self, config: P) -> None:
        """A parameter is about to change; ValueError where the node cannot do with it."""

    def on_parameters(self, config: P) -> None:
        """A parameter has changed."""

    def vitals(self) -> dict[str, str]:
        """More lines for /diagnostics."""
        return {}

    def now_ns(self) -> int:
        """The node's clock."""
        return int(self.get_clock().now().nanoseconds)

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so."""
        if not self.config.autostart:
            return
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != Return.SUCCESS:
                if self.config.exit_on_failure:
                    self.exit_code = 2
                return

    def close(self) -> None:
        """Leave any state in good order, at the end of the process."""
        if self.working:
            self.working = False
            self.deactivate()
        if self._lifecycle_label != "unconfigured":
            self.cleanup()

    def destroy_node(self) -> None:
        """See `Node.destroy_node`; the DDS participant goes with it.

        rclpy's lifecycle node keeps its state machine, and that the participant, whose threads
        would then end with the process, perhaps with a lock of shared memory in hand: whoever
        sends to it waits a second for that.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile,
        *, raw: bool = False, always: bool = False,
    ) -> None:  # fmt: skip
        """Hear a topic while the node is active, until `cleanup`. QoS trouble is counted.

        `raw`: the callback gets bytes. `always`: while inactive too; latched ones come but once.
        """
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._count_qos(topic, event),
            message_lost=lambda event: self._count_lost(event),
            use_default_callbacks=False,
        )

        def heard(message: Any) -> None:
            if self.working or always:
                callback(message)

        self._topics.append(
            self.create_subscription(kind, topic, heard, profile, event_callbacks=events, raw=raw)
        )

    def advertise(
        self, kind: type, topic: str, profile: QoSProfile, *, free: bool = False
    ) -> PatientPublisher[Any]:
        """A publisher until `cleanup`. QoS trouble, and what cannot be sent, is counted.

        `free`: it holds up no other thread while it sends.
        """
        events = PublisherEventCallbacks(
            incompatible_qos=lambda event: self._count_qos(topic, event),
            use_default_callbacks=False,
        )
        publisher = self.create_publisher(kind, topic, profile, event_callbacks=events)
        self._topics.append(publisher)
        return PatientPublisher(
            FreePublisher(publisher) if free else publisher, self._count_unsent
        )

    def is_stale(self, epoch: int) -> bool:
        """True, and counted, where `epoch` is void; one that is not is taken over."""
        before = self.epoch
        try:
            valid = self._epochs_heard.hear(epoch)
        except ValueError as error:
            self.refuse(error)
            return True
        self.counts["stale"] += not valid
        if self.epoch != before:
            self.on_new_epoch()
        return not valid

    def raise_epoch(self, epoch: int) -> None:
        """Take over a higher epoch."""
        try:
            is_higher = self._epochs_heard.raise_to(epoch)
        except ValueError as error:
            self.refuse(error)
            return
        if is_higher:
            self.on_new_epoch()

    def refuse(self, error: Exception) -> None:
        """Count what a user or a neighbour got wrong; each sentence is logged once."""
        self.counts["refused"] += 1
        self._last_error = str(error)
        self.warn_once(f"refused: {error}")

    def report(self, error: Exception) -> None:
        """Count and log an error of the work."""
        self.counts["errors"] += 1
        self._last_error = described(error)
        self.get_logger().error(self._last_error)

    def fail(self, error: Exception) -> None:
        """Report an error after which the node cannot go on with its work."""
        self._failed = True
        self.report(error)
        if self.config.exit_on_failure:
            self.exit_code = 2

    def warn_once(self, sentence: str) -> None:
        """Log a sentence the first time that it is true."""
        if sentence not in self._said and len(self._said) < 100:
            self._said.add(sentence)
            self.get_logger().warning(f"{sentence} (further ones are counted in /diagnostics)")

    def on_configure(self, state: LifecycleState) -> Return:
        """Transition."""
        return self._changed("inactive", self.configure)

    def on_activate(self, state: LifecycleState) -> Return:
        """Transition."""
        self._failed = False
        result = self._changed("active", self.activate)
        self.working = result == Return.SUCCESS
        return result

    def on_deactivate(self, state: LifecycleState) -> Return:
        """Transition."""
        self.working = False
        return self._changed("inactive", self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> Return:
        """Transition."""
        return self._changed("unconfigured", self._clean_all)

    def on_shutdown(self, state: LifecycleState) -> Return:
        """Transition."""
        self.close()
        self._lifecycle_label = "finalized"
        return Return.SUCCESS

    def _changed(self, label: str, action: Callable[[], None]) -> Return:
        """Run one transition; an error leaves the node where it was."""
        self._last_error = ""
        try:
            action()
        except Exception as error:
            self._last_error = described(error)
            self.get_logger().error(f"cannot become {label}: {self._last_error}")
            if label == "inactive" and self._lifecycle_label == "unconfigured":
                self._forget_topics()
            return Return.FAILURE
        self._lifecycle_label = label
        self.get_logger().info(label)
        return Return.SUCCESS

    def _clean_all(self) -> None:
        self._forget_topics()
        self.cleanup()

    def _forget_topics(self) -> None:
        for topic in self._topics:
            if isinstance(topic, Publisher):
                self.destroy_publisher(topic)
            else:
                self.destroy_subscription(topic)
        self._topics.clear()

    def _hear_epoch(self, message: UInt32) -> None:
        self.raise_epoch(message.data)

    def _count_qos(self, topic: str, event: Any) -> None:
        self.counts["incompatible_qos"] += event.total_count_change
        self.warn_once(
            f"{topic}: a partner's quality of service ({event.last_policy_kind}) does not match; "
            "nothing is exchanged with it"
        )

    def _count_unsent(self, error: Exception) -> None:
        self.counts["unsent"] += 1
        self.warn_once(f"a message was given up, the middleware did not take it: {error}")

    def _count_lost(self, event: Any) -> None:
        self.counts["lost"] += event.total_count_change

    def _publish_diagnostics(self) -> None:
        grown = {name for name in self.counts if self.counts[name] > self._counts_before[name]}
        self._counts_before = Counter(self.counts)
        level, text = DiagnosticStatus.OK, self._lifecycle_label
        if grown & {"refused", "jumps", "dropped", "lost", "unsent", "incompatible_qos", "errors"}:
            level, text = DiagnosticStatus.WARN, ", ".join(sorted(grown))
        if self._last_error and (self._failed or not self.working):
            level, text = DiagnosticStatus.ERROR, self._last_error
        lines = {
            "state": self._lifecycle_label,
            "epoch": str(self.epoch),
            "last_error": self._last_error,
            **{name: str(value) for name, value in sorted(self.counts.items())},
            **self.vitals(),
        }
        name, stamp = self.get_fully_qualified_name(), self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics_msg(name, level, text, lines, stamp))


def described(error: Exception) -> str:
    """One line for the log; what is no user's mistake is named by its kind."""
    kind = "" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: "
    return f"{kind}{error}"
