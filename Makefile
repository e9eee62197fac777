# Two commands: `make demo` shows a face that talks, `make test` proves the rest.
PORTRAIT ?= avatar
SAY ?= Hello! I am a drawn face. I turn speech into motion, frame by frame, while you listen. When I have nothing to say, I blink, breathe and wait.
PRESET ?= rig_512
TESTS ?= test

.PHONY: demo test test-core check setup clean
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c

demo: setup
	source ./env.sh
	talking-portrait demo --portrait "$(PORTRAIT)" --say "$(SAY)" --preset $(PRESET) --output out/demo.mp4

test: setup
	source ./env.sh
	python -m pytest $(TESTS)

# Everything that needs neither ROS nor a sound server.
test-core: setup
	source ./env.sh
	python -m pytest $(TESTS) -m "not ros and not sound"

# What the pre-commit hook runs.
check: setup
	source ./env.sh
	ruff check .
	ruff format --check .
	mypy

setup:
	@scripts/setup.sh

clean:
	rm -rf build install log out env.sh .venv
