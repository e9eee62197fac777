"""The subcommands of `talking-portrait`, one file each."""
