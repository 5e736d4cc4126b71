"""Colours as browsers show them: in sRGB, by the profile that an image carries."""

import io

import numpy as np
from PIL import Image, ImageCms

_GREY = ("1", "L", "LA")

# 4,096 colours all over: 16 levels of each channel.
_PROBE = Image.fromarray(np.mgrid[0:256:17, 0:256:17, 0:256:17].T.reshape(64, 64, 3).astype(np.uint8))


def in_srgb(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where it is transparent. A profile that is damaged, or of other channels, counts as none."""
    shown = image.convert("RGBA" if image.has_transparency_data else "RGB")
    profile = image.info.get("icc_profile")
    managed = _managed(image, shown, profile) if profile else None
    if managed is None:
        return shown
    if shown.mode == "RGBA":
        managed.putalpha(shown.getchannel("A"))
    return managed


def _managed(image: Image.Image, shown: Image.Image, profile: bytes) -> Image.Image | None:
    """The colours by the profile, or None where it changes none."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        channels = _channels(image, shown, source.profile.xcolor_space.strip())
        if channels is None:
            return None
        srgb, exact = ImageCms.createProfile("sRGB"), ImageCms.Flags.NOOPTIMIZE  # else dark greys are ten levels off
        transform = ImageCms.buildTransform(source, srgb, channels.mode, "RGB", flags=exact)
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if _is_neutral(transform, channels.mode) else transform.apply(channels)


def _channels(image: Image.Image, shown: Image.Image, space: str) -> Image.Image | None:
    """What a profile of this space speaks of."""
    if space == "RGB" and image.mode != "CMYK":
        return shown.convert("RGB")
    if space == "GRAY" and image.mode in _GREY:
        return shown.getchannel(0)
    return image if space == image.mode == "CMYK" else None


def _is_neutral(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether it moves colours by no more than rounding does: the profile is sRGB's own."""
    probe = _PROBE.convert(mode)
    moved = np.asarray(transform.apply(probe)) - np.asarray(probe.convert("RGB"), np.int16)
    return bool(np.abs(moved).max() <= 1)
