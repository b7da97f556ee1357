"""`write_video`: write a film as an MP4 or WebM file, by ffmpeg."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from steepest.inspection.motion.film import HOLD, Film

CODECS = {".mp4": "h264", ".webm": "vp9"}
# At its usual care, VP9 takes three times as long for these simple pictures.
QUICK = {".mp4": (), ".webm": ("-cpu-used", "5")}
# Without these flags ffmpeg writes its version and a random number into the file. Players need 4:2:0 colours.
EXACT = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-pix_fmt", "yuv420p")


def has_ffmpeg() -> bool:
    """Return whether matplotlib finds ffmpeg on this machine."""
    from matplotlib.animation import FFMpegWriter

    return bool(FFMpegWriter.isAvailable())


def write_video(film: Film, order: Iterable[int], file: IO[bytes], fps: float, ending: str) -> None:
    """Write a film as a video.

    Parameters
    ----------
    film : Film
        The film, on an opaque background.
    order : iterable of int
        The numbers of its frames, in order.
    file : binary file
        The file to write to.
    fps : float
        The frames per second.
    ending : str
        The kind of file: ".mp4" or ".webm".

    Raises
    ------
    RuntimeError
        If ffmpeg fails.
    """
    # ffmpeg needs a name, and writes there bit by bit.
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / f"film{ending}"
        command = _command(film.still.size, fps, ending)
        quiet = subprocess.DEVNULL
        with subprocess.Popen([*command, str(video)], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as process:
            assert process.stdin is not None
            # If ffmpeg ends early, it says why by its exit code.
            with contextlib.suppress(BrokenPipeError):
                for k in order:
                    process.stdin.write(film.frame(k).tobytes())
                process.stdin.close()
        if process.returncode:
            lacks = f"perhaps because it lacks {CODECS[ending]}"
            raise RuntimeError(f"ffmpeg can't write {ending} here, {lacks}: name a .gif")
        file.write(video.read_bytes())


def _command(size: tuple[int, int], fps: float, ending: str) -> list[str]:
    """Return the command that makes a video of the pixels that it reads, without the name of the video."""
    from matplotlib.animation import FFMpegWriter

    width, height = size
    pixels = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{width}x{height}", "-framerate", f"{fps:g}", "-i", "-"]
    # The colours of a video need an even width and height.
    filters = f"crop=trunc(iw/2)*2:trunc(ih/2)*2,tpad=stop_mode=clone:stop_duration={HOLD}"
    return [FFMpegWriter.bin_path(), "-y", *pixels, "-vf", filters, "-c:v", CODECS[ending], *QUICK[ending], *EXACT]
