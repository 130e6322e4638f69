{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* What things are called. */ -}}

{{- define "envoy-mtls-authz.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 50 characters: the longest suffix is -publication. */ -}}
{{- define "envoy-mtls-authz.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "envoy-mtls-authz.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "envoy-mtls-authz.selectorLabels" -}}
app.kubernetes.io/name: {{ include "envoy-mtls-authz.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: authorizer
{{- end }}

{{- /* Of every object. Takes a dict of root and component. */ -}}
{{- define "envoy-mtls-authz.labelsOf" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/name: {{ include "envoy-mtls-authz.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "envoy-mtls-authz.labels" -}}
{{- include "envoy-mtls-authz.labelsOf" (dict "root" . "component" "authorizer") }}
{{- end }}

{{- define "envoy-mtls-authz.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "envoy-mtls-authz.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Takes a dict of image and tag, the tag where the image names none. */ -}}
{{- define "envoy-mtls-authz.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (default .tag .image.tag) }}
{{- end }}
{{- end }}

{{- /* Whether there is anything that only one process may open. */ -}}
{{- define "envoy-mtls-authz.sqlite" -}}
{{- if and .Values.store.enabled (eq .Values.store.kind "sqlite") }}yes{{ end }}
{{- end }}

{{- /* Whether pods may read one another's metrics: only where several follow one store. */ -}}
{{- define "envoy-mtls-authz.betweenPods" -}}
{{- $v := .Values -}}
{{- if and $v.networkPolicy.betweenPods $v.store.enabled (eq $v.store.kind "postgresql") }}yes{{ end }}
{{- end }}

{{- define "envoy-mtls-authz.adminActive" -}}
{{- if and .Values.store.enabled .Values.admin.enabled }}yes{{ end }}
{{- end }}

{{- /* Whether the chart runs pods; not so where a chart above takes the container of the sidecar. */ -}}
{{- define "envoy-mtls-authz.hasPods" -}}
{{- if or (ne .Values.form "sidecar") .Values.envoy.enabled }}yes{{ end }}
{{- end }}
