{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* Envoy of the form sidecar: files/envoy.yaml, with the values in the place of its addresses. */ -}}

{{- /* Takes a dict of text, old and new. The old text must be there, once. */ -}}
{{- define "envoy-mtls-authz.replaced" -}}
{{- if ne (len (splitList .old .text)) 2 }}
{{- fail (printf "files/envoy.yaml has not exactly one %q: chart and file are of different releases" .old) }}
{{- end }}
{{- .text | replace .old .new }}
{{- end }}

{{- /* The address to listen on; that of IPv6 is for IPv4, too. */ -}}
{{- define "envoy-mtls-authz.envoyAnyAddress" -}}
address: {{ .Values.listenHost | trimPrefix "[" | trimSuffix "]" | quote }}{{ if eq .Values.listenHost "[::]" }}, ipv4_compat: true{{ end }}
{{- end }}

{{- define "envoy-mtls-authz.envoyCertificateOld" }}
            tls_certificates:
            - certificate_chain: {filename: "/etc/envoy/tls/server.crt"}
              private_key: {filename: "/etc/envoy/tls/server.key"}
{{ end }}

{{- define "envoy-mtls-authz.envoyCertificateNew" }}
            # Through a file, so that Envoy reads certificate and key again when the Secret changes.
            tls_certificate_sds_secret_configs:
            - name: server
              sds_config:
                resource_api_version: V3
                path_config_source: {path: /etc/envoy/config/server.yaml}
{{ end }}

{{- define "envoy-mtls-authz.envoyEndpoints" -}}
{{- $root := . }}
{{- range $n := include "envoy-mtls-authz.workers" . | fromJsonArray }}
        - endpoint:
            address:
              pipe: {path: {{ printf "%s%s" (include "envoy-mtls-authz.socket" $root) (ternary (printf ".%v" $n) "" (gt (int $root.Values.grpc.workers) 1)) | quote }}}
{{- end }}
{{- end }}

{{- /* What probes and Prometheus may ask of the admin port, and nothing else of it. */ -}}
{{- define "envoy-mtls-authz.envoyStatus" }}
static_resources:
  listeners:
  - name: status
    address:
      socket_address: {{ printf "{%s, port_value: %v}" (include "envoy-mtls-authz.envoyAnyAddress" .) .Values.envoy.statusPort }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: status
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            name: status
            virtual_hosts:
            - name: status
              domains: ["*"]
              routes:
              {{- range list "/ready" "/stats/prometheus" }}
              - match:
                  path: {{ . }}
                  headers: [{name: ":method", string_match: {exact: GET}}]
                route: {cluster: envoy-admin}
              {{- end }}

{{ end }}

{{- define "envoy-mtls-authz.envoyAdminCluster" }}
  clusters:
  - name: envoy-admin
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: envoy-admin
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: "127.0.0.1", port_value: 9901}

{{ end }}

{{- define "envoy-mtls-authz.envoyConfig" -}}
{{- $v := .Values }}
{{- $text := .Files.Get "files/envoy.yaml" }}
{{- $hops := 0 }}
{{- with $v.settings.client_ip }}{{ $hops = default 0 .trusted_hops }}{{ end }}
{{- $pairs := list
  (list "address: \"0.0.0.0\", port_value: 8443" (printf "%s, port_value: %v" (include "envoy-mtls-authz.envoyAnyAddress" .) $v.envoy.port))
  (list "address: \"upstream\", port_value: 8000" (printf "address: %q, port_value: %v" $v.envoy.upstream.host $v.envoy.upstream.port))
  (list "xff_num_trusted_hops: 0" (printf "xff_num_trusted_hops: %v" $hops))
  (list (include "envoy-mtls-authz.envoyCertificateOld" .) (include "envoy-mtls-authz.envoyCertificateNew" .))
  (list "\n        - endpoint:\n            address:\n              pipe: {path: \"/run/authz/authz.sock\"}" (printf "\n%s" (include "envoy-mtls-authz.envoyEndpoints" . | trimPrefix "\n")))
  (list "\nstatic_resources:\n  listeners:\n" (include "envoy-mtls-authz.envoyStatus" .))
  (list "\n  clusters:\n" (include "envoy-mtls-authz.envoyAdminCluster" .))
}}
{{- range $pairs }}
{{- $text = include "envoy-mtls-authz.replaced" (dict "text" $text "old" (index . 0) "new" (index . 1)) }}
{{- end }}
{{- $text }}
{{- end }}

