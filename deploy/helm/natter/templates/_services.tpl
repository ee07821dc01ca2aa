{{/*
What the chart knows of each service and an operator cannot change: the one table that everything else is made from.
`secrets` are variables by the key of the Secret; `to` is whom its pods may reach, as ARCHITECTURE.md draws it.
*/}}
{{- define "natter.services" -}}
{{- $s3 := hasPrefix "s3://" .Values.files.store }}
auth_edge:
  command: [python, -m, auth_edge]
  port: 8000
  to: [nats, web{{ if or $s3 .Values.settings.auth_edge.AUTH_EDGE_TRANSCRIPTION_MODEL }}, outside{{ end }}]
  environment:
    {{- include "natter.files" . | nindent 4 }}
    SCANNER_URL: {{ .Values.files.scannerUrl | quote }}
    OPERATORS_READ_CONVERSATIONS: {{ .Values.operators.readConversations }}
    MODEL_PRICES: {{ .Values.modelPrices | quote }}
    JWT_VERIFIER: jwks
    JWT_JWKS_URL: http://{{ .Release.Name }}-web:3000/api/auth/jwks
  secrets: [CHAT_TOKEN_SECRET, PRINCIPAL_SECRET, WEB_AUDIT_SECRET, AUTH_EDGE_TRANSCRIPTION_API_KEY, FILE_STORE_ACCESS_KEY_ID, FILE_STORE_SECRET_ACCESS_KEY]
stream_relay:
  command: [python, -m, stream_relay]
  port: 8001
  to: [nats, web]
  environment:
    JWT_VERIFIER: jwks
    JWT_JWKS_URL: http://{{ .Release.Name }}-web:3000/api/auth/jwks
  secrets: [CHAT_TOKEN_SECRET, PRINCIPAL_SECRET]
conversation_store:
  command: [python, -m, conversation_store]
  to: [nats, postgres{{ if $s3 }}, outside{{ end }}]
  environment:
    {{- include "natter.files" . | nindent 4 }}
    MODEL_PRICES: {{ .Values.modelPrices | quote }}
    CONVERSATION_STORE_ASSISTANTS: {{ include "natter.assistants" . | quote }}
  secrets: [PRINCIPAL_SECRET, RUN_TOKEN_SECRET, FILE_STORE_ACCESS_KEY_ID, FILE_STORE_SECRET_ACCESS_KEY, { DATABASE_URL: DATABASE_URL_STORE }]
task_tools:
  image: agent_runner
  command: [python, -m, natter_todo.task_tools, --http]
  port: 8010
  to: [nats]
  environment:
    TASK_TOOLS_HOSTS_ALLOWED: {{ .Release.Name }}-task-tools
  secrets: []
web:
  command: [node, server.js]
  port: 3000
  probes: 3000
  to: [auth_edge, stream_relay, postgres]
  environment:
    BETTER_AUTH_URL: {{ .Values.origin | quote }}
    FILE_STORE_PUBLIC_URL: {{ .Values.files.publicUrl | quote }}
    AUTH_EDGE_URL: http://{{ .Release.Name }}-auth-edge:8000
    STREAM_RELAY_URL: http://{{ .Release.Name }}-stream-relay:8001
    HOSTNAME: 0.0.0.0
    PORT: "3000"
    NATTER_TRUST_FORWARDED_FOR: "1"
  secrets: [BETTER_AUTH_SECRET, WEB_AUDIT_SECRET, NATTER_SMTP_URL, NATTER_OIDC_PROVIDERS, { DATABASE_URL: DATABASE_URL_WEB }]
{{- end }}

{{/* Of whoever reads or writes files: the same for all of them. */}}
{{- define "natter.files" -}}
FILE_STORE_URL: {{ .Values.files.store | quote }}
FILE_STORE_PUBLIC_URL: {{ .Values.files.publicUrl | quote }}
{{- end }}

{{- define "natter.assistants" -}}
{{- $ids := list }}{{ range .Values.assistants }}{{ $ids = append $ids .id }}{{ end }}{{ join "," $ids }}
{{- end }}

{{- define "natter.nats_url" -}}
{{- if .Values.nats.enabled }}nats://{{ .Values.nats.fullnameOverride }}:4222
{{- else }}{{ required "nats.url: a NATS of your own, where nats.enabled is false" .Values.nats.url }}{{ end }}
{{- end }}

