"""Network policies, by what they let through and what not."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.helm.chart import NAMESPACE, Manifest, example, of_kind, pods, render, selects
from tests.helm.network import Party, allowed

DNS = Party("kube-system", {"k8s-app": "kube-dns"})
PROMETHEUS = Party("monitoring", {"app": "prometheus"})
INGRESS = Party("ingress-nginx", {"app": "controller"})
STRANGER = Party("default", {"app": "shell"})
NEIGHBOUR = Party(NAMESPACE, {"app": "shell"})
INTERNET = Party(address="140.82.112.3")
METADATA = Party(address="169.254.169.254")
PRIVATE = Party(address="10.0.0.7")

PORTS = (53, 80, 443, 6379, 8000, 8001, 8002, 9090)

EXPECTED = {
    ("gateway", "dns", 53),
    ("gateway", "triton", 8001),
    ("gateway", "redis", 6379),
    ("ingress", "gateway", 8000),
    ("prometheus", "gateway", 8000),
    ("prometheus", "triton", 8002),
    ("exporter", "dns", 53),
    ("exporter", "internet", 443),
    ("test", "dns", 53),
    ("test", "gateway", 8000),
}
"""All that may be said in a release with everything."""


def parties(manifests: list[Manifest]) -> dict[str, Party]:
    own = {pod.component: Party.of(pod, NAMESPACE) for pod in pods(manifests)}
    outside = {"dns": DNS, "prometheus": PROMETHEUS, "ingress": INGRESS, "stranger": STRANGER, "neighbour": NEIGHBOUR}
    return {**own, **outside, "internet": INTERNET, "metadata": METADATA, "private": PRIVATE}


def conversations(values: dict[str, Any]) -> set[tuple[str, str, int]]:
    """Who may reach whom on which port, where a pod of the release is one of both."""
    manifests = render(values)
    policies = of_kind(manifests, "NetworkPolicy")
    everybody = parties(manifests)
    own = {name for name, party in everybody.items() if party.namespace == NAMESPACE} - {"neighbour"}
    return {
        (source, target, port)
        for source, target, port in product(everybody, everybody, PORTS)
        if source != target
        and {source, target} & own
        and any(
            allowed(policies, NAMESPACE, everybody[source], everybody[target], port, protocol)
            for protocol in ("TCP", "UDP")
        )
    }


def test_nothing_more_than_needed_may_be_said() -> None:
    assert conversations(example("production")) == EXPECTED


def test_triton_is_reached_by_the_gateway_alone(manifests: list[Manifest]) -> None:
    policies, everybody = of_kind(manifests, "NetworkPolicy"), parties(manifests)
    reach = {
        name
        for name, party in everybody.items()
        if allowed(policies, NAMESPACE, party, everybody["triton"], 8001, "TCP")
    }
    assert reach == {"gateway"}
    reach = {
        name
        for name, party in everybody.items()
        if allowed(policies, NAMESPACE, party, everybody["triton"], 8002, "TCP")
    }
    assert reach == {"prometheus"}


def test_a_second_release_is_a_stranger() -> None:
    """Its gateway has the same labels but for the instance."""
    manifests = render(example("production"))
    policies, everybody = of_kind(manifests, "NetworkPolicy"), parties(manifests)
    other = Party(NAMESPACE, {**everybody["gateway"].labels, "app.kubernetes.io/instance": "other"})
    assert not allowed(policies, NAMESPACE, other, everybody["triton"], 8001, "TCP")
    elsewhere = Party("default", everybody["gateway"].labels)
    assert not allowed(policies, NAMESPACE, elsewhere, everybody["triton"], 8001, "TCP")


def test_every_pod_is_closed_by_default(manifests: list[Manifest]) -> None:
    (deny,) = [one for one in of_kind(manifests, "NetworkPolicy") if "default-deny" in one["metadata"]["name"]]
    assert deny["spec"].keys() == {"podSelector", "policyTypes"}
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for pod in pods(manifests):
        assert selects(deny["spec"]["podSelector"]["matchLabels"], pod.labels), pod.name


def test_init_container_may_download_and_triton_hears_nobody_else() -> None:
    found = conversations(example("cpu"))
    assert {one for one in found if "triton" in one} == {
        ("gateway", "triton", 8001),
        ("prometheus", "triton", 8002),
        ("triton", "dns", 53),
        ("triton", "internet", 443),
    }


def test_offline_export_reaches_nobody() -> None:
    assert not {one for one in conversations(example("gpu", settings__offline=True)) if "exporter" in one}


def test_empty_lists_close() -> None:
    """In a policy, an empty list of peers would mean everybody."""
    names = ("ingressFrom", "prometheusFrom", "dnsTo", "exporterTo")
    changes: dict[str, Any] = {f"networkPolicy__{name}": [] for name in names}
    found = conversations(example("production", **changes, tests__enabled=False))
    assert found == {("gateway", "triton", 8001), ("gateway", "redis", 6379)}


def test_redis_elsewhere_is_reached_where_it_is_said_to_be() -> None:
    values = example(
        "production",
        redis__enabled=False,
        externalRedis__existingSecret="redis",
        networkPolicy={"redisTo": [{"ipBlock": {"cidr": "10.0.0.7/32"}}], "redisPort": 6379},
    )
    assert {one for one in conversations(values) if 6379 in one} == {("gateway", "private", 6379)}


def test_without_policies_everything_may_be_said() -> None:
    """The evaluator would find it."""
    found = conversations(example("production", networkPolicy__enabled=False))
    assert ("stranger", "triton", 8001) in found


@pytest.mark.parametrize("component", ["gateway", "triton", "redis", "exporter", "test", "default-deny"])
def test_each_policy_is_needed(component: str) -> None:
    """Without any one of them, something else may be said, or less."""
    manifests = render(example("production"))
    policies = of_kind(manifests, "NetworkPolicy")
    fewer = [one for one in policies if one["metadata"]["name"] != f"photos-limner-{component}"]
    assert len(fewer) == len(policies) - 1
    everybody = parties(manifests)
    # A pod of the release that no component's policy is for, such as one that a debugging tool made.
    everybody["bare"] = Party(NAMESPACE, {"app.kubernetes.io/name": "limner", "app.kubernetes.io/instance": "photos"})

    def said(these: list[Manifest]) -> set[tuple[str, str, int]]:
        return {
            (source, target, port)
            for source, target, port in product(everybody, everybody, PORTS)
            if allowed(these, NAMESPACE, everybody[source], everybody[target], port, "TCP")
        }

    assert said(fewer) != said(policies)
