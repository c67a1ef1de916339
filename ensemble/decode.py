"""Decode step: encoded bytes to pixels.

Upstream (``cv2.imread`` in GFPGAN's and Real-ESRGAN's scripts) drops alpha, ignores animation and turns 16-bit faces
near-black; here alpha and the lower bits are kept beside the 8-bit RGB that the networks take.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from ensemble.depth import join_16_bit, split_16_bit
from ensemble.exif import orientation_of
from ensemble.photo import Int16, Photo, PhotoInfo, UInt8, UInt16
from limner.errors import DamagedImage, QueueFull, TooManyPixels
from limner.header import (
    MAX_PIXELS,
    MAX_PROFILE_BYTES,
    Header,
    check_pixels,
    exif_of_jpeg,
    read_header,
    too_many_pixels,
    without_animation,
    without_metadata,
)

Scalar = TypeVar("Scalar", bound=np.generic)

_LOOKED_AT = 1 << 20
"""Pixels worked on at a time."""

_ROUNDING = 2
"""Levels that red and blue may differ from green by in a photo without colour.

Gray photos stored as colour differ by 0 as JPEG, of whatever quality, and by 1 as lossy WebP; the least colour that a
JPEG can hold, and that an encoder rounding otherwise may leave, differs by 2, which is hardly seen (CIEDE2000 below 2).
"""

_GRAY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}


def decode_photo(data: bytes, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a JPEG, PNG or WebP photo; EXIF orientation is applied, other metadata is left behind.

    Args:
        data: the encoded file.
        max_pixels: refuse more pixels than this, counted before decoding.

    Raises:
        EmptyImage, UnsupportedFormat, DamagedImage, TooManyPixels: see :mod:`limner.errors`.
        QueueFull: the machine has no memory for it now, which is no fault of the photo.
    """
    header = read_header(data)
    check_pixels(header.width, header.height, 1, max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of harmless oddities in metadata
            return _decode(data, header, max_pixels)
    except (TooManyPixels, DamagedImage):
        raise
    except Image.DecompressionBombError:
        raise too_many_pixels(header.width, header.height, max_pixels) from None
    except Exception as error:
        if _is_short_of_memory(error):
            raise QueueFull("The server is short of memory. Try again in a few seconds.") from None
        # A decoder given hostile bytes may raise anything; every case means the same to the sender.
        raise DamagedImage(
            f"The {header.format.upper()} breaks off or is damaged. Upload it again, or save it anew from an editor."
        ) from None


def _is_short_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or (isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem)


def _decode(data: bytes, header: Header, max_pixels: int) -> Photo:
    plain = without_metadata(data, header.format)
    with Image.open(io.BytesIO(plain), formats=[header.format.upper()]) as image:
        frames = int(getattr(image, "n_frames", 1))
        # The decoder's own reading of the header counts too, should it ever differ from ours.
        check_pixels(image.width, image.height, frames, max_pixels)
        if image.width != header.width or image.height != header.height:
            raise DamagedImage("The photo's header contradicts itself. Save it anew from an image editor.")
        # Pillow shows gray with alpha at 16 bits as RGBA; the PNG's colour type 4 tells.
        mode = "LA" if header.bit_depth == 16 and data[25] == 4 else image.mode
        info = PhotoInfo(
            width=image.width,
            height=image.height,
            format=header.format,
            mode=mode,
            bit_depth=8,
            frames=frames,
            bytes=len(data),
            gray=mode in _GRAY_MODES,
            opaque=True,
        )
        image.load()
        exif = exif_of_jpeg(data) if header.format == "jpeg" else image.info.get("exif", b"")
        _scale_transparency(image, header.bit_depth)
        photo = _decode_16_bit(plain, image, info) if header.bit_depth == 16 else _decode_8_bit(image, info)
    if not info.gray and is_colourless(photo.pixels, photo.alpha):
        photo = _without_colour(photo)
    return orient_photo(photo, orientation_of(exif))


def _without_colour(photo: Photo) -> Photo:
    """A black-and-white photo marked as such, its lower bits the same in each channel."""
    photo = replace(photo, info=replace(photo.info, colourless=True))
    if photo.fine is None:
        return photo
    gray = np.empty(photo.pixels.shape[:2], np.uint16)
    for rows in _bands(gray):
        gray[rows] = cv2.cvtColor(join_16_bit(photo.pixels[rows], photo.fine[rows]), cv2.COLOR_RGB2GRAY)
    pixels, fine = _split_by_bands(_in_three_channels(gray))
    return replace(photo, pixels=pixels, fine=fine)


def is_colourless(pixels: UInt8, alpha: UInt8 | None = None) -> bool:
    """Whether red, green and blue are equal wherever anything is seen, but for what compression rounds.

    A black-and-white photo is mostly stored so. Rows are looked at few by few: most photos show a colour at once.

    Args:
        pixels: uint8 [H, W, 3], RGB.
        alpha: uint8 [H, W]; no colour counts for more than it.
    """
    for rows in _bands(pixels):
        red, green, blue = cv2.split(pixels[rows])
        difference = cv2.max(cv2.absdiff(green, red), cv2.absdiff(green, blue))
        if alpha is not None:
            difference = cv2.min(difference, alpha[rows])
        if difference.max() > _ROUNDING:
            return False
    return True


def _bands(array: npt.NDArray[Scalar]) -> Iterator[slice]:
    """Slices of few rows that make up an array [H, W, ...]."""
    step = max(1, _LOOKED_AT // array.shape[1])
    return (slice(top, top + step) for top in range(0, len(array), step))


def _in_three_channels(gray: UInt16) -> UInt16:
    """[H, W, 3] from [H, W], without a copy; not to be written to."""
    return np.broadcast_to(gray[..., None], (*gray.shape, 3))


def _split_by_bands(values: UInt16) -> tuple[UInt8, Int16]:
    """As ``split_16_bit``, which takes 20 bytes for each value meanwhile: 3 GB for a photo of 50 megapixels."""
    high, fine = np.empty(values.shape, np.uint8), np.empty(values.shape, np.int16)
    for rows in _bands(values):
        high[rows], fine[rows] = split_16_bit(values[rows])
    return high, fine


def _scale_transparency(image: Image.Image, bit_depth: int) -> None:
    """Pillow brings gray of 2 and 4 bits to 8, but not the one value beside it that a PNG declares transparent."""
    value = image.info.get("transparency")
    if image.mode == "L" and isinstance(value, int):
        most = (1 << bit_depth) - 1  # further bits are to be ignored (PNG specification, 11.3.1.1)
        image.info["transparency"] = (value & most) * (255 // most)


def _decode_8_bit(image: Image.Image, info: PhotoInfo) -> Photo:
    icc = _icc_profile(image, info.gray)
    if image.mode in {"LA", "PA", "La", "RGBA", "RGBa"} or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = np.ascontiguousarray(rgba[..., 3])
        info = replace(info, opaque=bool(alpha.min() == 255))
        return Photo(np.ascontiguousarray(rgba[..., :3]), alpha, None, icc, info)
    if image.mode == "CMYK":
        return Photo(_cmyk_to_srgb(image), None, None, None, info)
    return Photo(np.array(image.convert("RGB"), dtype=np.uint8), None, None, icc, info)


def _decode_16_bit(data: bytes, image: Image.Image, info: PhotoInfo) -> Photo:
    """Pillow has checked the stream to its end, but keeps 8 of the 16 bits; OpenCV reads them all.

    Of an animation it would swap the two bytes of every value.
    """
    still = np.frombuffer(without_animation(data), np.uint8)
    decoded = cast("UInt16 | None", cv2.imdecode(still, cv2.IMREAD_UNCHANGED))
    if decoded is None or decoded.dtype != np.uint16:
        raise DamagedImage("The 16-bit PNG is damaged. Save it anew from an image editor.")
    alpha16: UInt16 | None = None
    if decoded.ndim == 2:
        rgb = _in_three_channels(decoded)
        transparent = image.info.get("transparency")  # the one gray value, which OpenCV makes no alpha of
        if transparent is not None:
            alpha16 = np.where(decoded == transparent, np.uint16(0), np.uint16(65535))
    else:
        if decoded.shape[2] == 4:
            alpha16 = decoded[..., 3]
        rgb = decoded[..., 2::-1]
    pixels, fine = _split_by_bands(rgb)
    alpha = None if alpha16 is None else _split_by_bands(alpha16)[0]
    info = replace(info, bit_depth=16, opaque=alpha is None or bool(alpha.min() == 255))
    return Photo(pixels, alpha, fine, _icc_profile(image, info.gray), info)


def orient_photo(photo: Photo, orientation: int) -> Photo:
    """Turn and mirror a photo as EXIF orientation 1..8 asks (CIPA DC-008, tag 0x0112)."""
    if orientation == 1:
        return photo
    pixels = orient(photo.pixels, orientation)
    return replace(
        photo,
        pixels=pixels,
        alpha=None if photo.alpha is None else orient(photo.alpha, orientation),
        fine=None if photo.fine is None else orient(photo.fine, orientation),
        info=replace(photo.info, width=pixels.shape[1], height=pixels.shape[0]),
    )


def orient(array: npt.NDArray[Scalar], orientation: int) -> npt.NDArray[Scalar]:
    """An array [H, W, ...] turned and mirrored by EXIF orientation 1..8, contiguous."""
    if orientation >= 5:  # 5..8 swap width and height
        array = np.swapaxes(array, 0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _icc_profile(image: Image.Image, gray: bool) -> bytes | None:
    """The embedded profile where it describes the pixels that are kept (RGB or gray) and is of a sane size."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_PROFILE_BYTES:
        return None
    wanted = b"GRAY" if gray else b"RGB "
    return profile if profile[16:20] == wanted else None


def _cmyk_to_srgb(image: Image.Image) -> UInt8:
    """CMYK through its own profile where it carries a usable one, else by the plain formula."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and 128 <= len(profile) <= MAX_PROFILE_BYTES and profile[16:20] == b"CMYK":
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return np.array(converted, dtype=np.uint8)
        except (ImageCms.PyCMSError, OSError):  # a broken profile: the formula is better than a refusal
            pass
    return np.array(image.convert("RGB"), dtype=np.uint8)
