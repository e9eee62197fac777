"""The Python side of the package: `pip install .` gives everything that needs no ROS."""

from pathlib import Path

from setuptools import Extension, find_packages, setup

NAME = "talking_portrait_ros"

setup(
    name=NAME,
    version="0.1.0",
    description="A talking face for a robot: portrait and speech in, timed frames and sound out",
    long_description=Path("README.md").read_text() if Path("README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [f"**/*.{kind}" for kind in ("json", "md", "npz", "png", "safetensors", "xml")]
    },
    ext_modules=[
        # No Python modules: libraries that talking_portrait_ros/native.py loads. Without a C
        # compiler the package works, slower.
        Extension(
            f"{NAME}.frames.{stage}._kernels",
            [f"{NAME}/frames/{stage}/kernels.c"],
            extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math"],
            optional=True,
        )
        for stage in ("rig", "reference_vae")
    ],
    data_files=[
        (f"share/{NAME}/launch", [str(path) for path in Path("launch").glob("*.launch.py")]),
        (f"share/{NAME}/config", [str(path) for path in Path("config").glob("*.yaml")]),
    ],
    install_requires=[
        "av>=11",
        "click>=8.1",
        "numpy>=1.26",
        "opencv-python-headless>=4.8",
        "pillow>=10",
        "psutil>=5.9",
        "rich>=13",
        "safetensors>=0.4",
        "scipy>=1.11",
        "soxr>=0.3.7",
        "torch>=2.4",
    ],
    extras_require={
        "live": ["honcho>=1.1", "pygame-ce>=2.4", "PyAudio>=0.2.14", "PyYAML>=6", "rosbags>=0.11"],
        "faces": ["mediapipe>=0.10.14,<0.10.15"],
        "speech": ["espeakng-loader>=0.2"],
    },
    entry_points={"console_scripts": [f"talking-portrait = {NAME}.cli:main"]},
)
