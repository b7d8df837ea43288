"""Set the sample book: `python data/sample/set.py` writes half-hundredweight.pdf beside this file.

The fonts are those inside the `typst` package and the date is fixed, so two runs give equal bytes.
"""

from datetime import UTC, datetime
from pathlib import Path

import typst

HERE: Path = Path(__file__).resolve().parent
SLUG: str = "half-hundredweight"
DATE: datetime = datetime(2026, 11, 24, tzinfo=UTC)


def main() -> None:
    pdf: Path = HERE / f"{SLUG}.pdf"
    typst.compile(
        HERE / f"{SLUG}.typ",
        output=pdf,
        root=HERE,
        ignore_system_fonts=True,
        timestamp=int(DATE.timestamp()),
    )
    print(f"{pdf} ({pdf.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
