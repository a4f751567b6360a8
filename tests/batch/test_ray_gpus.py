"""Which workers get a GPU, on clusters that only say what they have."""

from types import SimpleNamespace
from typing import Any

import pytest

from anamorph.batch.ray_data import OnRay
from anamorph.errors import UsageError


class Cluster:
    """Says what it has, and keeps how actors are asked for."""

    def __init__(self, **resources: float) -> None:
        self.cluster_resources = lambda: resources
        self.asked: dict[str, Any] = {}
        self.data = SimpleNamespace(
            DataContext=SimpleNamespace(get_current=lambda: SimpleNamespace()),
            ActorPoolStrategy=lambda size: size,
            from_items=lambda rows, override_num_blocks: self,
        )

    def is_initialized(self) -> bool:
        return True

    def remote(self, **_: Any) -> Any:
        return lambda _actor: SimpleNamespace(remote=lambda: None)

    def map(self, _worker: Any, **asked: Any) -> Any:
        self.asked = asked
        return SimpleNamespace(iter_rows=lambda: iter(()))


def asked(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, **how: Any) -> dict[str, Any]:
    monkeypatch.setattr("anamorph.batch.ray_data._ray", lambda: cluster)
    assert list(OnRay(**how).run(lambda: lambda shard, alive: shard, list(range(9)))) == []
    return {name: cluster.asked[name] for name in ("compute", "num_cpus", "num_gpus")}


def test_every_worker_has_a_gpu_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(CPU=8, GPU=2)
    for device in ("cuda", "auto"):
        claimed = asked(cluster, monkeypatch, device=device, threads=2)
        assert claimed == {"compute": 2, "num_cpus": 2, "num_gpus": 1}
    assert asked(cluster, monkeypatch, device="cuda", workers=1)["compute"] == 1


def test_workers_on_processors_claim_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = {"compute": 8, "num_cpus": 1, "num_gpus": None}
    assert asked(Cluster(CPU=8, GPU=2), monkeypatch) == claimed
    assert asked(Cluster(CPU=8), monkeypatch, device="auto") == claimed


def test_a_gpu_is_not_promised_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the cluster has no GPU; use cpu"):
        asked(Cluster(CPU=8), monkeypatch, device="cuda")
    with pytest.raises(UsageError, match="cuda:1: Ray gives every worker a GPU of its own"):
        OnRay(device="cuda:1")
