"""Quality of service of every topic, in one place, each with its reason.

All are reliable, so that a subscriber of either kind matches and the usual tools see the topic.
No deadline is requested: a subscription that asks for one gets nothing from a publisher that
offers none, and the screen counts misses itself.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

_RELIABLE = {"reliability": ReliabilityPolicy.RELIABLE, "history": HistoryPolicy.KEEP_LAST}

STREAM = QoSProfile(depth=50, **_RELIABLE)
"""Sound, features, latents, matched sound, timings: every item counts. 50 items are 1 to 2
seconds, more than a node may lag before it starts afresh anyway."""

PUSHED = QoSProfile(depth=1000, **_RELIABLE)
"""Sound from a user: may come faster than real time, in bursts."""

FRAMES = QoSProfile(depth=20, **_RELIABLE)
"""Pictures: large, and only the newest are of use; but a fast decoder sends a block of sixteen at
once, of which a depth of 5 lost half."""

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, **_RELIABLE)
"""References, status, epoch: a state, wanted by whoever joins late."""

EVENTS = QoSProfile(depth=10, **_RELIABLE)
"""Texts to say: rare, each counts."""

RUNGS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL, **_RELIABLE)
"""How far each stage has stepped down: a state as above, but of several publishers."""
