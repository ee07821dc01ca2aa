"""A picture in, the same picture out without what it tells beside: run as a program of its own, for one picture.

Reading what strangers send is not done where tokens and secrets are: this process has none of them, is slow to be
scheduled, may use so much memory and time and no more, and can be killed. ``python -I -m file_store.picture_worker
PIXELS_MAX`` reads the picture from its input and writes a line of JSON (``mime_type``, ``width``, ``height``), then the
picture. It ends with `UNREADABLE` or `TOO_LARGE` where it does not.
"""

import io
import json
import os
import resource
import sys
import warnings
from typing import Any, Final

UNREADABLE: Final = 3
TOO_LARGE: Final = 4
MEMORY_BYTES_MAX: Final = 1536 * 1024 * 1024
CPU_SECONDS_MAX: Final = 20
NICENESS: Final = 10
FORMATS: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
KEPT_OF_AN_ANIMATION: Final = ("duration", "loop", "disposal", "blend")
JPEG_QUALITY: Final = 92
ORIENTATION: Final = 0x0112
UPRIGHT: Final = 1


class TooLargeError(Exception):
    pass


def cleaned(data: bytes, pixels_max: int) -> tuple[dict[str, Any], bytes]:
    """The picture without metadata, the right way up; frames of an animation count as pixels. Raises TooLargeError."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the limits of this process are set

    Image.MAX_IMAGE_PIXELS = pixels_max
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(io.BytesIO(data), formats=list(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError from error
    kind = str(image.format)
    frames = getattr(image, "n_frames", 1)
    if image.width * image.height * frames > pixels_max:
        raise TooLargeError
    image.load()
    # The profile says how the colours are meant, and nothing else of what is beside the picture is kept.
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if frames > 1:
        options |= {name: image.info[name] for name in KEPT_OF_AN_ANIMATION if name in image.info}
        options["save_all"] = True
    else:
        turned = ImageOps.exif_transpose(image)
        if kind == "JPEG":
            is_turned = image.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT
            # As long as it stands as it was taken, its own tables lose next to nothing.
            options |= {"quality": JPEG_QUALITY} if is_turned else {"quality": "keep"}
            image = turned if is_turned else image
        else:
            image = turned
            options |= {"lossless": True} if kind == "WEBP" and _is_lossless(data) else {}
        transparency = image.info.get("transparency")
        image.info = {} if transparency is None else {"transparency": transparency}
    output = io.BytesIO()
    image.save(output, kind, **{name: value for name, value in options.items() if value is not None})
    return {"mime_type": FORMATS[kind], "width": image.width, "height": image.height}, output.getvalue()


def _is_lossless(webp: bytes) -> bool:
    return b"VP8L" in webp[:64]


def main() -> int:
    """Read, clean, write; the status says what went wrong."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    data = sys.stdin.buffer.read()
    try:
        known, picture = cleaned(data, int(sys.argv[1]))
    except (TooLargeError, MemoryError):
        return TOO_LARGE
    except Exception:  # noqa: BLE001 - a broken picture can make any of a dozen libraries raise anything
        return UNREADABLE
    sys.stdout.buffer.write(json.dumps(known).encode() + b"\n")
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
