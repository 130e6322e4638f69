{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* The authorizer's container, in all three forms. */ -}}

{{- define "envoy-mtls-authz.container" -}}
{{- $v := .Values -}}
name: authz
image: {{ include "envoy-mtls-authz.image" (dict "image" $v.image "tag" .Chart.AppVersion) }}
imagePullPolicy: {{ $v.image.pullPolicy }}
{{- if eq $v.form "sidecar" }}
# A sidecar: started and ready before Envoy, ended after it.
restartPolicy: Always
{{- end }}
# Where `kubectl exec … -- authz token list` finds authz.yaml.
workingDir: /etc/authz/settings
args: [serve, --config, /etc/authz/settings/authz.yaml{{ range $v.extraArgs }}, {{ . | quote }}{{ end }}]
{{- with $v.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if ne $v.form "sidecar" }}
  {{- range $n := include "envoy-mtls-authz.workers" . | fromJsonArray }}
  - name: grpc{{ if $n }}-{{ $n }}{{ end }}
    containerPort: {{ add $v.grpc.port $n }}
    {{- if and (eq $v.form "daemonset") $v.daemonset.hostPort }}
    hostPort: {{ add $v.grpc.port $n }}
    {{- with $v.daemonset.hostIP }}
    hostIP: {{ . | quote }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
  - {name: metrics, containerPort: {{ $v.metrics.port }}}
  {{- if include "envoy-mtls-authz.adminActive" . }}
  - {name: admin, containerPort: {{ $v.admin.port }}}
  {{- end }}
  {{- if $v.publication.enabled }}
  - {name: publication, containerPort: {{ $v.publication.port }}}
  {{- end }}
startupProbe:
  httpGet: {path: /readyz, port: metrics}
  {{- toYaml $v.startupProbe | nindent 2 }}
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  {{- toYaml $v.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  {{- toYaml $v.readinessProbe | nindent 2 }}
{{- if and (ne $v.form "sidecar") (gt (int $v.preStopSeconds) 0) }}
lifecycle:
  preStop:
    sleep: {seconds: {{ $v.preStopSeconds }}}
{{- end }}
securityContext:
  {{- toYaml $v.securityContext | nindent 2 }}
resources:
  {{- include "envoy-mtls-authz.resources" . | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/authz/settings, readOnly: true}
  {{- if $v.policy.enabled }}
  - {name: policy, mountPath: /etc/authz/policy, readOnly: true}
  {{- end }}
  {{- range $v.trust }}
  - {name: trust-{{ .name }}, mountPath: /etc/authz/trust/{{ .name }}, readOnly: true}
  {{- end }}
  {{- if $v.grpc.tls.existingSecret }}
  - {name: grpc-tls, mountPath: /etc/authz/grpc-tls, readOnly: true}
  {{- end }}
  {{- if $v.store.enabled }}
  {{- if eq $v.store.kind "postgresql" }}
  - {name: database, mountPath: /etc/authz/database, readOnly: true}
  {{- end }}
  {{- if $v.keys.existingSecret }}
  - {name: keys, mountPath: /etc/authz/keys, readOnly: true}
  {{- end }}
  {{- if and $v.admin.enabled $v.admin.firstToken.existingSecret }}
  - {name: first-token, mountPath: /etc/authz/first-token, readOnly: true}
  {{- end }}
  {{- if and $v.admin.enabled $v.admin.tls.existingSecret }}
  - {name: admin-tls, mountPath: /etc/authz/admin-tls, readOnly: true}
  {{- end }}
  {{- end }}
  - {name: data, mountPath: /var/lib/authz}
  - {name: tmp, mountPath: /tmp}
  {{- if eq $v.form "sidecar" }}
  - {name: socket, mountPath: /run/authz}
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* What was measured (README.md): one worker, the control process and the API of a store, and what
       each further worker adds. No limit of processors: being throttled is being late. */ -}}
{{- define "envoy-mtls-authz.resources" -}}
{{- if .Values.resources }}
{{- toYaml .Values.resources }}
{{- else }}
{{- $more := sub (int .Values.grpc.workers) 1 -}}
requests:
  cpu: {{ add 250 (mul 250 $more) }}m
  memory: {{ add (ternary 320 128 .Values.store.enabled) (mul 64 $more) }}Mi
limits:
  memory: {{ add (ternary 768 256 .Values.store.enabled) (mul 128 $more) }}Mi
{{- end }}
{{- end }}

{{- /* For charts that take it into pods of their own; see docs/how-to/install-with-helm.md. */ -}}
{{- define "envoy-mtls-authz.sidecar.container" -}}
{{- include "envoy-mtls-authz.container" . }}
{{- end }}
