# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of Istio's kinds, as its CustomResourceDefinitions have them (Istio 1.31, `crd-all.gen.yaml`).

`s` is a string, `i` an integer, `n` a number, `b` a boolean, `x` an integer or a string, `*` anything, `A|B` one of
these words; a mapping whose only key is `*` has keys of the user's. The versions v1, v1beta1 and v1alpha3 of a kind
have the same fields. JSON in text, so that it is parsed only for the kinds that are met.
"""

from __future__ import annotations

SHAPES = {
    "DestinationRule": r"""
{"exportTo":["s"],"host":"s","subsets":[{"labels":{"*":"s"},"name":"s","trafficPolicy":{"connectionPool":{
"http":{"h2UpgradePolicy":"DEFAULT|DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{
"interval":"s","timeout":"s"},"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i",
"maxRequestsPerConnection":"i","maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s",
"idleTimeout":"s","maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s",
"probes":"i","time":"s"}}},"loadBalancer":{"consistentHash":{"httpCookie":{"attributes":[{"name":"s",
"value":"s"}],"name":"s","path":"s","ttl":"s"},"httpHeaderName":"s","httpQueryParameterName":"s","maglev":{
"tableSize":"i"},"minimumRingSize":"i","ringHash":{"minimumRingSize":"i"},"useSourceIp":"b"},
"localityLbSetting":{"distribute":[{"from":"s","to":{"*":"i"}}],"enabled":"b","failover":[{"from":"s",
"to":"s"}],"failoverPriority":["s"]},"simple":"UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|
LEAST_REQUEST","warmup":{"aggression":"n","duration":"s","minimumPercent":"n"},"warmupDurationSecs":"s",
"zoneAwareLbSetting":{"enabled":"b","failover":[{"from":"s","to":"s"}],"failoverPriority":["s"],
"minClusterSize":"i"}},"outlierDetection":{"baseEjectionTime":"s","consecutive5xxErrors":"i",
"consecutiveErrors":"i","consecutiveGatewayErrors":"i","consecutiveLocalOriginFailures":"i","interval":"s",
"maxEjectionPercent":"i","minHealthPercent":"i","outlierDetectionHttpErrorCodes":["i"],
"splitExternalLocalOriginErrors":"b"},"portLevelSettings":[{"connectionPool":{"http":{
"h2UpgradePolicy":"DEFAULT|DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{
"interval":"s","timeout":"s"},"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i",
"maxRequestsPerConnection":"i","maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s",
"idleTimeout":"s","maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s",
"probes":"i","time":"s"}}},"loadBalancer":{"consistentHash":{"httpCookie":{"attributes":[{"name":"s",
"value":"s"}],"name":"s","path":"s","ttl":"s"},"httpHeaderName":"s","httpQueryParameterName":"s","maglev":{
"tableSize":"i"},"minimumRingSize":"i","ringHash":{"minimumRingSize":"i"},"useSourceIp":"b"},
"localityLbSetting":{"distribute":[{"from":"s","to":{"*":"i"}}],"enabled":"b","failover":[{"from":"s",
"to":"s"}],"failoverPriority":["s"]},"simple":"UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|
LEAST_REQUEST","warmup":{"aggression":"n","duration":"s","minimumPercent":"n"},"warmupDurationSecs":"s",
"zoneAwareLbSetting":{"enabled":"b","failover":[{"from":"s","to":"s"}],"failoverPriority":["s"],
"minClusterSize":"i"}},"outlierDetection":{"baseEjectionTime":"s","consecutive5xxErrors":"i",
"consecutiveErrors":"i","consecutiveGatewayErrors":"i","consecutiveLocalOriginFailures":"i","interval":"s",
"maxEjectionPercent":"i","minHealthPercent":"i","outlierDetectionHttpErrorCodes":["i"],
"splitExternalLocalOriginErrors":"b"},"port":{"number":"i"},"tls":{"caCertificates":"s","caCrl":"s",
"clientCertificate":"s","credentialName":"s","insecureSkipVerify":"b","mode":"DISABLE|SIMPLE|MUTUAL|
ISTIO_MUTUAL","privateKey":"s","sni":"s","subjectAltNames":["s"]}}],"proxyProtocol":{"version":"V1|V2"},
"retryBudget":{"budgetInterval":"s","minRetryConcurrency":"i","percent":"n"},"tls":{"caCertificates":"s",
"caCrl":"s","clientCertificate":"s","credentialName":"s","insecureSkipVerify":"b","mode":"DISABLE|SIMPLE|
MUTUAL|ISTIO_MUTUAL","privateKey":"s","sni":"s","subjectAltNames":["s"]},"tunnel":{"protocol":"s",
"targetHost":"s","targetPort":"i"}}}],"trafficPolicy":{"connectionPool":{"http":{"h2UpgradePolicy":"DEFAULT|
DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{"interval":"s","timeout":"s"},
"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i","maxRequestsPerConnection":"i",
"maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s","idleTimeout":"s",
"maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s","probes":"i","time":"s"}}},
"loadBalancer":{"consistentHash":{"httpCookie":{"attributes":[{"name":"s","value":"s"}],"name":"s",
"path":"s","ttl":"s"},"httpHeaderName":"s","httpQueryParameterName":"s","maglev":{"tableSize":"i"},
"minimumRingSize":"i","ringHash":{"minimumRingSize":"i"},"useSourceIp":"b"},"localityLbSetting":{
"distribute":[{"from":"s","to":{"*":"i"}}],"enabled":"b","failover":[{"from":"s","to":"s"}],
"failoverPriority":["s"]},"simple":"UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|LEAST_REQUEST",
"warmup":{"aggression":"n","duration":"s","minimumPercent":"n"},"warmupDurationSecs":"s",
"zoneAwareLbSetting":{"enabled":"b","failover":[{"from":"s","to":"s"}],"failoverPriority":["s"],
"minClusterSize":"i"}},"outlierDetection":{"baseEjectionTime":"s","consecutive5xxErrors":"i",
"consecutiveErrors":"i","consecutiveGatewayErrors":"i","consecutiveLocalOriginFailures":"i","interval":"s",
"maxEjectionPercent":"i","minHealthPercent":"i","outlierDetectionHttpErrorCodes":["i"],
"splitExternalLocalOriginErrors":"b"},"portLevelSettings":[{"connectionPool":{"http":{
"h2UpgradePolicy":"DEFAULT|DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{
"interval":"s","timeout":"s"},"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i",
"maxRequestsPerConnection":"i","maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s",
"idleTimeout":"s","maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s",
"probes":"i","time":"s"}}},"loadBalancer":{"consistentHash":{"httpCookie":{"attributes":[{"name":"s",
"value":"s"}],"name":"s","path":"s","ttl":"s"},"httpHeaderName":"s","httpQueryParameterName":"s","maglev":{
"tableSize":"i"},"minimumRingSize":"i","ringHash":{"minimumRingSize":"i"},"useSourceIp":"b"},
"localityLbSetting":{"distribute":[{"from":"s","to":{"*":"i"}}],"enabled":"b","failover":[{"from":"s",
"to":"s"}],"failoverPriority":["s"]},"simple":"UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|
LEAST_REQUEST","warmup":{"aggression":"n","duration":"s","minimumPercent":"n"},"warmupDurationSecs":"s",
"zoneAwareLbSetting":{"enabled":"b","failover":[{"from":"s","to":"s"}],"failoverPriority":["s"],
"minClusterSize":"i"}},"outlierDetection":{"baseEjectionTime":"s","consecutive5xxErrors":"i",
"consecutiveErrors":"i","consecutiveGatewayErrors":"i","consecutiveLocalOriginFailures":"i","interval":"s",
"maxEjectionPercent":"i","minHealthPercent":"i","outlierDetectionHttpErrorCodes":["i"],
"splitExternalLocalOriginErrors":"b"},"port":{"number":"i"},"tls":{"caCertificates":"s","caCrl":"s",
"clientCertificate":"s","credentialName":"s","insecureSkipVerify":"b","mode":"DISABLE|SIMPLE|MUTUAL|
ISTIO_MUTUAL","privateKey":"s","sni":"s","subjectAltNames":["s"]}}],"proxyProtocol":{"version":"V1|V2"},
"retryBudget":{"budgetInterval":"s","minRetryConcurrency":"i","percent":"n"},"tls":{"caCertificates":"s",
"caCrl":"s","clientCertificate":"s","credentialName":"s","insecureSkipVerify":"b","mode":"DISABLE|SIMPLE|
MUTUAL|ISTIO_MUTUAL","privateKey":"s","sni":"s","subjectAltNames":["s"]},"tunnel":{"protocol":"s",
"targetHost":"s","targetPort":"i"}},"workloadSelector":{"matchLabels":{"*":"s"}}}
""",
    "EnvoyFilter": r"""
{"configPatches":[{"applyTo":"INVALID|LISTENER|FILTER_CHAIN|NETWORK_FILTER|HTTP_FILTER|ROUTE_CONFIGURATION|
VIRTUAL_HOST|HTTP_ROUTE|CLUSTER|EXTENSION_CONFIG|BOOTSTRAP|LISTENER_FILTER","match":{"cluster":{"name":"s",
"portNumber":"i","service":"s","subset":"s"},"context":"ANY|SIDECAR_INBOUND|SIDECAR_OUTBOUND|GATEWAY|
WAYPOINT","listener":{"filterChain":{"applicationProtocols":"s","destinationPort":"i","filter":{"name":"s",
"subFilter":{"name":"s"}},"name":"s","sni":"s","transportProtocol":"s"},"listenerFilter":"s","name":"s",
"portName":"s","portNumber":"i"},"proxy":{"metadata":{"*":"s"},"proxyVersion":"s"},"routeConfiguration":{
"gateway":"s","name":"s","portName":"s","portNumber":"i","vhost":{"domainName":"s","name":"s","route":{
"action":"ANY|ROUTE|REDIRECT|DIRECT_RESPONSE","name":"s"}}},"waypoint":{"filter":{"name":"s","subFilter":{
"name":"s"}},"portNumber":"i","route":{"name":"s"}}},"patch":{"filterClass":"UNSPECIFIED|AUTHN|AUTHZ|STATS",
"operation":"INVALID|MERGE|ADD|REMOVE|INSERT_BEFORE|INSERT_AFTER|INSERT_FIRST|REPLACE|
MERGE_AND_REPLACE_LIST","value":"*"}}],"priority":"i","targetRefs":[{"group":"s","kind":"s","name":"s",
"namespace":"s"}],"workloadSelector":{"labels":{"*":"s"}}}
""",
    "Gateway": r"""
{"selector":{"*":"s"},"servers":[{"bind":"s","defaultEndpoint":"s","hosts":["s"],"name":"s","port":{
"name":"s","number":"i","protocol":"s","targetPort":"i"},"tls":{"caCertCredentialName":"s",
"caCertificates":"s","caCrl":"s","cipherSuites":["s"],"credentialName":"s","credentialNames":["s"],
"httpsRedirect":"b","insecureSkipVerify":"b","maxProtocolVersion":"TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|
TLSV1_3","minProtocolVersion":"TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3","mode":"PASSTHROUGH|SIMPLE|MUTUAL|
AUTO_PASSTHROUGH|ISTIO_MUTUAL|OPTIONAL_MUTUAL","privateKey":"s","serverCertificate":"s","subjectAltNames":[
"s"],"tlsCertificates":[{"caCertificates":"s","privateKey":"s","serverCertificate":"s"}],
"verifyCertificateHash":["s"],"verifyCertificateSpki":["s"]}}]}
""",
    "ServiceEntry": r"""
{"addresses":["s"],"endpoints":[{"address":"s","labels":{"*":"s"},"locality":"s","network":"s","ports":{
"*":"i"},"serviceAccount":"s","weight":"i"}],"exportTo":["s"],"hosts":["s"],"location":"MESH_EXTERNAL|
MESH_INTERNAL","ports":[{"name":"s","number":"i","protocol":"s","targetPort":"i"}],"resolution":"NONE|
STATIC|DNS|DNS_ROUND_ROBIN|DYNAMIC_DNS","subjectAltNames":["s"],"workloadSelector":{"labels":{"*":"s"}}}
""",
    "Sidecar": r"""
{"egress":[{"bind":"s","captureMode":"DEFAULT|IPTABLES|NONE","hosts":["s"],"port":{"name":"s","number":"i",
"protocol":"s","targetPort":"i"}}],"inboundConnectionPool":{"http":{"h2UpgradePolicy":"DEFAULT|
DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{"interval":"s","timeout":"s"},
"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i","maxRequestsPerConnection":"i",
"maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s","idleTimeout":"s",
"maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s","probes":"i","time":"s"}}},
"ingress":[{"bind":"s","captureMode":"DEFAULT|IPTABLES|NONE","connectionPool":{"http":{
"h2UpgradePolicy":"DEFAULT|DO_NOT_UPGRADE|UPGRADE","http1MaxPendingRequests":"i","http2KeepAlive":{
"interval":"s","timeout":"s"},"http2MaxRequests":"i","idleTimeout":"s","maxConcurrentStreams":"i",
"maxRequestsPerConnection":"i","maxRetries":"i","useClientProtocol":"b"},"tcp":{"connectTimeout":"s",
"idleTimeout":"s","maxConnectionDuration":"s","maxConnections":"i","tcpKeepalive":{"interval":"s",
"probes":"i","time":"s"}}},"defaultEndpoint":"s","port":{"name":"s","number":"i","protocol":"s",
"targetPort":"i"},"tls":{"caCertCredentialName":"s","caCertificates":"s","caCrl":"s","cipherSuites":["s"],
"credentialName":"s","credentialNames":["s"],"httpsRedirect":"b","insecureSkipVerify":"b",
"maxProtocolVersion":"TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3","minProtocolVersion":"TLS_AUTO|TLSV1_0|
TLSV1_1|TLSV1_2|TLSV1_3","mode":"PASSTHROUGH|SIMPLE|MUTUAL|AUTO_PASSTHROUGH|ISTIO_MUTUAL|OPTIONAL_MUTUAL",
"privateKey":"s","serverCertificate":"s","subjectAltNames":["s"],"tlsCertificates":[{"caCertificates":"s",
"privateKey":"s","serverCertificate":"s"}],"verifyCertificateHash":["s"],"verifyCertificateSpki":["s"]}}],
"outboundTrafficPolicy":{"egressProxy":{"host":"s","port":{"number":"i"},"subset":"s"},
"mode":"REGISTRY_ONLY|ALLOW_ANY"},"workloadSelector":{"labels":{"*":"s"}}}
""",
    "VirtualService": r"""
{"exportTo":["s"],"gateways":["s"],"hosts":["s"],"http":[{"corsPolicy":{"allowCredentials":"b",
"allowHeaders":["s"],"allowMethods":["s"],"allowOrigin":["s"],"allowOrigins":[{"exact":"s","prefix":"s",
"regex":"s"}],"exposeHeaders":["s"],"maxAge":"s","unmatchedPreflights":"UNSPECIFIED|FORWARD|IGNORE"},
"delegate":{"name":"s","namespace":"s"},"directResponse":{"body":{"bytes":"s","string":"s"},"status":"i"},
"fault":{"abort":{"grpcStatus":"s","http2Error":"s","httpStatus":"i","percentage":{"value":"n"}},"delay":{
"exponentialDelay":"s","fixedDelay":"s","percent":"i","percentage":{"value":"n"}}},"headers":{"request":{
"add":{"*":"s"},"remove":["s"],"set":{"*":"s"}},"response":{"add":{"*":"s"},"remove":["s"],"set":{
"*":"s"}}},"match":[{"authority":{"exact":"s","prefix":"s","regex":"s"},"gateways":["s"],"headers":{"*":{
"exact":"s","prefix":"s","regex":"s"}},"ignoreUriCase":"b","method":{"exact":"s","prefix":"s","regex":"s"},
"name":"s","port":"i","queryParams":{"*":{"exact":"s","prefix":"s","regex":"s"}},"scheme":{"exact":"s",
"prefix":"s","regex":"s"},"sourceLabels":{"*":"s"},"sourceNamespace":"s","statPrefix":"s","uri":{
"exact":"s","prefix":"s","regex":"s"},"withoutHeaders":{"*":{"exact":"s","prefix":"s","regex":"s"}}}],
"mirror":{"host":"s","port":{"number":"i"},"subset":"s"},"mirrorPercent":"i","mirrorPercentage":{
"value":"n"},"mirror_percent":"i","mirrors":[{"destination":{"host":"s","port":{"number":"i"},"subset":"s"},
"percentage":{"value":"n"}}],"name":"s","redirect":{"authority":"s","derivePort":"FROM_PROTOCOL_DEFAULT|
FROM_REQUEST_PORT","port":"i","prefixRewrite":"s","redirectCode":"i","scheme":"s","uri":"s"},"retries":{
"attempts":"i","backoff":"s","perTryTimeout":"s","retryIgnorePreviousHosts":"b","retryOn":"s",
"retryRemoteLocalities":"b"},"rewrite":{"authority":"s","uri":"s","uriRegexRewrite":{"match":"s",
"rewrite":"s"}},"route":[{"destination":{"host":"s","port":{"number":"i"},"subset":"s"},"headers":{
"request":{"add":{"*":"s"},"remove":["s"],"set":{"*":"s"}},"response":{"add":{"*":"s"},"remove":["s"],
"set":{"*":"s"}}},"weight":"i"}],"timeout":"s"}],"tcp":[{"match":[{"destinationSubnets":["s"],"gateways":[
"s"],"port":"i","sourceLabels":{"*":"s"},"sourceNamespace":"s","sourceSubnet":"s"}],"route":[{
"destination":{"host":"s","port":{"number":"i"},"subset":"s"},"weight":"i"}]}],"tls":[{"match":[{
"destinationSubnets":["s"],"gateways":["s"],"port":"i","sniHosts":["s"],"sourceLabels":{"*":"s"},
"sourceNamespace":"s"}],"route":[{"destination":{"host":"s","port":{"number":"i"},"subset":"s"},
"weight":"i"}]}]}
""",
    "AuthorizationPolicy": r"""
{"action":"ALLOW|DENY|AUDIT|CUSTOM","provider":{"name":"s"},"rules":[{"from":[{"source":{"ipBlocks":["s"],
"namespaces":["s"],"notIpBlocks":["s"],"notNamespaces":["s"],"notPrincipals":["s"],"notRemoteIpBlocks":[
"s"],"notRequestPrincipals":["s"],"notServiceAccounts":["s"],"notTrustDomains":["s"],"principals":["s"],
"remoteIpBlocks":["s"],"requestPrincipals":["s"],"serviceAccounts":["s"],"trustDomains":["s"]}}],"to":[{
"operation":{"hosts":["s"],"methods":["s"],"notHosts":["s"],"notMethods":["s"],"notPaths":["s"],"notPorts":[
"s"],"paths":["s"],"ports":["s"]}}],"when":[{"key":"s","notValues":["s"],"values":["s"]}]}],"selector":{
"matchLabels":{"*":"s"}},"targetRef":{"group":"s","kind":"s","name":"s","namespace":"s"},"targetRefs":[{
"group":"s","kind":"s","name":"s","namespace":"s"}]}
""",
    "PeerAuthentication": r"""
{"mtls":{"mode":"UNSET|DISABLE|PERMISSIVE|STRICT"},"portLevelMtls":{"*":{"mode":"UNSET|DISABLE|PERMISSIVE|
STRICT"}},"selector":{"matchLabels":{"*":"s"}}}
""",
    "RequestAuthentication": r"""
{"jwtRules":[{"audiences":["s"],"forwardOriginalToken":"b","fromCookies":["s"],"fromHeaders":[{"name":"s",
"prefix":"s"}],"fromParams":["s"],"issuer":"s","jwks":"s","jwksUri":"s","jwks_uri":"s",
"outputClaimToHeaders":[{"claim":"s","header":"s"}],"outputPayloadToHeader":"s","spaceDelimitedClaims":[
"s"],"timeout":"s"}],"selector":{"matchLabels":{"*":"s"}},"targetRef":{"group":"s","kind":"s","name":"s",
"namespace":"s"},"targetRefs":[{"group":"s","kind":"s","name":"s","namespace":"s"}]}
""",
}
