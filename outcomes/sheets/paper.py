"""US letter paper: the font, head and foot, and the few forms that a sheet is made of. No Django, no clock.

The font (Roboto, Apache License 2.0, cut down to Latin, Greek and Cyrillic) stands beside this file. The
same document gives the same bytes: the date inside is that of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

FONTS = Path(__file__).parent / "fonts"
NAME = "Roboto"
MARGIN = 16
TEXT, SMALL, HEAD, TITLE = 9, 7.5, 10.5, 16
KEPT_TOGETHER = 34
UNITS = (("[beth'U]", "BU"), ("[IU]", "IU"))
GREY, LINE, WARN = (81, 96, 107), (185, 196, 202), (161, 21, 21)
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


class Paper(FPDF):
    """A sheet with its name and subject on every page."""

    def __init__(self, title: str, subject: str, foot: str, made_at: datetime) -> None:
        super().__init__(orientation="portrait", unit="mm", format="letter")
        self.sheet_title, self.sheet_subject, self.sheet_foot = title, subject, foot
        for style, file in (("", "Roboto-Regular.ttf"), ("B", "Roboto-Bold.ttf")):
            self.add_font(NAME, style, FONTS / file)
        self.set_margins(MARGIN, 14, MARGIN)
        self.set_auto_page_break(True, 18)
        self.set_creation_date(made_at)
        self.set_title(title)
        self.set_lang("en-US")
        self.set_creator("Daymark")
        self.set_draw_color(*LINE)
        self.add_page()

    def header(self) -> None:
        if self.page_no() > 1:
            self._set("", SMALL, GREY)
            self.cell(
                0,
                5,
                self.safe(f"{self.sheet_title}, {self.sheet_subject}"),
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
            self.ln(2)

    def footer(self) -> None:
        self.set_y(-13)
        self._set("", SMALL, GREY)
        self.cell(150, 4, self.safe(self.sheet_foot))
        self.cell(0, 4, f"Page {self.page_no()} of {{nb}}", align="R")

    def heading(self, text: str, aside: str = "", *, warn: bool = False) -> None:
        """A heading with its state at the right, kept together with what follows."""
        if self.will_page_break(KEPT_TOGETHER):
            self.add_page()
        self.ln(2)
        self._set("B", HEAD)
        self.cell(118, 6, self.safe(text))
        self._set("B", TEXT, WARN if warn else GREY)
        self.cell(0, 6, self.safe(aside), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(1)

    def title_line(self, text: str) -> None:
        self._set("B", TITLE)
        self.multi_cell(0, 8, self.safe(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def text_line(self, text: str, *, bold: bool = False, warn: bool = False, small: bool = False) -> None:
        self._set("B" if bold else "", SMALL if small else TEXT, WARN if warn else GREY if small else None)
        self.multi_cell(
            0, 3.8 if small else 4.6, self.safe(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Label and text beside each other."""
        found = [(label, text) for label, text in rows if text]
        if found:
            self.grid((), found, (30, 70), bold_first=True)

    def grid(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        *,
        bold_first: bool = False,
    ) -> None:
        """A table; with a head, it is repeated on every page."""
        self._set("", SMALL + 0.5)
        style = FontFace(emphasis="BOLD", color=GREY, fill_color=(237, 241, 243))
        layout = TableBordersLayout.HORIZONTAL_LINES if head else TableBordersLayout.NONE
        with self.table(
            col_widths=tuple(widths), first_row_as_headings=bool(head), headings_style=style, text_align="LEFT",
            borders_layout=layout, line_height=4.2, padding=(0.4, 1),
        ) as table:  # fmt: skip
            for cells in ([head] if head else []) + list(rows):
                row = table.row()
                for n, cell in enumerate(cells):
                    strong = bold_first and n == 0
                    row.cell(self.safe(cell), style=FontFace(color=GREY) if strong else None)
        self.ln(1.5)

    def safe(self, text: str) -> str:
        """The text with units as people write them, and a mark for each character the font does not have."""
        for code, word in UNITS:
            text = text.replace(code, word)
        font = self.fonts[NAME.lower()]
        assert isinstance(font, TTFFont)
        return "".join(c if c == "\n" or ord(c) in font.cmap else UNPRINTABLE for c in text)

    def _set(self, style: str, size: float, colour: tuple[int, int, int] | None = None) -> None:
        self.set_font(NAME, style, size)  # type: ignore[arg-type]
        self.set_text_color(*(colour or (0, 0, 0)))


def made_at(instant: str) -> datetime:
    """An instant of a document as a time."""
    return datetime.fromisoformat(instant.replace("Z", "+00:00"))


def subject(body: dict[str, object]) -> str:
    """Whose sheet it is: code, and name where it is shown."""
    person = body["person"]
    assert isinstance(person, dict)
    name = ", ".join(str(n) for n in (person["family_name"], person["given_name"]) if n)
    return f"{person['code']} {name}".strip()
