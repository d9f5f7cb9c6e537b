"""Documents for tests: images by Pillow, PDFs written out by hand."""

from io import BytesIO
from typing import Any

from PIL import Image


def image_of(form: str, size: tuple[int, int] = (40, 20), **saved: Any) -> bytes:
    made = BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(made, form, **saved)
    return made.getvalue()


PNG = image_of("PNG")

PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << >> %b >>"
DRAWING = b"0 0 50 50 re f"


def pdf_of(*more: bytes, catalog: bytes = b"", page: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF of one page. `more`: objects from number 5 on; the rest is added to the objects of those names."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        PAGE % page,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(DRAWING), DRAWING),
        *more,
    ]
    made, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R %b >>\n"
    count = len(objects) + 1
    return made + head % (count, table, count, trailer) + b"startxref\n%d\n%%%%EOF\n" % len(made)
