"""What is passed on of a document is what one sees of it, made anew; what is no document is refused."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from pypdf import PdfReader, PdfWriter

from pipelines.gateway import cleaning
from tests.pipelines.gateway.documents import DRAWING, PNG, image_of, pdf_of

MOST_BYTES = 5 * 1024 * 1024


def cleaned(content: bytes, media_type: str, most_bytes: int = MOST_BYTES) -> bytes:
    """What comes out of the process that takes documents apart; RefusedError: what it says instead."""
    command = [sys.executable, "-I", str(Path(cleaning.__file__)), media_type, str(most_bytes)]
    done = subprocess.run(command, input=content, capture_output=True, check=False, env={})
    if done.returncode == cleaning.REFUSED:
        raise cleaning.RefusedError(done.stdout.decode())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def with_place(form: str) -> bytes:
    """A photo that says where and by whom it was taken, and which side is up (EXIF, tags 0x8825, 0x13b, 0x112)."""
    exif = Image.Exif()
    exif[0x013B] = "Taro Yamada"
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (35.0, 40.0, 52.0)})
    return image_of(form, exif=exif)


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_an_image_keeps_its_pixels_and_loses_what_it_says_of_people_and_places(form: str, media_type: str) -> None:
    sent = with_place(form) + b"<script>what stands behind the image</script>"
    assert b"Taro Yamada" in sent

    made = cleaned(sent, media_type)

    kept = Image.open(BytesIO(made))
    assert (kept.format, kept.size, dict(kept.getexif())) == (form, (20, 40), {}), "it stands upright"
    assert b"Taro Yamada" not in made
    assert b"script" not in made
    upright = Image.open(BytesIO(sent)).transpose(Image.Transpose.ROTATE_270)
    difference = ImageChops.difference(kept.convert("RGB"), upright.convert("RGB"))
    assert max(high for _, high in difference.getextrema()) < 16


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_an_image_loses_its_comment_and_the_profile_of_its_screen(form: str, media_type: str) -> None:
    """Pillow writes both again of its own accord."""
    sent = image_of(form, comment=b"Taro Yamada", icc_profile=b"the profile of a screen")
    assert "icc_profile" in Image.open(BytesIO(sent)).info

    made = cleaned(sent, media_type)

    assert not {"comment", "icc_profile"} & Image.open(BytesIO(made)).info.keys()


def test_a_page_keeps_its_drawing_and_loses_what_is_active() -> None:
    script = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"
    sent = pdf_of(
        script,
        b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /Launch /F (calc.exe) >> >>",
        b"<< /Type /EmbeddedFile /Length 7 >>\nstream\npayload\nendstream",
        b"<< /Type /Filespec /F (run.exe) /EF << /F 7 0 R >> >>",
        b"<< /Author (Taro Yamada) >>",
        catalog=b"/OpenAction 5 0 R /Names << /EmbeddedFiles << /Names [(run.exe) 8 0 R] >> >>",
        page=b"/Annots [6 0 R] /AA << /O 5 0 R >>",
        trailer=b"/Info 9 0 R",
    )

    made = cleaned(sent, "application/pdf")

    (page,) = PdfReader(BytesIO(made)).pages
    assert DRAWING in page.get_contents().get_data()
    assert [float(each) for each in page.mediabox] == [0, 0, 200, 100]
    for gone in (b"JavaScript", b"Launch", b"calc.exe", b"payload", b"EmbeddedFile", b"Taro Yamada", b"OpenAction"):
        assert gone in sent
        assert gone not in made


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", "image/png"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 1000, "image/png"),
        (PNG[: len(PNG) // 2], "image/png"),
        (PNG, "image/jpeg"),
        (b"\xff\xd8\xff<?php system($_GET['c']); ?>", "image/jpeg"),
        (b"%PDF-1.7\n<html>", "application/pdf"),
        (PNG, "application/pdf"),
    ],
    ids=["nothing", "a beginning", "half", "another type", "a program", "another content", "an image"],
)
def test_what_only_begins_like_a_document_is_refused(content: bytes, media_type: str) -> None:
    with pytest.raises(cleaning.RefusedError, match="must be a whole"):
        cleaned(content, media_type)


def test_what_cannot_be_stripped_is_refused() -> None:
    """A program in what the page draws with: PostScript (ISO 32000-1, section 8.8.2)."""
    program = b"<< /Type /XObject /Subtype /PS /Length 4 >>\nstream\nquit\nendstream"
    sent = pdf_of(program).replace(b"/Resources << >>", b"/Resources << /XObject << /X 5 0 R >> >>")

    with pytest.raises(cleaning.RefusedError, match="no script"):
        cleaned(sent, "application/pdf")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    huge = image_of("PNG", size=(8000, 8000), compress_level=1)

    with pytest.raises(cleaning.RefusedError, match="million pixels"):
        cleaned(huge, "image/png")


def test_what_grows_beyond_what_may_be_sent_is_refused() -> None:
    with pytest.raises(cleaning.RefusedError, match="smaller"):
        cleaned(PNG, "image/png", most_bytes=50)


@pytest.mark.parametrize(("pages", "fits"), [(0, False), (1, True), (20, True), (21, False)])
def test_a_document_has_one_to_twenty_pages(pages: int, fits: bool) -> None:
    writer, sent = PdfWriter(), BytesIO()
    for _ in range(pages):
        writer.add_blank_page(200, 100)
    writer.write(sent)

    if fits:
        assert len(PdfReader(BytesIO(cleaned(sent.getvalue(), "application/pdf"))).pages) == pages
    else:
        with pytest.raises(cleaning.RefusedError, match="1 to 20 pages"):
            cleaned(sent.getvalue(), "application/pdf")


def test_a_document_that_only_its_password_opens_is_refused() -> None:
    writer, sent = PdfWriter(), BytesIO()
    writer.add_blank_page(200, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(sent)

    with pytest.raises(cleaning.RefusedError, match="must not be encrypted"):
        cleaned(sent.getvalue(), "application/pdf")
