{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* Labels of the pod of helm test, which the network policy knows. */ -}}

{{- define "envoy-mtls-authz.testLabels" -}}
app.kubernetes.io/name: {{ include "envoy-mtls-authz.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}
