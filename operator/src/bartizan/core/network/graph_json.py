"""Graph, verdict and reach as JSON for programs: a contract, described in docs/how-to/see-who-can-reach-whom.md.

Fields are only ever added. Everything is sorted, so that two runs on the same input differ in nothing.
"""

from typing import Any

from bartizan.core.network.graph import Graph, GraphEdge, GraphNode
from bartizan.core.network.graph_words import is_wider
from bartizan.core.network.reach import Reach, Step
from bartizan.core.network.reach_verdict import Answer, Side


def graph_document(graph: Graph) -> dict[str, Any]:
    """Return the graph as JSON."""
    return {
        "nodes": [_node(one) for one in graph.nodes],
        "edges": [_edge(edge) for edge in graph.edges],
        "notes": list(graph.notes),
    }


def answer_document(answer: Answer) -> dict[str, Any]:
    """Return a verdict as JSON."""
    return {
        "from": answer.source,
        "to": answer.target,
        "port": str(answer.port) if answer.port else None,
        "allowed": answer.allowed,
        "partly": answer.partly,
        "open": [str(port) for port in answer.open],
        "egress": _side(answer.egress),
        "ingress": _side(answer.ingress),
        "obstacle": answer.advice.obstacle or None,
        "suggestions": [
            {"policy": one.policy, "field": f"spec.{one.field}", "add": one.entry} for one in answer.advice.add
        ],
    }


def reach_document(found: Reach) -> dict[str, Any]:
    """Return what can be reached as JSON."""
    return {
        "from": found.source,
        "reached": [_step(step) for step in found.steps],
        "byHops": {str(hops): count for hops, count in found.by_hops.items()},
        "worst": [_step(step) for step in found.worst],
    }


def _node(one: GraphNode) -> dict[str, Any]:
    node = one.node
    return {
        "id": node.id,
        "kind": node.kind.value,
        "namespace": node.namespace if not node.outside else None,
        "name": node.name,
        "mode": node.mode.value if not node.outside else None,
        "runs": list(node.runs),
        "open": {"ingress": one.is_open("Ingress"), "egress": one.is_open("Egress")},
        "note": node.note or None,
    }


def _edge(edge: GraphEdge) -> dict[str, Any]:
    return {
        "from": edge.source,
        "to": edge.target,
        "state": edge.state,
        "reason": edge.reason or None,
        "declared": list(edge.declared),
        "open": [str(port) for port in edge.open],
        "wider": is_wider(edge),
        "message": edge.message or None,
    }


def _side(side: Side) -> dict[str, Any]:
    rule = side.rule
    return {
        "allowed": side.allowed,
        "isolated": side.isolated,
        "ports": [str(port) for port in side.ports],
        "rule": {"networkPolicy": rule.policy, "index": rule.index} if rule else None,
        "why": side.why,
    }


def _step(step: Step) -> dict[str, Any]:
    return {"to": step.target, "hops": step.hops, "via": step.via, "ports": [str(port) for port in step.ports]}
