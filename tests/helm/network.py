"""Who may talk to whom, by the network policies of a release: as Kubernetes defines it, for what the chart uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.helm.chart import Manifest, Pod

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Party:
    """A pod, by its labels and its namespace; or an address outside the cluster."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Of its containers, by name."""

    @classmethod
    def of(cls, pod: Pod, namespace: str) -> Party:
        ports = {port["name"]: port["containerPort"] for one in pod.containers for port in one.get("ports", [])}
        return cls(namespace, pod.labels, ports=ports)


def allowed(policies: list[Manifest], namespace: str, source: Party, target: Party, port: int, protocol: str) -> bool:
    """Whether ``source`` may open a connection to ``target``: both sides must let it."""
    return _side(policies, namespace, "Egress", source, target, port, protocol) and _side(
        policies, namespace, "Ingress", target, source, port, protocol
    )


def _side(
    policies: list[Manifest], namespace: str, direction: str, own: Party, other: Party, port: int, protocol: str
) -> bool:
    """Whether the policies of ``own`` let it; where none selects it, everything is allowed."""
    if own.namespace != namespace:
        return True
    rules, selected = [], False
    for policy in policies:
        spec = policy["spec"]
        if direction in spec["policyTypes"] and _matches(spec["podSelector"], own.labels):
            selected = True
            rules += spec.get(direction.lower(), [])
    target = other if direction == "Egress" else own
    return not selected or any(_rule(rule, direction, namespace, other, target, port, protocol) for rule in rules)


def _rule(
    rule: dict[str, Any], direction: str, namespace: str, other: Party, target: Party, port: int, protocol: str
) -> bool:
    peers, ports = rule.get("to" if direction == "Egress" else "from", []), rule.get("ports", [])
    peer_fits = not peers or any(_peer(peer, namespace, other) for peer in peers)
    return peer_fits and (not ports or any(_port(one, target, port, protocol) for one in ports))


def _peer(peer: dict[str, Any], namespace: str, other: Party) -> bool:
    if "ipBlock" in peer:
        assert set(peer) == {"ipBlock"}
        block = peer["ipBlock"]
        inside = [other.address and ip_address(other.address) in ip_network(one) for one in block.get("except", [])]
        return bool(other.address) and ip_address(other.address) in ip_network(block["cidr"]) and not any(inside)
    if other.address or not peer:
        return False
    in_namespace = (
        _matches(peer["namespaceSelector"], {NAMESPACE_LABEL: other.namespace})
        if "namespaceSelector" in peer
        else other.namespace == namespace
    )
    return in_namespace and _matches(peer.get("podSelector", {}), other.labels)


def _matches(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Selectors by expressions are not used here."""
    assert set(selector) <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _port(rule: dict[str, Any], target: Party, port: int, protocol: str) -> bool:
    """A name stands for the port of the pod that is reached."""
    assert set(rule) == {"port", "protocol"}
    number = target.ports.get(rule["port"]) if isinstance(rule["port"], str) else rule["port"]
    return number == port and rule["protocol"] == protocol
