"""How failed pieces ended, and one cause for each failed task: by its texts, else by its pieces, else by what happened to its process."""

import duckdb

from dfly_analysis.catalog.error_signatures import cause_of, load_signatures, signatures_in
from dfly_analysis.reconstruction.event_records import sql
from dfly_analysis.reconstruction.temporary_tables import TEXT, create_from_rows, insert_rows

_TEXTS_AT_A_TIME = 5_000


def attribute_causes(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_causes`, one for each failed task, from `_tasks`, `_failed_attempts` and the texts of `_records`."""
    connection.execute(sql("failure_texts"))
    classify_texts(connection, "SELECT DISTINCT text FROM _failure_texts")
    connection.execute(sql("outcomes_by_text"))
    signatures = [(one.id, one.layer, one.cause) for one in load_signatures()]
    create_from_rows(connection, "_signatures", {"id": TEXT, "layer": TEXT, "cause": TEXT}, signatures)
    connection.execute(sql("causes"))


def classify_texts(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Create `_text_classes`: for each text of a query its cause, the outcome of a piece that it names, and the cause of its symptom."""
    types = dict.fromkeys(("text", "cause", "outcome", "symptom_cause"), TEXT)
    create_from_rows(connection, "_text_classes", types, ())
    numbered = f"SELECT row_number() OVER () AS number, text FROM ({query})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _texts AS {numbered}")
    ((size,),) = connection.execute("SELECT count(*) FROM _texts").fetchall()
    for after in range(0, size, _TEXTS_AT_A_TIME):
        chosen = "SELECT text FROM _texts WHERE number > ? AND number <= ?"
        texts = connection.execute(chosen, [after, after + _TEXTS_AT_A_TIME]).fetchall()
        insert_rows(connection, "_text_classes", types, [(text, *_class_of(text)) for (text,) in texts])


def _class_of(text: str) -> tuple[str | None, str | None, str | None]:
    known = cause_of(text)
    symptoms = (one.cause for one in signatures_in(text) if one.layer == "symptom")
    symptom = next((cause for cause in symptoms if cause not in ("unknown", "cancelled")), None)
    return (None, None, symptom) if known is None else (known.cause, known.outcome, symptom)
