"""The executor of every process of the graph."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription

NS_PER_S = 1_000_000_000


class Entities:
    """All that a round waits for, held until `release`, in one wait set."""

    def __init__(
        self, nodes: Iterable[Node], guards: Iterable[GuardCondition], context: rclpy.Context
    ) -> None:
        """Take hold of every entity of `nodes`; those that are being destroyed are left out."""
        nodes = list(nodes)
        self._held = ExitStack()
        subscriptions = [each for node in nodes for each in node.subscriptions]
        self._subscriptions = {
            each.handle.pointer: each for each in subscriptions if self._hold(each.handle)
        }
        self._timers = self._handles(each for node in nodes for each in node.timers)
        self._clients = self._handles(each for node in nodes for each in node.clients)
        self._services = self._handles(each for node in nodes for each in node.services)
        self._node_guards = [
            each for node in nodes for each in node.guards if self._hold(each.handle)
        ]
        self._guards = self._handles(guards)
        self._waitables = [each for node in nodes for each in node.waitables if self._hold(each)]
        theirs = [each.get_num_entities() for each in self._waitables]
        assert context.handle is not None
        self._held.enter_context(context.handle)
        self._set = rclpy_implementation.WaitSet(
            len(self._subscriptions) + sum(n.num_subscriptions for n in theirs),
            len(self._node_guards) + len(self._guards)
            + sum(n.num_guard_conditions for n in theirs),
            len(self._timers) + sum(n.num_timers for n in theirs),
            len(self._clients) + sum(n.num_clients for n in theirs),
            len(self._services) + sum(n.num_services for n in theirs),
            sum(n.num_events for n in theirs),
            context.handle,
        )  # fmt: skip

    def release(self) -> None:
        """Let go of them, so that what was destroyed meanwhile can be."""
        self._held.close()

    def wait(self, timeout_ns: int) -> tuple[list[Subscription[Any]], bool]:
        """Wait until one is ready.

        Args:
            timeout_ns: for how long; negative: for ever.

        Returns:
            The subscriptions with a message, and whether anything else is ready.
        """
        ready = self._set
        ready.clear_entities()
        for subscription in self._subscriptions.values():
            ready.add_subscription(subscription.handle)
        for timer in self._timers:
            ready.add_timer(timer)
        for client in self._clients:
            ready.add_client(client)
        for service in self._services:
            ready.add_service(service)
        for guard in self._node_guards:
            ready.add_guard_condition(guard.handle)
        for handle in self._guards:
            ready.add_guard_condition(handle)
        for waitable in self._waitables:
            waitable.add_to_wait_set(ready)
        ready.wait(timeout_ns)
        own = self._subscriptions
        heard = [own[at] for at in ready.get_ready_entities("subscription") if at in own]
        triggered = set(ready.get_ready_entities("guard_condition"))
        for guard in self._node_guards:
            # To have waited for it has reset it: with this, rclpy's round sets it again.
            guard._executor_triggered |= guard.handle.pointer in triggered
        kinds = ("timer", "client", "service")
        others = bool(triggered) or any(ready.get_ready_entities(kind) for kind in kinds)
        return heard, others or any(each.is_ready(ready) for each in self._waitables)

    def _handles(self, entities: Iterable[Any]) -> list[Any]:
        return [each.handle for each in entities if self._hold(each.handle)]

    def _hold(self, handle: Any) -> bool:
        try:
            self._held.enter_context(handle)
        except InvalidHandle:
            return False
        return True


class LeanExecutor(SingleThreadedExecutor):
    """rclpy's executor of one thread, in half of its time per message.

    rclpy collects the entities of all nodes anew for each message (some forty for a node here),
    makes a wait set and a task for it, and wakes itself afterwards to do so once more. This one
    keeps its wait set until an entity comes or goes, and hands messages to their callbacks, which
    take the message alone, itself. Everything else it leaves to rclpy.
    """

    def __init__(self, *, context: rclpy.Context | None = None) -> None:
        """An executor without nodes."""
        self._entities: Entities | None = None
        self._is_changed = True
        super().__init__(context=context)

    def wake(self) -> None:
        """See `Executor.wake`: nodes call it when they get or lose an entity."""
        self._is_changed = True
        super().wake()

    def add_node(self, node: Node) -> bool:
        """See `Executor.add_node`."""
        self._is_changed = True
        return super().add_node(node)

    def remove_node(self, node: Node) -> None:
        """See `Executor.remove_node`."""
        self._is_changed = True
        super().remove_node(node)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """See `Executor.shutdown`."""
        self._release()
        return super().shutdown(timeout_sec)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for something to do and do it, a message of each subscription at most."""
        if self._has_tasks() or self._is_shutdown or not self._context.ok():
            super().spin_once(timeout_sec)
            return
        timeout_ns = -1 if timeout_sec is None else int(timeout_sec * NS_PER_S)
        try:
            heard, others = self._current().wait(timeout_ns)
        except RuntimeError:  # rclpy's RCLError is one
            if self._context.ok():
                raise
        if not self._context.ok():
            self._release()
            raise ExternalShutdownException
        for subscription in heard:
            if self._is_changed or self._is_shutdown:
                return  # it may be gone; whatever is still there is ready in the next round too
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is not None:
                subscription.callback(taken[0])
        if others:
            super().spin_once(0)

    def _has_tasks(self) -> bool:
        """True where rclpy has something begun; done ones stay listed until its next round."""
        with self._tasks_lock:
            return any(not task.done() for task, _, _ in self._tasks)

    def _current(self) -> Entities:
        if self._is_changed or self._entities is None:
            self._is_changed = False
            self._release()
            guards = [guard for guard in (self._guard, self._sigint_gc) if guard is not None]
            self._entities = Entities(self.get_nodes(), guards, self._context)
        return self._entities

    def _release(self) -> None:
        if self._entities is not None:
            self._entities.release()
            self._entities = None


def make_executor(context: rclpy.Context | None = None) -> Executor:
    """The executor of every process, of `context` where one is given.

    Not rclpy's EventsExecutor: that of rclpy 9.1.2 delivered 0 of 4500 messages between two
    processes and kept a core busy, where this one delivered all of them.
    """
    return LeanExecutor(context=context)
