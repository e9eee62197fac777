"""How a node tells of itself on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


def diagnostics_msg(
    name: str, level: bytes, text: str, lines: Mapping[str, str], stamp: Time
) -> DiagnosticArray:
    """One node's status, with a stamp."""
    report = DiagnosticArray(status=[status_msg(name, level, text, lines)])
    report.header.stamp = stamp
    return report


def status_msg(name: str, level: bytes, text: str, lines: Mapping[str, str]) -> DiagnosticStatus:
    """A node's status: a line for people, and lines of names and values."""
    return DiagnosticStatus(
        level=level,
        name=name,
        message=text,
        hardware_id="none",
        values=[KeyValue(key=key, value=value) for key, value in lines.items()],
    )
