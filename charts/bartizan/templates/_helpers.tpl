{{- /* Labels of every object of the release. */ -}}
{{- define "bartizan.labels" -}}
{{ include "bartizan.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "bartizan.selectorLabels" -}}
app.kubernetes.io/name: bartizan
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bartizan.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Namespaces that are never governed: the same list as in bartizan.api.names. */ -}}
{{- define "bartizan.excludedNamespaces" -}}
{{ list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace | toJson }}
{{- end }}

{{- /* The Pod Security Standard "restricted", and a read-only root. */ -}}
{{- define "bartizan.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "bartizan.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Where pods run: {root, component, values}. */ -}}
{{- define "bartizan.scheduling" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.affinity }}
affinity:
  {{- toYaml .values.affinity | nindent 2 }}
{{- else if gt (int .values.replicas) 1 }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "bartizan.selectorLabels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end }}

{{- /* What every process is told: where it runs, as whom, and where it serves numbers. {logLevel} */ -}}
{{- define "bartizan.env" -}}
- name: BARTIZAN_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: BARTIZAN_SERVICE_ACCOUNT
  valueFrom:
    fieldRef:
      fieldPath: spec.serviceAccountName
- name: BARTIZAN_IDENTITY
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: BARTIZAN_LOG_LEVEL
  value: {{ .logLevel }}
- name: BARTIZAN_METRICS_ADDRESS
  value: 0.0.0.0:9090
{{- end }}

{{- /* Alive, and able to do its work; the start may take as long as the first list of a large cluster. */ -}}
{{- define "bartizan.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 2
{{- end }}

{{- /* One container of a job of the release: {root, args}. */ -}}
{{- define "bartizan.job" -}}
containers:
- name: bartizan
  image: {{ include "bartizan.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: {{ .args | toJson }}
  env:
  - name: BARTIZAN_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  securityContext:
    {{- include "bartizan.securityContext" .root | nindent 4 }}
  resources:
    requests: {cpu: 20m, memory: 64Mi}
    limits: {memory: 256Mi}
{{- end }}

{{- /* Labels of the DNS pods. Defaulted here: Helm would add a user's labels to a map in values.yaml instead of taking them. */ -}}
{{- define "bartizan.dnsLabels" -}}
{{ .Values.securityBaseline.network.dns.matchLabels | default (dict "k8s-app" "kube-dns") | toJson }}
{{- end }}

{{- define "bartizan.pullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The account that the guards hold to its shape. Fixed: the admission policies of a cluster know exactly one controller. */ -}}
{{- define "bartizan.controller.serviceAccountName" -}}
bartizan-controller
{{- end }}
