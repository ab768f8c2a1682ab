"""A workbook as the bytes of an Excel file; what the system refuses meanwhile is an `OSError`."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

if TYPE_CHECKING:
    from openpyxl import Workbook


def workbook_bytes(book: Workbook) -> bytes:
    """Return a workbook as the bytes of an Excel file.

    Parameters
    ----------
    book : Workbook

    Raises
    ------
    OSError
        Sheets cannot be written to temporary files, as openpyxl does on the way.

    Examples
    --------
    >>> from openpyxl import Workbook
    >>> workbook_bytes(Workbook())[:2]
    b'PK'
    """
    from lxml.etree import SerialisationError
    from openpyxl.writer.excel import ExcelWriter

    content = io.BytesIO()
    try:
        # As openpyxl's own `save`, which leaves the archive open where it fails.
        with ZipFile(content, "w", ZIP_DEFLATED, allowZip64=True) as archive:
            ExcelWriter(book, archive).save()
    except SerialisationError as error:
        number = getattr(errno, str(error).removeprefix("IO_"), errno.EIO)
        raise OSError(number, "A temporary file cannot be written") from error
    return content.getvalue()
