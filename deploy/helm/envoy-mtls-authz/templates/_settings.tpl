{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* authz.yaml: what the values say, and around it the keys of .Values.settings. */ -}}

{{- define "envoy-mtls-authz.socket" -}}/run/authz/authz.sock{{- end }}

{{- /* Takes a dict of tls and directory. */ -}}
{{- define "envoy-mtls-authz.tlsFiles" -}}
certificate: {{ .directory }}/{{ .tls.certificateKey }}
key: {{ .directory }}/{{ .tls.keyKey }}
{{- with .tls.clientCaKey }}
client_ca: {{ $.directory }}/{{ . }}
{{- end }}
{{- end }}

{{- define "envoy-mtls-authz.ownSettings" -}}
{{- $v := .Values -}}
grpc:
  {{- if eq $v.form "sidecar" }}
  listen: unix:{{ include "envoy-mtls-authz.socket" . }}
  {{- else }}
  listen: {{ printf "%s:%v" $v.listenHost $v.grpc.port | quote }}
  {{- end }}
  workers: {{ $v.grpc.workers }}
  {{- if gt (int $v.grpc.workers) 1 }}
  port_per_worker: {{ $v.grpc.portPerWorker }}
  {{- end }}
  {{- if $v.grpc.tls.existingSecret }}
  tls: {{- include "envoy-mtls-authz.tlsFiles" (dict "tls" $v.grpc.tls "directory" "/etc/authz/grpc-tls") | nindent 4 }}
  {{- end }}
metrics:
  listen: {{ printf "%s:%v" $v.listenHost $v.metrics.port | quote }}
data_dir: /var/lib/authz
{{- if $v.policy.enabled }}
policy: /etc/authz/policy/policy.yaml
{{- end }}
{{- if $v.store.enabled }}
store: "on"
{{- if eq $v.store.kind "postgresql" }}
database_file: /etc/authz/database/url
{{- else }}
database: sqlite
{{- end }}
{{- if $v.keys.existingSecret }}
keys:
  {{- if $v.keys.passphraseKey }}
  passphrase_file: /etc/authz/keys/{{ $v.keys.passphraseKey }}
  {{- else }}
  key_file: /etc/authz/keys/{{ $v.keys.fileKey }}
  {{- end }}
{{- end }}
{{- else }}
store: "off"
{{- end }}
admin:
  {{- if include "envoy-mtls-authz.adminActive" . }}
  enabled: true
  listen: {{ printf "%s:%v" $v.listenHost $v.admin.port | quote }}
  {{- if $v.admin.tls.existingSecret }}
  tls: {{- include "envoy-mtls-authz.tlsFiles" (dict "tls" $v.admin.tls "directory" "/etc/authz/admin-tls") | nindent 4 }}
  {{- else }}
  allow_plaintext: {{ $v.admin.allowPlaintext }}
  {{- end }}
  {{- if $v.admin.firstToken.existingSecret }}
  first_token_file: /etc/authz/first-token/token
  {{- end }}
  {{- else }}
  enabled: false
  {{- end }}
{{- if $v.publication.enabled }}
publication:
  listen: {{ printf "%s:%v" $v.listenHost $v.publication.port | quote }}
  {{- with $v.publication.url }}
  url: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "envoy-mtls-authz.settings" -}}
{{- $own := include "envoy-mtls-authz.ownSettings" . | fromYaml }}
{{- $defaults := dict "sds" (dict "enabled" false) }}
{{- mergeOverwrite $defaults (deepCopy .Values.settings) $own | toYaml }}
{{- end }}

{{- /* The number of each worker's port or socket: [0], or [0, 1, …] with one for each. */ -}}
{{- define "envoy-mtls-authz.workers" -}}
{{- if and (gt (int .Values.grpc.workers) 1) .Values.grpc.portPerWorker }}
{{- until (int .Values.grpc.workers) | toJson }}
{{- else }}[0]{{ end }}
{{- end }}
