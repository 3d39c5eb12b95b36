"""A state as bytes: the frames as Arrow IPC files, side by side in an uncompressed zip archive."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZipFile

import polars as pl

from pipelines.mergeable import Numbers, State


def to_bytes(state: State, /) -> bytes:
    """Write a state."""
    frames = {"cells": state.cells, "stages": state.stages}
    frames |= {f"durations/{name}": frame for name, frame in state.durations.items()}
    frames |= {f"stage_times/{name}": frame for name, frame in state.stage_times.items()}
    with BytesIO() as file:
        with ZipFile(file, "w") as archive:
            for name, frame in frames.items():
                archive.writestr(name, _ipc(frame))
        return file.getvalue()


def from_bytes(data: bytes, /) -> State:
    """Read a state that `to_bytes` wrote."""
    with ZipFile(BytesIO(data)) as archive:
        frames = {name: pl.read_ipc(archive.read(name)) for name in archive.namelist()}
    return State(frames["cells"], frames["stages"], _below(frames, "durations/"), _below(frames, "stage_times/"))


def _ipc(frame: pl.DataFrame) -> bytes:
    return frame.write_ipc(None, compression="zstd").getvalue()


def _below(frames: Mapping[str, pl.DataFrame], prefix: str) -> Numbers:
    return {name.removeprefix(prefix): frame for name, frame in frames.items() if name.startswith(prefix)}
