"""The OpenAPI document is complete and true: generated requests get the answers it names."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anamorph.service.requests import FORMS, PRESETS
from anamorph.service.settings import Bounds

from .conftest import Idle, Serve

EXAMPLES = 4


def test_the_document_names_every_route(serve: Serve) -> None:
    document = serve(workers=Idle).http.get("/openapi.json").json()
    assert set(document["paths"]) == {
        *(f"/v1/{verb}" for verb in FORMS),
        "/v1/models",
        "/v1/jobs",
        "/v1/jobs/{job}",
        "/v1/jobs/{job}/cancel",
        "/v1/jobs/{job}/events",
        "/v1/jobs/{job}/results",
        "/v1/jobs/{job}/results/{place}",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            problems = {s for s in operation["responses"] if s >= "4"}
            assert path == "/healthz" or "503" in problems
            content = [operation["responses"][s]["content"] for s in problems]
            assert all(set(one) == {"application/problem+json"} for one in content)


@pytest.mark.parametrize("verb", PRESETS)
def test_the_forms_offer_the_presets_of_the_methods(verb: str) -> None:
    offered = FORMS[verb].model_json_schema()["properties"]["preset"]["enum"]
    assert set(offered) == set(PRESETS[verb])


def test_a_method_that_is_not_taken_is_told_which_are(serve: Serve) -> None:
    running = serve(workers=Idle)
    answer = running.http.put(f"/v1/jobs/{'0' * 32}", headers=running.headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_generated_requests_get_the_answers_that_are_documented(
    site: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("schemathesis", reason="needs schemathesis")
    bounds = Bounds(
        wait_seconds=0,
        queue=100_000,
        requests_per_minute=1e6,
        burst=10**6,
        lease_seconds=3600,
    )
    service, address = site(bounds, workers=Idle)
    url, token = address.partition("#")[0], service.tokens.new(["admin"])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}openapi.json"),
            *("--header", f"Authorization: Bearer {token}", "--max-examples", str(EXAMPLES)),
            *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color"),
            *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stdout
