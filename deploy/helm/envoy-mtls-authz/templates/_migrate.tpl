{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* Bringing the tables of the store up to date before the pods of this release need them. */ -}}

{{- /* Labels of the pod of the hook: not the authorizer's, or a Service would send it checks. */ -}}
{{- define "envoy-mtls-authz.migrateLabels" -}}
app.kubernetes.io/name: {{ include "envoy-mtls-authz.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migrate
{{- end }}

{{- define "envoy-mtls-authz.migrateHook" -}}
{{- $v := .Values -}}
{{- if and $v.store.enabled (eq $v.store.kind "postgresql") $v.store.migrate.enabled (include "envoy-mtls-authz.hasPods" .) }}yes{{ end }}
{{- end }}

{{- define "envoy-mtls-authz.migrateByPod" -}}
{{- if and (include "envoy-mtls-authz.sqlite" .) .Values.store.migrate.enabled }}yes{{ end }}
{{- end }}

{{- /* Takes a dict of root and weight. What went well is removed; what did not stays to be read. */ -}}
{{- define "envoy-mtls-authz.migrateAnnotations" -}}
helm.sh/hook: pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* The chart's own account may be another one by this upgrade; one that is named is there. */ -}}
{{- define "envoy-mtls-authz.migrateServiceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- include "envoy-mtls-authz.fullname" . }}-migrate
{{- else }}
{{- include "envoy-mtls-authz.serviceAccountName" . }}
{{- end }}
{{- end }}

{{- /* All it needs to know: not the settings, of which it uses nothing else. */ -}}
{{- define "envoy-mtls-authz.migrateSettings" -}}
data_dir: /var/lib/authz
database_file: /etc/authz/database/url
{{- end }}

{{- /* What both containers have in common. A rollback runs the older image: later tables that it
       works with are well. */ -}}
{{- define "envoy-mtls-authz.migrateContainer" -}}
{{- $v := .Values -}}
name: migrate
image: {{ include "envoy-mtls-authz.image" (dict "image" $v.image "tag" .Chart.AppVersion) }}
imagePullPolicy: {{ $v.image.pullPolicy }}
args: [db, migrate, --accept-later, --config, /etc/authz/settings/authz.yaml]
{{- with $v.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $v.securityContext | nindent 2 }}
resources:
  requests: {cpu: 100m, memory: 128Mi}
  limits: {memory: {{ $v.store.migrate.memoryLimit }}}
{{- end }}

{{- /* With SQLite: by the pod itself, whose claim nobody else may have open meanwhile. */ -}}
{{- define "envoy-mtls-authz.migrateInit" -}}
{{- include "envoy-mtls-authz.migrateContainer" . }}
volumeMounts:
  - {name: settings, mountPath: /etc/authz/settings, readOnly: true}
  - {name: data, mountPath: /var/lib/authz}
  - {name: tmp, mountPath: /tmp}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
