"""Decodes one picture of a common format to bytes of one size. Files are untrusted: bounded in size, no code runs."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast, get_args

import numpy as np

from jaxgan.errors import UsageError, in_one_line

FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
"""Formats that are read: Pillow's name and the file name endings. Some others, such as EPS, run programs."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)

MOST_BYTES = 2**28
"""Maximum size of a picture's file in bytes; the file is read as a whole."""

MOST_PIXELS = 2**30 // 12
"""Maximum pixels of a stored picture: 89 million, where Pillow warns too. As RGBA they take 0.33 GiB."""

LARGEST_SIDE = 4096
"""Maximum pixels per side of the output."""

Resize = Literal["crop", "pad", "stretch"]

_MODES = {1: "L", 3: "RGB"}
_ALPHA = ("RGBA", "RGBa", "LA", "PA")
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


class UnreadableError(Exception):
    """Why a picture cannot be read, worded as the end of a sentence."""


class Form(NamedTuple):
    """The form to which every picture is converted.

    Attributes:
      size: height and width in pixels.
      resize: "crop": the largest central square; "pad": the whole picture with bars of the background; "stretch": the
        whole picture, with changed proportions.
      channels: 1 for grey, 3 for red, green and blue.
      background: red, green and blue, 0 to 255, for transparent pixels and for bars.
    """

    size: int
    resize: Resize = "crop"
    channels: int = 3
    background: tuple[int, int, int] = (255, 255, 255)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the output: height, width, channels."""
        return self.size, self.size, self.channels


def form(*, size: int, resize: str, channels: int, background: str) -> Form:
    """The form that a config's fields describe. UsageError if they are invalid.

    Args:
      size, resize, channels: see `Form`.
      background: a CSS colour, such as white or #ffe0c0.
    """
    from PIL import ImageColor

    if not 1 <= size <= LARGEST_SIDE:
        raise UsageError(
            f"dataset.size={size}", f"it is the pixels of a side, 1 to {LARGEST_SIDE}", "set it to 32, for example"
        )
    if resize not in get_args(Resize):
        raise UsageError(f"dataset.resize={resize}", "it is crop, pad or stretch", "set it to crop")
    if channels not in _MODES:
        why = "pictures become grey (1) or red, green and blue (3)"
        raise UsageError(f"dataset.channels={channels}", why, "set it to 3, or to 1")
    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except ValueError as error:
        remedy = "set it to white, black or a colour such as #ffe0c0"
        raise UsageError(f"dataset.background={background}", "it is not a colour that CSS knows", remedy) from error
    return Form(size, cast(Resize, resize), channels, (red, green, blue))


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
      pixels: uint8 [size, size, channels].
      smallest: the shorter side of the picture before resizing, in pixels; below `size` if it was enlarged.
    """

    pixels: np.ndarray
    smallest: int


def decode(content: bytes, form: Form) -> Picture:
    """Decodes a picture: upright by its EXIF orientation, on the background, resized by plain LANCZOS.

    Reads the first frame or page. Converts 16 bits to 8 by x/257, rounded. Does not apply colour profiles.

    Args:
      content: the bytes of a file in one of `FORMATS`.
      form: the form of the output.

    Raises:
      UnreadableError: the picture is damaged, truncated, of another format, or larger than `MOST_PIXELS`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadableError(f"has {image.width * image.height:,} pixels, and {MOST_PIXELS:,} are allowed")
            image.load()
            with contextlib.suppress(Exception):  # EXIF data may be damaged even if the picture is not.
                ImageOps.exif_transpose(image, in_place=True)
            plain = _over_background(image, form)
            return Picture(_resized(plain, form), min(plain.size))
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError("is not a picture") from error
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"has too many pixels: {MOST_PIXELS:,} are allowed") from error
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error and more.
        raise UnreadableError(f"is damaged: {in_one_line(error) or type(error).__name__}") from error


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppresses Pillow's warnings. Not for concurrent threads: Python's warning filters belong to the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _over_background(image, form: Form):
    """The image as L or RGB, with transparent pixels blended with the background."""
    from PIL import Image

    mode = _MODES[form.channels]
    if image.mode in _DEEP or (image.mode == "I" and image.format in ("PNG", "PPM")):  # Pillow 11 clips to 255
        deep = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((deep * 2 + 257) // 514).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UnreadableError("has numbers of 32 bits, and no white is known of them")
    if image.mode in _ALPHA or "transparency" in image.info:
        canvas = Image.new("RGBA", image.size, (*form.background, 255))
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    return image if image.mode == mode else image.convert(mode)


def _resized(image, form: Form) -> np.ndarray:
    """uint8 [size, size, channels]."""
    from PIL import Image

    width, height = image.size
    size = (form.size, form.size)
    if form.resize == "crop" and width != height:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))  # resize's own `box` also reads pixels around the box
    elif form.resize == "pad":
        longest = max(width, height)
        size = (max(round(form.size * width / longest), 1), max(round(form.size * height / longest), 1))
    small = image.resize(size, Image.Resampling.LANCZOS)
    if small.size != (form.size, form.size):
        canvas = Image.new("RGB", (form.size, form.size), form.background).convert(small.mode)
        canvas.paste(small, ((form.size - size[0]) // 2, (form.size - size[1]) // 2))
        small = canvas
    return np.asarray(small).reshape(form.shape)
