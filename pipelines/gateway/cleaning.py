"""Makes a document anew from what one sees of it, so that nothing else in the file reaches anybody.

Run by itself, as `python -I cleaning.py TYPE MOST_BYTES`: the document on standard input, the new one on standard
output. Files that strangers made are taken apart by libraries that had faults in this before. So it happens in a
process that holds no secret, imports nothing of the hub, writes no file, and has little time and memory.

Exit status: 0; 3: the document is refused, and standard output says why, continuing the sentence "body ..."; anything
else: taking it apart ended the process.
"""

import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject

REFUSED = 3
MOST_SECONDS, MOST_MEMORY = 20, 1 << 30
MOST_PIXELS = 50_000_000
"""Of an image; cameras of telephones make 12 to 50 million."""
MOST_PAGES = 20
SEEN = ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/Resources", "/Contents")
"""What one sees of a page of a PDF. Annotations, forms, actions, attachments, scripts and metadata are elsewhere."""
ACTIVE_KEYS = {
    "/AA", "/AcroForm", "/Annots", "/EF", "/EmbeddedFiles", "/FFilter", "/JS", "/JavaScript", "/OpenAction",
    "/RichMediaContent", "/XFA",
}  # fmt: skip
ACTIVE_KINDS = {
    "/EmbeddedFile", "/Filespec", "/GoToE", "/GoToR", "/ImportData", "/JavaScript", "/Launch", "/Movie", "/PS",
    "/Rendition", "/RichMedia", "/Sound", "/SubmitForm", "/URI",
}  # fmt: skip
"""Values of /S, /Type and /Subtype: actions, and what holds files or programs (ISO 32000-1, 7.11, 8.8.2, 12.6.4)."""


class RefusedError(Exception):
    """The document is not taken; the text continues the sentence "body ..."."""


def image(content: bytes, form: str, most_bytes: int) -> bytes:
    """The same pixels, upright, and nothing else: no place or camera (EXIF), no comment, nothing behind the image."""
    found = Image.open(BytesIO(content), formats=[form])
    if found.width * found.height > MOST_PIXELS:
        raise RefusedError(f"must have no more than {MOST_PIXELS // 1_000_000} million pixels")
    found.load()
    upright = ImageOps.exif_transpose(found)
    sees_through = form == "PNG" and upright.has_transparency_data
    plain = upright.convert("L" if upright.mode in {"1", "L"} else "RGBA" if sees_through else "RGB")
    plain.info.clear()
    for quality in (90, 75):
        made = BytesIO()
        # PNG knows no quality and ignores it.
        plain.save(made, form, quality=quality)
        if made.tell() <= most_bytes:
            return made.getvalue()
    raise RefusedError("must be smaller: it takes too many bytes without its metadata")


def pdf(content: bytes, most_bytes: int) -> bytes:
    """The same pages, made anew from what one sees of them."""
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted:
        raise RefusedError("must not be encrypted")
    if not 1 <= len(reader.pages) <= MOST_PAGES:
        raise RefusedError(f"must have 1 to {MOST_PAGES} pages")
    writer = PdfWriter()
    for page in reader.pages:
        new = writer.add_blank_page(page.mediabox.width, page.mediabox.height)
        for key in SEEN:
            if key in page:
                new[NameObject(key)] = page.raw_get(key).clone(writer)
    writer.metadata = None
    # What was copied with a page and hangs on nothing that is seen.
    writer.compress_identical_objects(remove_duplicates=False, remove_unreferenced=True)
    made = BytesIO()
    writer.write(made)
    if made.tell() > most_bytes:
        raise RefusedError("must be smaller")
    if any(_is_active(each) for each in _objects(PdfReader(made).trailer)):
        raise RefusedError("must hold no script, no other file and nothing that starts by itself")
    return made.getvalue()


def _objects(root: Any) -> Iterator[DictionaryObject]:
    """Every dictionary that can be reached."""
    waiting, seen = [root], set()
    while waiting:
        found = waiting.pop().get_object()
        reference = getattr(found, "indirect_reference", None)
        if reference is not None:
            if reference.idnum in seen:
                continue
            seen.add(reference.idnum)
        if isinstance(found, DictionaryObject):
            yield found
            waiting.extend(found.raw_get(key) for key in found)
        elif isinstance(found, ArrayObject):
            waiting.extend(found)


def _is_active(found: DictionaryObject) -> bool:
    is_kept_elsewhere = isinstance(found, StreamObject) and "/F" in found
    kinds = {str(found.get(key)) for key in ("/S", "/Type", "/Subtype")}
    return is_kept_elsewhere or bool(ACTIVE_KEYS & found.keys()) or bool(ACTIVE_KINDS & kinds)


def cleaned(content: bytes, media_type: str, most_bytes: int) -> bytes:
    """The document made anew.

    Raises:
        RefusedError: it may not be sent, or is not what it is said to be.
    """
    try:
        match media_type:
            case "image/jpeg":
                return image(content, "JPEG", most_bytes)
            case "image/png":
                return image(content, "PNG", most_bytes)
            case _:
                return pdf(content, most_bytes)
    except RefusedError:
        raise
    except Exception as error:  # whatever the libraries stumble over is the file's fault
        raise RefusedError("must be a whole JPEG, PNG or PDF file, and Content-Type must say which") from error


def main() -> None:
    with suppress(ValueError, OSError):  # not every system knows every limit
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    media_type, most_bytes = sys.argv[1], int(sys.argv[2])
    try:
        made = cleaned(sys.stdin.buffer.read(), media_type, most_bytes)
    except RefusedError as refusal:
        sys.stdout.write(str(refusal))
        sys.exit(REFUSED)
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main()
