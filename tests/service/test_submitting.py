import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anamorph.keys import key as keys
from anamorph.service.settings import Bounds

from .conftest import Idle, Running, Serve

Picture = Callable[..., bytes]
KeyFile = Callable[..., bytes]

TOY = {"model": "toy"}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def test_one_picture_comes_back_protected_and_is_not_kept(
    running: Running, picture: Picture
) -> None:
    original = picture()
    answer = running.post("/v1/protect", files={"picture": ("me.png", original)}, data=TOY)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''me.png"
    record = json.loads(answer.headers["anamorph-record"])
    assert record["status"] == "protected"
    assert record["prediction_before"] == record["prediction_after"]
    assert 0 < np.abs(pixels(original) - pixels(answer.content)).max() <= 16
    assert not list(running.service.settings.jobs.iterdir())


def test_metadata_is_stripped_unless_it_is_asked_for(running: Running, picture: Picture) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    files = {"picture": ("me.jpg", picture(format="jpeg", exif=exif))}
    stripped = running.post("/v1/protect", files=files, data=TOY)
    kept = running.post("/v1/protect", files=files, data={**TOY, "metadata": "keep"})
    assert b"where I live" not in stripped.content
    assert b"where I live" in kept.content


def test_a_picture_is_hidden_and_revealed_with_a_key_that_is_sent(
    running: Running, picture: Picture, key_file: KeyFile
) -> None:
    original, key = picture(), key_file()
    files = {"picture": ("me.png", original), "key": ("k.amkey", key)}
    data = {"model": "embedder", "preset": "fast"}
    hidden = running.post("/v1/hide", files=files, data=data)
    assert hidden.status_code == 200, hidden.text
    assert json.loads(hidden.headers["anamorph-record"])["other_key_refused"] is True
    files = {"picture": ("hidden.png", hidden.content), "key": ("k.amkey", key)}
    revealed = running.post("/v1/reveal", files=files)
    assert revealed.content == original
    assert revealed.headers["content-disposition"].endswith("me.png")
    files = {"picture": ("hidden.png", hidden.content), "key": ("k.amkey", key_file())}
    wrong = running.post("/v1/reveal", files=files)
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:anamorph:WrongKey")


def test_a_picture_is_still_read_in_the_forms_it_is_to_survive(
    running: Running, picture: Picture
) -> None:
    files = {"picture": ("me.png", picture())}
    answer = running.post("/v1/protect", files=files, data={**TOY, "survive": "jpeg75"})
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["anamorph-record"])["survives"] == {"jpeg75": True}


def test_several_models_of_the_service_keep_reading(running: Running, picture: Picture) -> None:
    files = {"picture": ("me.png", picture())}
    both = {**TOY, "also_authorized": "embedder"}
    answer = running.post("/v1/protect", files=files, data=both)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["anamorph-record"])["also_kept"] == {"embedder": True}
    twice = running.post("/v1/protect", files=files, data={**TOY, "also_authorized": "toy"})
    assert twice.status_code == 422
    assert "toy: is authorized twice" in twice.json()["detail"]
    both = {**TOY, "surrogates": "toy"}
    refused = running.post("/v1/protect", files=files, data=both)
    assert "toy: is a model that keeps reading" in refused.json()["detail"]


