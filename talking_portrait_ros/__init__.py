"""talking_portrait_ros: a talking face as a ROS 2 node graph.

The folders are named after what comes out of them, in order of flow:
`audio -> features -> latents -> frames -> screen`. Read `chunks`, `timebase` and `stage` first.
"""

from pkgutil import extend_path

# The built ROS package holds the generated `msg` beside this module; a source tree that comes
# first on sys.path would hide it.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
