"""Whether the bytes of an image file are all there: a glance that costs less than its checksum, and decodes nothing."""

import zlib

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
SCAN, END = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG that begin its pixels and end it. Neither occurs among the pixels."""


def suspicious(content: bytes) -> bool:
    """Whether a file is cut short, or a checksum of its own is wrong; only decoding tells what that has done to it.

    It knows PNG and JPEG, which say how they end. What is inside the pixels of a JPEG has no checksum.
    """
    if content.startswith(PNG):
        return not _whole_png(content)
    if content.startswith(JPEG):
        return content.rfind(END) < content.rfind(SCAN)
    return False


def _whole_png(content: bytes) -> bool:
    """Whether chunk follows chunk, each with its checksum, to the one called IEND."""
    view, place = memoryview(content), len(PNG)
    while place + 12 <= len(content):
        length = int.from_bytes(view[place : place + 4], "big")
        end = place + 8 + length
        kind = bytes(view[place + 4 : place + 8])
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return False
        if kind == b"IEND":
            return True
        place = end + 4
    return False