def test_a_key_of_the_service_never_leaves_it(
    serve: Serve, picture: Picture, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.new("sealed")
    running = serve(stored={"ours": key})
    files = {"picture": ("me.png", picture())}
    data = {"model": "embedder", "preset": "fast", "stored_key": "ours"}
    hidden = running.post("/v1/hide", files=files, data=data)
    assert hidden.status_code == 200, hidden.text
    files = {"picture": ("h.png", hidden.content)}
    assert running.post("/v1/reveal", files=files, data={"stored_key": "ours"}).status_code == 200
    assert running.get("/v1/models").json()["keys"] == ["ours"]
    secret = key.secret.reveal()
    database = running.service.settings.data / "service.sqlite3"
    stored = database.read_bytes() + database.with_suffix(".sqlite3-wal").read_bytes()
    assert secret not in stored
    assert secret.hex() not in caplog.text


def test_features_are_shielded(running: Running, key_file: KeyFile) -> None:
    features = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    out, key = BytesIO(), ("k", key_file("rotation"))
    np.savez(out, features=features)
    files = {"features": ("faces.npz", out.getvalue()), "key": key}
    answer = running.post("/v1/shield", files=files, data={"method": "keyed"})
    assert answer.status_code == 200, answer.text
    rotated = np.load(BytesIO(answer.content))["features"]
    assert np.allclose(rotated @ rotated.T, features @ features.T, atol=1e-4)
    assert not np.allclose(rotated, features)
    again = {"features": ("shielded.npz", answer.content), "key": key}
    twice = running.post("/v1/shield", files=again, data={"method": "keyed"})
    assert (twice.status_code, "shielded" in twice.json()["detail"]) == (422, True), twice.text


@pytest.mark.parametrize("name", ["faces.npy", "faces.NPY", "faces"])
def test_features_come_in_files_that_have_room_for_their_mark(running: Running, name: str) -> None:
    data = {"method": "decoy", "model": "toy"}
    answer = running.post("/v1/shield", files={"features": (name, b"x")}, data=data)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:anamorph:UsageError")
    assert f"{name}: is neither .npz nor .parquet" in answer.json()["detail"]


def test_every_model_says_how_it_reads_original_and_result(
    running: Running, picture: Picture
) -> None:
    files = {"original": ("a.png", picture()), "result": ("b.png", picture("coffee"))}
    answer = running.post("/v1/read", files=files)
    models = {m["model"]: m for m in answer.json()["models"]}
    assert set(models) == {"toy", "embedder"}
    assert len(models["toy"]["readings"]) == 2
    assert -1 <= models["embedder"]["cosine"] <= 1


def test_many_pictures_become_a_job(running: Running, picture: Picture) -> None:
    files = [("picture", (f"{name}.png", picture(name))) for name in ("astronaut", "coffee")]
    answer = running.post("/v1/protect", files=files, data=TOY)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert [item["name"] for item in answer.json()["items"]] == ["astronaut.png", "coffee.png"]


def test_one_picture_can_be_a_job_too(running: Running, picture: Picture) -> None:
    files = {"picture": ("a.png", picture())}
    headers = {"Prefer": "respond-async"}
    answer = running.post("/v1/protect", files=files, data=TOY, headers=headers)
    assert answer.status_code == 202


def test_an_answer_that_takes_too_long_becomes_a_job(serve: Serve, picture: Picture) -> None:
    running = serve(Bounds(wait_seconds=0), workers=Idle)
    answer = running.post("/v1/protect", files={"picture": ("a.png", picture())}, data=TOY)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


@pytest.mark.parametrize(
    ("verb", "files", "data", "status", "said"),
    [
        ("protect", {}, TOY, 422, "picture: is missing"),
        ("protect", {"picture": b"png"}, {"seed": "0"}, 422, "model: Field required"),
        ("protect", {"picture": b"png"}, {"model": "x"}, 422, "no model is called 'x'"),
        ("protect", {"picture": b"png"}, {**TOY, "epsilon": "-1"}, 422, "greater than 0"),
        ("protect", {"picture": b"png"}, {**TOY, "iterations": "7"}, 422, "is no field"),
        ("protect", {"picture": b"png"}, {**TOY, "epsilon": "256"}, 422, "less than or equal"),
        ("protect", {"picture": b"png"}, {**TOY, "survive": "smaller"}, 422, "changes the size"),
        ("protect", {"other": b"png"}, TOY, 422, "other: is no file that is expected"),
        ("protect", {"picture": b"text"}, TOY, 422, "not a picture"),
        ("protect", {"picture": b""}, TOY, 422, "the file is empty"),
        ("protect", {"picture": b"GIF89a"}, TOY, 415, "GIF pictures are not read"),
        ("hide", {"picture": b"png"}, TOY, 422, "give one key"),
        ("hide", {"picture": b"png", "key": b"AMKEY"}, TOY, 422, "damaged key"),
        ("hide", {"picture": b"png"}, {**TOY, "stored_key": "x"}, 422, "no key is called"),
        ("shield", {"features": b"x"}, {"method": "advface"}, 422, "no shadow"),
        ("shield", {"features": b"x"}, {"method": "decoy", "model": "toy"}, 422, "name: "),
        ("read", {}, {"models": "toy"}, 422, "send one file as `original`"),
        ("read", {"original": b"x"}, {"models": "y"}, 422, "no model is called"),
    ],
)
def test_what_cannot_be_done_is_said_as_a_problem(
    running: Running,
    verb: str,
    files: dict[str, bytes],
    data: dict[str, str],
    status: int,
    said: str,
) -> None:
    sent: list[Any] = [(name, ("name", content)) for name, content in files.items()]
    sent += [(name, (None, value)) for name, value in data.items()]
    answer = running.post(f"/v1/{verb}", files=sent)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert str(running.service.settings.data) not in answer.text


def test_pictures_beyond_the_limits_are_refused(serve: Serve, picture: Picture) -> None:
    running = serve(Bounds(picture_pixels=700, picture_bytes=20_000, request_bytes=40_000))
    large = running.post("/v1/protect", files={"picture": ("a.png", picture())}, data=TOY)
    assert (large.status_code, large.json()["type"]) == (413, "urn:anamorph:TooLarge")
    heavy = {"picture": ("a.png", bytes(20_001))}
    assert running.post("/v1/protect", files=heavy, data=TOY).status_code == 413
    heavier = {"picture": ("a.png", bytes(40_001))}
    refused = running.post("/v1/protect", files=heavier, data=TOY)
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:anamorph:TooLong")


def test_a_disk_that_refuses_is_told_without_its_paths(running: Running, picture: Picture) -> None:
    jobs = running.service.settings.jobs
    jobs.rmdir()
    jobs.write_text("a file where a folder is needed")
    answer = running.post("/v1/protect", files={"picture": ("a.png", picture())}, data=TOY)
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:anamorph:NotWritten")
    assert "the upload cannot be kept" in answer.json()["detail"]
    assert str(jobs) not in answer.text
    jobs.unlink()


def test_a_full_queue_says_when_to_come_back(serve: Serve, picture: Picture) -> None:
    running = serve(Bounds(queue=1, wait_seconds=0), workers=Idle)
    files = {"picture": ("a.png", picture())}
    assert running.post("/v1/protect", files=files, data=TOY).status_code == 202
    full = running.post("/v1/protect", files=files, data=TOY)
    assert full.status_code == 503
    assert int(full.headers["retry-after"]) >= 1
    assert len(list(running.service.settings.jobs.iterdir())) == 1
