"""Devices by name: refused early and in words where they are not there."""

from __future__ import annotations


def require_device(device: str) -> str:
    """`device`, if it is there.

    Raises:
        ValueError: neither "cpu" nor a CUDA device that torch sees; never falls back silently.
    """
    if device == "cpu":
        return device  # the features stage works without torch
    import torch

    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index.isdecimal() or device == kind):
        raise ValueError(f"device={device!r}: choose cpu, cuda or cuda:NUMBER")
    n_devices = torch.cuda.device_count()
    if int(index or 0) >= n_devices:
        raise ValueError(f"device={device!r}: torch sees {n_devices} CUDA devices; use device=cpu")
    return device


def require_gpu_for_fast(device: str) -> None:
    """Refuse `fast` where there is nothing for it.

    Raises:
        ValueError: `device` is no GPU.
    """
    if not device.startswith("cuda"):
        raise ValueError(f"fast: needs a GPU, device={device!r}; leave it out")
