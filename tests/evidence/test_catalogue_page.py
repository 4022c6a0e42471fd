"""docs/properties.md says what the code says."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.properties.page import page

PAGE = Path(__file__).parent.parent.parent / "docs" / "properties.md"


def test_the_page_is_the_one_that_the_code_writes(task):
    assert PAGE.read_text("utf-8") == page(), "run: python -m tfcaf_forge.evidence.properties.page > docs/properties.md"


def test_every_property_that_a_task_can_have_is_on_it(task):
    shown = page()
    padded = msgspec.structs.replace(
        task,
        state=tuple(
            msgspec.structs.replace(b, fields=tuple(msgspec.structs.replace(f, irrelevant=True) for f in b.fields))
            for b in task.state
        ),
    )
    for prop in catalogue(padded):
        assert f"## `{prop.id}`" in shown
