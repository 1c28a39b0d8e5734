"""Deployments of a realistic size, as many as a bench asks for, with a policy for each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PER_NAMESPACE: Final = 200
_DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: svc-{n}
  namespace: ns-{k}
  labels:
    app.kubernetes.io/name: svc-{n}
    app.kubernetes.io/part-of: shop
    app.kubernetes.io/version: "1.{k}.0"
spec:
  replicas: 3
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 25%
      maxUnavailable: 0
  selector:
    matchLabels:
      app.kubernetes.io/name: svc-{n}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: svc-{n}
        app.kubernetes.io/part-of: shop
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "9090"
    spec:
      serviceAccountName: svc-{n}
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        fsGroup: 10001
        seccompProfile:
          type: RuntimeDefault
      initContainers:
      - name: migrate
        image: registry.example.com/shop/migrate:1.{k}.0
        args: ["--wait", "--timeout=60s"]
        env:
        - name: DB_HOST
          value: db.ns-{k}.svc
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
      containers:
      - name: app
        image: registry.example.com/shop/svc-{n}:1.{k}.0
        imagePullPolicy: IfNotPresent
        args:
        - serve
        - --port=8080
        ports:
        - name: http
          containerPort: 8080
          protocol: TCP
        - name: metrics
          containerPort: 9090
        env:
        - name: LOG_LEVEL
          value: info
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: DB_PASSWORD
          valueFrom:
            secretKeyRef:
              name: svc-{n}-db
              key: password
        envFrom:
        - configMapRef:
            name: svc-{n}
        resources:
          requests: {{cpu: 100m, memory: 128Mi}}
          limits: {{memory: 256Mi}}
        livenessProbe:
          httpGet: {{path: /healthz, port: http}}
          initialDelaySeconds: 10
          periodSeconds: 10
        readinessProbe:
          httpGet: {{path: /ready, port: http}}
          periodSeconds: 5
        volumeMounts:
        - name: config
          mountPath: /etc/svc
          readOnly: true
        - name: tmp
          mountPath: /tmp
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
      volumes:
      - name: config
        configMap:
          name: svc-{n}
      - name: tmp
        emptyDir: {{}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            podAffinityTerm:
              topologyKey: kubernetes.io/hostname
              labelSelector:
                matchLabels:
                  app.kubernetes.io/name: svc-{n}
"""
_POLICY: Final = """\
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata:
  name: svc-{n}
  namespace: ns-{k}
spec:
  workload:
    selector:
      matchLabels:
        app.kubernetes.io/name: svc-{n}
  network:
    ports:
    - {{name: http, port: 8080}}
"""


def write_deployments(folder: Path, count: int, *, bad: bool = False, single: bool = False) -> None:
    """Write `count` Deployments, a file each or one file, and their policies in a file of their own.

    A bad one asks for the host's network.
    """
    folder.mkdir(parents=True)
    texts = [_DEPLOYMENT.format(n=number, k=number // PER_NAMESPACE) for number in range(count)]
    if bad:
        texts = [text.replace("automountServiceAccountToken: false", "hostNetwork: true") for text in texts]
    if single:
        (folder / "all.yaml").write_text("---\n".join(texts), encoding="utf-8")
    else:
        for number, text in enumerate(texts):
            (folder / f"svc-{number}.yaml").write_text(text, encoding="utf-8")
    policies = [_POLICY.format(n=number, k=number // PER_NAMESPACE) for number in range(count)]
    (folder / "policies.yaml").write_text("---\n".join(policies), encoding="utf-8")
