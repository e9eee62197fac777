#!/usr/bin/env bash
# Makes .venv, install/ and env.sh from a bare checkout; `make setup` calls it.
#
# ROS 2: the sourced installation if there is one, else the wheels of requirements-ros.txt.
# A second run finds unchanged stamps and takes seconds. PYTHON=... chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
PYTHON=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
STEP=0

step() { STEP=$((STEP + 1)); printf '[%d/5] %s\n' "$STEP" "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 2; }
hash_of() { { printf '%s\n' "$@"; cat requirements*.txt; } | sha256sum | cut -d' ' -f1; }
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

check_program() { command -v "$1" >/dev/null || fail "$1 is missing; apt-get install $2"; }

check_system() {
    check_program g++ g++
    check_program cmake cmake
    check_program make make
    [ -n "$PYTHON" ] || fail "Python is missing; apt-get install python3 python3-venv python3-dev"
    local version
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python $version is too old, 3.11 is needed; set PYTHON=/path/to/python3.11"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv is missing; apt-get install python$version-venv"
    "$PYTHON" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' ||
        fail "Python.h is missing; apt-get install python$version-dev"
}

find_ros() {
    ROS_KIND=wheels
    [ -n "${ROS_DISTRO:-}" ] || return 0
    "$PYTHON" -c 'import rclpy' 2>/dev/null ||
        fail "ROS $ROS_DISTRO is sourced but $PYTHON cannot import rclpy; set PYTHON to the" \
             "interpreter of that ROS, or use a shell without it"
    check_program colcon python3-colcon-common-extensions
    ROS_KIND="installation $ROS_DISTRO"
}

# The messages of a ROS installation are compiled against its own numpy: keep that one.
write_constraints() {
    cp constraints.txt .venv/constraints.txt
    [ "$ROS_KIND" = wheels ] && return 0
    local numpy
    numpy=$("$PYTHON" -c 'import numpy; print(numpy.__version__)')
    sed -i "s/^numpy==.*/numpy==$numpy/" .venv/constraints.txt
}

pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check -c .venv/constraints.txt "$@" |
        sed -u -n -E -e 's/^Collecting ([^ <>=~!;[]+).*/  \1/p' -e 's/^(Installing|Building).*/  \1 .../p'
}

has_portaudio() { echo '#include <portaudio.h>' | g++ -E -x c++ - >/dev/null 2>&1; }

install_python() {
    local options=()
    [ "$ROS_KIND" = wheels ] || options=(--system-site-packages)
    [ -x .venv/bin/python ] || "$PYTHON" -m venv "${options[@]}" .venv
    write_constraints
    local lists=(-r requirements.txt -r requirements-dev.txt)
    [ "$ROS_KIND" = wheels ] && lists+=(-r requirements-ros.txt)
    pip_install "${lists[@]}" setuptools wheel
    pip_install --no-deps mediapipe
    has_portaudio && pip_install PyAudio
    pip_install --no-deps --no-build-isolation -e .
    [ "$ROS_KIND" = wheels ] && .venv/bin/python scripts/fix_wheel_paths.py
    return 0
}

build_package() {
    local prefix=() colcon=colcon
    if [ "$ROS_KIND" = wheels ]; then
        prefix=("CMAKE_PREFIX_PATH=$ROOT/.venv" "AMENT_PREFIX_PATH=$ROOT/.venv")
        colcon=.venv/bin/colcon
    fi
    env VIRTUAL_ENV="$ROOT/.venv" PATH="$ROOT/.venv/bin:$PATH" "${prefix[@]}" \
        "$colcon" --log-base build/log build --paths . --symlink-install \
        --cmake-args -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
        2> >(grep -v "doesn't contain any 'local_setup" >&2)
}

write_env() {
    {
        echo "# Written by scripts/setup.sh. Use it with: source env.sh"
        [ "$ROS_KIND" = wheels ] || echo ". \"${AMENT_PREFIX_PATH%%:*}/setup.bash\""
        cat <<EOF
. "$ROOT/.venv/bin/activate"
. "$ROOT/install/local_setup.bash"
# The source tree comes first: edited Python files count without a build.
export PYTHONPATH="$ROOT\${PYTHONPATH:+:\$PYTHONPATH}"
EOF
    } >env.sh
}

step "checking the system"
check_system
find_ros
printf '  Python: %s, ROS 2: %s\n' "$PYTHON" "$ROS_KIND"

has_portaudio && portaudio=yes || portaudio=no
want=$(hash_of "$ROS_KIND" "$PYTHON" "$portaudio" "$(cat constraints.txt setup.py talking_portrait_ros/frames/*/kernels.c)")
if fresh .venv/setup.stamp "$want"; then
    step "Python packages: unchanged"
else
    step "installing Python packages (one to three minutes the first time)"
    install_python
    echo "$want" >.venv/setup.stamp
fi
[ "$portaudio" = yes ] ||
    echo "  no microphone support: apt-get install portaudio19-dev, then run this again"

want=$(hash_of "$want" "$(cat package.xml CMakeLists.txt msg/*.msg scripts/executable.py.in)")
if fresh install/setup.stamp "$want"; then
    step "messages and package: unchanged"
else
    step "building messages and package (about 20 seconds)"
    build_package
    echo "$want" >install/setup.stamp
fi

step "writing env.sh"
write_env

step "checking that the package imports"
bash -c '. ./env.sh && python -c "
import rclpy
from talking_portrait_ros.msg import FrameTiming"' || fail "the built package cannot be imported"
echo "ready: source env.sh"
