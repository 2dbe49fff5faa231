"""Pictures of a simulation as it goes: one a frame, and a film of them."""

import dataclasses
import time
from pathlib import Path
from typing import Literal

from diffgfx.errors import OutputError
from diffgfx.io import film_writer, read_image, write_png
from diffgfx.scene import FlowSetting, FluidScene, FluidState
from diffgfx.tasks.flow.picture import picture_of

__all__ = ["Preview", "PreviewKind", "frame_rate"]

PreviewKind = Literal["mp4", "png", "none"]

_FOLDER = "preview"
_FILM = "preview.mp4"
_FASTEST = 30.0    # frames a second of a film; fewer where frames are further apart than that
_PATIENCE = 10.0   # a film is made anew once that many times the time it takes has passed


def frame_rate(setting: FlowSetting) -> float:
    """Return the frames a second at which a film runs in real time, at most 30."""
    return min(_FASTEST, 1.0 / (setting.dt * setting.steps_per_frame))


@dataclasses.dataclass
class Preview:
    """The pictures of a run, in ``OUT/preview/``, and their film ``OUT/preview.mp4``.

    Attributes:
        path: The folder of the run.
        kind: Pictures and film, pictures, or nothing.
        scene: The setting.
        frames_per_second: Of the film.
    """

    path: Path
    kind: PreviewKind
    scene: FluidScene
    frames_per_second: float

    def __post_init__(self) -> None:
        """Make the folder."""
        self._made = time.monotonic()
        self._took = 0.5
        if self.kind != "none":
            try:
                (self.path / _FOLDER).mkdir(exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"{self.path / _FOLDER}: folder must be writable, got: {error.strerror}; "
                    "name another output folder"
                ) from error

    def add(self, number: int, state: FluidState) -> None:
        """Write the picture of a frame; now and then the film so far."""
        if self.kind == "none":
            return
        picture = picture_of(state, self.scene).cpu().numpy()
        write_png(self.path / _FOLDER / f"{number:06d}.png", picture)
        if self.kind == "mp4" and time.monotonic() - self._made > _PATIENCE * self._took:
            self.finish()

    def finish(self) -> None:
        """Write the film of all pictures there are."""
        pictures = sorted((self.path / _FOLDER).glob("[0-9]*.png")) if self.kind == "mp4" else []
        if not pictures:
            return
        begun = time.monotonic()
        with film_writer(self.path / _FILM, fps=self.frames_per_second) as add:
            for picture in pictures:
                add(read_image(picture))
        self._made = time.monotonic()
        self._took = max(self._made - begun, 0.5)
