"""Term frequencies of the built-in models: shares of US names, nobody's data.

    python -m benchmarks.name_frequencies

The `names` package (MIT) carries the name tables of the US census of 1990 (public domain). First names
are the mean of both sexes. Rarer names than the ones kept have no frequency: agreement on them counts
as agreement on an average name, which understates it.
"""

from __future__ import annotations

from pathlib import Path

import names
import polars as pl

FOLDER = Path(__file__).parents[1] / "configs" / "models"
SOURCE = Path(names.__file__).parent
MODELS = ("dental", "clinic")
KEPT = 20_000
"""Of 88,799 family names: nine tenths of the people."""
PERCENT = 100
DIGITS = 9


def shares(file: str) -> pl.DataFrame:
    """value, share of all people, by a table of names with percentages."""
    text = pl.Series("line", (SOURCE / file).read_text().splitlines()).str.split_exact(" ", 0)
    numbers = pl.Series("line", (SOURCE / file).read_text().splitlines()).str.extract(
        r"\s([0-9.]+)"
    )
    return pl.DataFrame(
        {"value": text.struct.field("field_0"), "share": numbers.cast(pl.Float64) / PERCENT}
    )


def frequencies() -> pl.DataFrame:
    """field, value, frequency for first and last names."""
    both = pl.concat([shares("dist.female.first"), shares("dist.male.first")])
    first = both.group_by("value").agg(share=pl.col("share").sum() / 2)
    last = shares("dist.all.last").group_by("value").agg(pl.col("share").sum())
    kept = [
        rows.filter(pl.col("share") > 0)
        .sort("share", "value", descending=[True, False])
        .head(KEPT)
        .select(field=pl.lit(field), value="value", frequency=pl.col("share").round(DIGITS))
        for field, rows in (("first_name", first), ("last_name", last))
    ]
    return pl.concat(kept).sort("field", "value")


def main() -> None:
    made = frequencies()
    for model in MODELS:
        made.write_parquet(FOLDER / f"{model}.tf.parquet", compression="zstd", compression_level=19)
    print(f"{made.height:,} names written for {', '.join(MODELS)}")


if __name__ == "__main__":
    main()
