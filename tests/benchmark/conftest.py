"""Fixtures of the tests of records."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from records import full, refused


@pytest.fixture
def tampered(tmp_path: Path) -> Callable[..., str]:
    """What a record is refused with once its JSON has been changed; the path inside it, and the new value."""

    def refusal(*place: Any) -> str:
        *path, last, value = place
        document = json.loads(full().to_json())
        inner = document
        for key in path:
            inner = inner[key]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
        file = tmp_path / "record.json"
        file.write_text(json.dumps(document))
        return refused(file)

    return refusal
