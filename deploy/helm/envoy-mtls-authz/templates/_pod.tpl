{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* The pod: its metadata, its scheduling, its volumes. The container is in _container.tpl. */ -}}

{{- define "envoy-mtls-authz.podMetadata" -}}
labels:
  {{- include "envoy-mtls-authz.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # Settings count from the start on; a policy, trust and TLS files are read again by themselves.
  checksum/settings: {{ include "envoy-mtls-authz.settings" . | sha256sum }}
  {{- if eq .Values.form "sidecar" }}
  checksum/envoy: {{ include "envoy-mtls-authz.envoyConfig" . | sha256sum }}
  {{- end }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* What forms have in common below spec. */ -}}
{{- define "envoy-mtls-authz.podBasics" -}}
serviceAccountName: {{ include "envoy-mtls-authz.serviceAccountName" . }}
# The service calls no Kubernetes API.
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if ne .Values.form "daemonset" }}
topologySpreadConstraints:
  {{- if .Values.topologySpreadConstraints }}
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    # Old and new pods of a rollout are spread apart from each other.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels: {{- include "envoy-mtls-authz.selectorLabels" $ | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The volumes of the authorizer's container. */ -}}
{{- define "envoy-mtls-authz.volumes" -}}
{{- $v := .Values }}
{{- $full := include "envoy-mtls-authz.fullname" . -}}
- name: settings
  configMap: {name: {{ $full }}-settings}
{{- if $v.policy.enabled }}
- name: policy
  {{- if $v.policy.existingSecret }}
  secret:
    secretName: {{ $v.policy.existingSecret }}
  {{- else }}
  configMap:
    name: {{ default (printf "%s-policy" $full) $v.policy.existingConfigMap }}
  {{- end }}
    items: [{key: {{ ternary $v.policy.key "policy.yaml" (or $v.policy.existingSecret $v.policy.existingConfigMap | empty | not) }}, path: policy.yaml}]
{{- end }}
{{- range $v.trust }}
- name: trust-{{ .name }}
  {{- if .secret }}
  secret: {secretName: {{ .secret }}}
  {{- else }}
  configMap: {name: {{ .configMap }}}
  {{- end }}
{{- end }}
{{- with $v.grpc.tls.existingSecret }}
- name: grpc-tls
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- if $v.store.enabled }}
{{- if eq $v.store.kind "postgresql" }}
- name: database
  secret:
    secretName: {{ $v.store.postgresql.existingSecret }}
    defaultMode: 0400
    items: [{key: {{ $v.store.postgresql.key }}, path: url}]
{{- end }}
{{- with $v.keys.existingSecret }}
- name: keys
  # Owned by root, and the group of this pod may read: nothing else has it.
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- if $v.admin.enabled }}
{{- with $v.admin.firstToken.existingSecret }}
- name: first-token
  secret:
    secretName: {{ . }}
    defaultMode: 0400
    items: [{key: {{ $v.admin.firstToken.key }}, path: token}]
{{- end }}
{{- with $v.admin.tls.existingSecret }}
- name: admin-tls
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- end }}
{{- end }}
- name: data
  {{- if include "envoy-mtls-authz.sqlite" . }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-data" $full) $v.store.sqlite.existingClaim }}
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if eq $v.form "sidecar" }}
- name: socket
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* For charts that take the container of the sidecar into pods of their own. */ -}}
{{- define "envoy-mtls-authz.sidecar.volumes" -}}
{{- include "envoy-mtls-authz.volumes" . }}
{{- end }}
