"""Compares Consul with Postgres, and repairs what differs."""

from registry.reconcile.plan import Plan, make_plan
from registry.reconcile.reconciler import Reconciler, ReconcileReport

__all__ = ["Plan", "ReconcileReport", "Reconciler", "make_plan"]
