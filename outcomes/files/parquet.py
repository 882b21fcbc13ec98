"""A finished table as Parquet, block by block; the same bytes for the same table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outcomes.rules.dataset_tables import Table

BLOCK = 4 << 20


def write(source: Path, target: Path, table: Table) -> int:
    """Writes `target` from a comma-separated file; returns how many rows it holds."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    schema = _schema(table)
    reader = csv.open_csv(
        source,
        read_options=csv.ReadOptions(block_size=BLOCK, use_threads=False),
        convert_options=csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True,
            true_values=["true"], false_values=["false"],
        ),
    )  # fmt: skip
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    return int(pq.read_metadata(target).num_rows)


def _schema(table: Table) -> Any:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.decimal128(18, 4),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(c.name, types[c.kind]) for c in table.columns])
