"""Print the table as the matrix of a GitHub Actions workflow: one job for each stack."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from typing import Any, Final

from tenants import Row, TableError, load

MOST: Final = 256  # jobs of a matrix, says GitHub


def matrix_of(rows: Collection[Row]) -> dict[str, Any]:
    """
    Return the matrix: names only, as the workflow's log shows it.

    Raises:
        TableError: These are more rows than a matrix may have jobs.
    """
    if len(rows) > MOST:
        raise TableError(
            f"tenants.yaml has {len(rows)} rows, and a matrix at most {MOST} jobs. "
            "Run `python fleet.py up` in one job instead."
        )
    return {
        "include": [
            {
                "stack": row.stack,
                "client_id_env": row.client_id_env,
                "client_secret_env": row.client_secret_env,
            }
            for row in rows
        ]
    }


if __name__ == "__main__":
    try:
        print(json.dumps(matrix_of(load())))
    except TableError as error:
        sys.exit(str(error))
