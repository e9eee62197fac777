"""`python -m talking_portrait_ros` is `talking-portrait`."""

from talking_portrait_ros.cli import main

main(prog_name="talking-portrait")