{{- define "envoy-mtls-authz.envoyServerCertificate" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: server
    tls_certificate:
      certificate_chain: {filename: /etc/envoy/tls/server.crt}
      private_key: {filename: /etc/envoy/tls/server.key}
      # Kubernetes swaps a link in it when the Secret changes.
      watched_directory: {path: /etc/envoy/tls}
{{- end }}

{{- define "envoy-mtls-authz.envoyContainer" -}}
{{- $e := .Values.envoy -}}
name: envoy
image: {{ include "envoy-mtls-authz.image" (dict "image" $e.image "tag" "") }}
imagePullPolicy: {{ $e.image.pullPolicy }}
command: [envoy]
args:
  - -c
  - /etc/envoy/config/envoy.yaml
  - --concurrency
  - {{ $e.concurrency | toString | quote }}
  # Nobody starts another one in this container.
  - --disable-hot-restart
  {{- if not $e.existingConfigMap }}
  # Envoy asks for a name of its own before it follows the file of its certificate.
  - --service-cluster
  - {{ include "envoy-mtls-authz.fullname" . }}
  - --service-node
  - $(POD_NAME)
  {{- end }}
  {{- range $e.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
ports:
  - {name: https, containerPort: {{ $e.port }}}
  - {name: envoy-metrics, containerPort: {{ $e.statusPort }}}
{{- if not $e.existingConfigMap }}
startupProbe:
  httpGet: {path: /ready, port: envoy-metrics}
  periodSeconds: 1
  failureThreshold: 60
# LIVE, and not while it drains.
readinessProbe:
  httpGet: {path: /ready, port: envoy-metrics}
  periodSeconds: 2
  failureThreshold: 2
livenessProbe:
  tcpSocket: {port: envoy-metrics}
  periodSeconds: 10
  failureThreshold: 6
{{- else }}
readinessProbe:
  tcpSocket: {port: https}
  periodSeconds: 2
{{- end }}
lifecycle:
  preStop:
    {{- if eq $e.drain.method "graceful" }}
    exec:
      command:
        - bash
        - -c
        # Answers then say `connection: close`, and new connections go to other pods.
        - |
          exec 3<>/dev/tcp/127.0.0.1/9901
          printf 'POST /healthcheck/fail HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n' >&3
          exec sleep {{ $e.drain.seconds }}
    {{- else }}
    sleep: {seconds: {{ $e.drain.seconds }}}
    {{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml $e.resources | nindent 2 }}
volumeMounts:
  - {name: envoy-config, mountPath: /etc/envoy/config, readOnly: true}
  - {name: envoy-tls, mountPath: /etc/envoy/tls, readOnly: true}
  - {name: socket, mountPath: /run/authz}
{{- end }}

{{- define "envoy-mtls-authz.envoyVolumes" -}}
{{- $e := .Values.envoy -}}
- name: envoy-config
  configMap: {name: {{ default (printf "%s-envoy" (include "envoy-mtls-authz.fullname" .)) $e.existingConfigMap }}}
- name: envoy-tls
  secret:
    secretName: {{ $e.tls.existingSecret }}
    defaultMode: 0400
    items:
      - {key: {{ $e.tls.certificateKey }}, path: server.crt}
      - {key: {{ $e.tls.keyKey }}, path: server.key}
{{- end }}
