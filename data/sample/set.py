"""Set the sample book: `python data/sample/set.py` writes half-hundredweight.pdf beside this file.

Only the fonts inside the `typst` package are used and the date is fixed, so two runs give the same bytes.
"""

from datetime import datetime, timezone
from pathlib import Path

import typst

HERE: Path = Path(__file__).resolve().parent
SLUG: str = "half-hundredweight"
DATE: datetime = datetime(2026, 11, 24, tzinfo=timezone.utc)


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