{{- define "natter.labels" -}}
app.kubernetes.io/name: natter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The containers' user, and what they may: nothing. */}}
{{- define "natter.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
{{- define "natter.unprivileged" -}}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The variables of a service: (dict "root" $ "name" … "service" … "settings" …), as a list of env entries. */}}
{{- define "natter.env" -}}
{{- $own := dict }}
{{- if ne .name "web" }}
{{- $own = dict "NATS_URL" (include "natter.nats_url" .root) "NATS_USER" .name "LOG_FORMAT" "json" "METRICS_HOST" "0.0.0.0" "METRICS_PORT" "9090" "DRAIN_TIMEOUT_SECONDS" (index .root.Values.drainSeconds .name | toString) }}
{{- if .service.port }}{{ $own = merge $own (dict "HTTP_HOST" "0.0.0.0" "HTTP_PORT" (.service.port | toString)) }}{{ end }}
{{- end }}
{{- if .root.Values.tracing.endpoint }}{{ $own = merge $own (dict "OTEL_EXPORTER_OTLP_ENDPOINT" .root.Values.tracing.endpoint "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" "OTEL_TRACES_SAMPLER_ARG" (.root.Values.tracing.sampledShare | toString)) }}{{ end }}
{{- $values := merge (dict) .settings (index .root.Values.settings .name) (.service.environment | default dict) $own }}
{{- range $variable, $value := $values }}
- name: {{ $variable }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- $secrets := dict }}
{{- if ne .name "web" }}{{ $secrets = dict "NATS_PASSWORD" (printf "NATS_PASSWORD_%s" (upper .name)) }}{{ end }}
{{- range .service.secrets }}
{{- if kindIs "map" . }}{{ $secrets = merge $secrets . }}{{ else }}{{ $secrets = merge $secrets (dict . .) }}{{ end }}
{{- end }}
{{- range $variable, $key := $secrets }}
- name: {{ $variable }}
  valueFrom: { secretKeyRef: { name: {{ $.root.Values.secret }}, key: {{ $key }}{{ if has $key (list "OPENAI_API_KEY" "AUTH_EDGE_TRANSCRIPTION_API_KEY" "NATTER_SMTP_URL" "NATTER_OIDC_PROVIDERS") }}, optional: true{{ end }} } }
{{- end }}
{{- end }}

{{/* A Deployment: the dict of natter.env with "as", the name of its objects, and "replicas" (0: a scaler decides). */}}
{{- define "natter.deployment" -}}
{{- $grace := add (index .root.Values.drainSeconds .name) 10 }}
{{- $probes := .service.probes | default 9090 }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .as }}
  labels: {{- include "natter.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  # A new one is ready before an old one is told to stop.
  strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  selector:
    matchLabels: {{- include "natter.labels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
      natter/group: {{ .as }}
  template:
    metadata:
      labels: {{- include "natter.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
        natter/group: {{ .as }}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ $grace }}
      securityContext: {{- include "natter.unprivileged" .root | nindent 8 }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "natter.labels" .root | nindent 14 }}
              natter/group: {{ .as }}
      containers:
        - name: {{ .name | replace "_" "-" }}
          image: {{ .image | default (printf "%s/%s:%s" .root.Values.image.registry (.service.image | default .name) (.root.Values.image.tag | default .root.Chart.AppVersion)) }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: {{ .service.command | toJson }}
          securityContext:
            {{- include "natter.confined" .root | nindent 12 }}
            runAsUser: {{ eq .name "web" | ternary 1000 10001 }}
          env: {{- include "natter.env" . | nindent 12 }}
          ports:
            {{- with .service.port }}
            - { name: http, containerPort: {{ . }} }
            {{- end }}
            {{- if ne .name "web" }}
            - { name: operators, containerPort: 9090 }
            {{- end }}
          startupProbe: { httpGet: { path: /healthz, port: {{ $probes }} }, periodSeconds: 2, failureThreshold: 60 }
          readinessProbe: { httpGet: { path: /readyz, port: {{ $probes }} }, periodSeconds: 3, timeoutSeconds: 3 }
          # Alive is not ready: a process that waits for NATS or Postgres is not helped by a restart.
          livenessProbe: { httpGet: { path: /healthz, port: {{ $probes }} }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }
          {{- if .service.port }}
          # Until no proxy of the cluster sends anything here any more.
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
          {{- end }}
          resources: {{- toYaml (index .root.Values.resources .name) | nindent 12 }}
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            {{- if eq .name "web" }}
            - { name: cache, mountPath: /app/.next/cache }
            {{- end }}
      volumes:
        - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
        {{- if eq .name "web" }}
        - { name: cache, emptyDir: { sizeLimit: 256Mi } }
        {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .as }}
  labels: {{- include "natter.labels" .root | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "natter.labels" .root | nindent 6 }}
      natter/group: {{ .as }}
{{- end }}
