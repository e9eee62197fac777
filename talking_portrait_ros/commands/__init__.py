"""The subcommands of `talking-portrait`, one file each."""

import os

# Before torch is imported: its threads then wait asleep. Awake, they take the cores from the
# other processes of the machine, and a frame takes thirty times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
