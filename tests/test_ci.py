"""`.ci/run`, where programs that some tests need are not there and cannot be installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / ".ci/run"


@pytest.mark.parametrize(("ci", "goes_on"), [("true", False), ("", True)])
def test_tests_are_left_out_on_ones_own_machine_alone(tmp_path: Path, ci: str, goes_on: bool) -> None:
    # Of programs there are these, and a `make` that ends it.
    for program in ("dirname", "id"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    (tmp_path / "make").write_text('#!/bin/sh\necho make "$@"; exit 3\n')
    (tmp_path / "make").chmod(0o755)

    ended = subprocess.run(
        ["/bin/sh", RUN],
        env=os.environ | {"PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "php-cli chromium chromium-driver npm" in ended.stderr
    assert (ended.returncode, ended.stdout) == ((3, "make lint\n") if goes_on else (1, ""))
