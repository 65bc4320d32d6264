"""The case file's schema, version ``tertius: 1``: one module for each group of sections."""

from __future__ import annotations

from tertius.case.schema.root import Case

__all__ = ["Case"]
