{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* What the schema cannot say: values that do not fit together, with what to do about it. */ -}}

{{- define "envoy-mtls-authz.checks" -}}
{{- $v := .Values }}
{{- if not (or $v.policy.enabled $v.store.enabled) }}
{{- fail "neither a policy nor a store would answer: set policy.enabled or store.enabled to true" }}
{{- end }}
{{- if and $v.policy.existingConfigMap $v.policy.existingSecret }}
{{- fail "policy.existingConfigMap and policy.existingSecret are both set: remove one of the two" }}
{{- end }}
{{- if and $v.policy.enabled (not $v.policy.existingConfigMap) (not $v.policy.existingSecret) (not (trim $v.policy.content)) }}
{{- fail "policy.content: there is no policy; write one, name policy.existingConfigMap or policy.existingSecret, or set policy.enabled to false" }}
{{- end }}
{{- range $key := list "data_dir" "database" "database_file" "policy" "store" "keys" }}
{{- if hasKey $v.settings $key }}
{{- fail (printf "settings.%s is what the chart writes: use the values policy, store and keys instead" $key) }}
{{- end }}
{{- end }}
{{- range $section, $keys := dict "grpc" (list "listen" "workers" "port_per_worker" "tls") "metrics" (list "listen") "admin" (list "enabled" "listen" "tls" "allow_plaintext" "first_token_file") "publication" (list "listen" "url") }}
{{- range $key := $keys }}
{{- if hasKey (default dict (get $v.settings $section)) $key }}
{{- fail (printf "settings.%s.%s is what the chart writes: use the values below %s instead" $section $key $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $v.publication.enabled (not $v.store.enabled) }}
{{- fail "publication.enabled: there is no store whose CRLs could be published; set store.enabled to true" }}
{{- end }}
{{- if and (include "envoy-mtls-authz.adminActive" .) (not $v.admin.tls.existingSecret) (not $v.admin.allowPlaintext) }}
{{- fail "admin: tokens would cross the network unencrypted; set admin.tls.existingSecret, admin.allowPlaintext: true, or admin.enabled: false" }}
{{- end }}
{{- if and $v.keys.existingSecret (eq (not $v.keys.passphraseKey) (not $v.keys.fileKey)) }}
{{- fail "keys.existingSecret: name either keys.passphraseKey or keys.fileKey, the key of the secret in it" }}
{{- end }}
{{- if and (eq $v.form "daemonset") $v.daemonset.hostPort (not (and $v.grpc.tls.existingSecret $v.grpc.tls.clientCaKey)) (not (regexMatch "^(127\\.[0-9.]+|::1)$" $v.daemonset.hostIP)) }}
{{- fail "daemonset.hostPort: whoever reaches the node could ask; set grpc.tls.existingSecret and grpc.tls.clientCaKey, or daemonset.hostIP to 127.0.0.1" }}
{{- end }}
{{- if and $v.tests.enabled $v.tests.grpc (or (eq $v.form "sidecar") $v.grpc.tls.existingSecret (and (eq $v.form "daemonset") $v.daemonset.hostPort)) }}
{{- fail "tests.grpc: there is no Service that answers without TLS; set it to false" }}
{{- end }}
{{- if lt (int $v.terminationGracePeriodSeconds) (add (ternary $v.envoy.drain.seconds $v.preStopSeconds (eq $v.form "sidecar") | int) 5 | int) }}
{{- fail "terminationGracePeriodSeconds is too short: it has to cover the pause before SIGTERM and 5 seconds of drain" }}
{{- end }}
{{- if and $v.networkPolicy.enabled $v.networkPolicy.egress.enabled $v.store.enabled (eq $v.store.kind "postgresql") (not $v.networkPolicy.egress.postgresql) }}
{{- fail "networkPolicy.egress.postgresql names nobody: the service could not reach its database" }}
{{- end }}
{{- if eq $v.form "sidecar" }}
{{- if and (gt (int $v.grpc.workers) 1) (not $v.grpc.portPerWorker) }}
{{- fail "grpc.portPerWorker: several workers cannot share one Unix socket; leave it true" }}
{{- end }}
{{- if and $v.envoy.enabled (not $v.envoy.existingConfigMap) }}
{{- if ne (default "envoy" $v.settings.certificate_source) "envoy" }}
{{- fail "settings.certificate_source: the Envoy of this chart sends source.certificate; remove the key, or bring a configuration with envoy.existingConfigMap" }}
{{- end }}
{{- if not $v.envoy.upstream.host }}
{{- fail "envoy.upstream.host: name the application that Envoy forwards to" }}
{{- end }}
{{- end }}
{{- if and $v.envoy.enabled (not $v.envoy.tls.existingSecret) }}
{{- fail "envoy.tls.existingSecret: name the secret with the certificate that clients see" }}
{{- end }}
{{- end }}
{{- end }}
