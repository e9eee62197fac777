"""The standard services of a running node, from another: lifecycle and parameters."""

from __future__ import annotations

from threading import Event
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter

TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "cleanup": Transition.TRANSITION_CLEANUP,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
}
SHUTDOWNS = {
    "unconfigured": Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    "inactive": Transition.TRANSITION_INACTIVE_SHUTDOWN,
    "active": Transition.TRANSITION_ACTIVE_SHUTDOWN,
}
ANSWER_S = 60.0


class Steering:
    """Asks one node. `node` is spun by another thread than the one that calls."""

    def __init__(self, node: Node, target: str) -> None:
        """Prepare to ask the node called `target`, in the namespace of `node`."""
        self._node = node
        self._target = target
        self._clients: dict[str, Any] = {}

    def state(self) -> str:
        """The label of the present state."""
        return str(self._ask(GetState, "get_state", GetState.Request()).current_state.label)

    def change(self, transition: str) -> bool:
        """Ask for a transition (or "shutdown"); whether it was made."""
        number = TRANSITIONS.get(transition)
        if number is None:
            number = SHUTDOWNS.get(self.state(), Transition.TRANSITION_ACTIVE_SHUTDOWN)
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self._ask(ChangeState, "change_state", request).success)

    def ask_to_change(self, transition: str) -> None:
        """The same, and do not wait for the answer."""
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
        self._client(ChangeState, "change_state").call_async(request)

    def descriptors(self) -> list[ParameterDescriptor]:
        """What is said of all parameters."""
        names = self._ask(ListParameters, "list_parameters", ListParameters.Request())
        request = DescribeParameters.Request(names=names.result.names)
        return list(self._ask(DescribeParameters, "describe_parameters", request).descriptors)

    def set(self, name: str, value: Any) -> str | None:
        """Set a parameter; the reason for which it was rejected, None where it was not."""
        wanted: ParameterMsg = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[wanted])
        result = self._ask(SetParameters, "set_parameters", request).results[0]
        return None if result.successful else str(result.reason)

    def _ask(self, kind: Any, service: str, request: Any) -> Any:
        answered = Event()
        future = self._client(kind, service).call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_S):
            raise ValueError(f"{self._target}: no answer to {service}")
        return future.result()

    def _client(self, kind: Any, service: str) -> Any:
        if service not in self._clients:
            client = self._node.create_client(kind, f"{self._target}/{service}")
            if not client.wait_for_service(ANSWER_S):
                raise ValueError(f"{self._target}: there is no service {service}")
            self._clients[service] = client
        return self._clients[service]
