#!/bin/sh
# Only reads: get, logs, top, and cat and find inside containers. The output is not redacted; see the last lines.
# The pods are listed when the script runs. Review it, then run it with sh.
out={folder}
mkdir -p "$out/kubernetes"
kubectl get pods {kubectl} -o json > "$out/kubernetes/pods.json"
kubectl get events {kubectl} -o json > "$out/kubernetes/events.json"
kubectl get configmaps {kubectl} -o yaml > "$out/kubernetes/configmaps.yaml"
kubectl top pods {kubectl} --containers > "$out/kubernetes/top-pods.txt" 2>/dev/null
for pod in $(kubectl get pods {kubectl} -o 'jsonpath={{range .items[*]}}{{.metadata.name}}{{"\n"}}{{end}}'); do
    containers=$(kubectl get pod "$pod" {kubectl} -o 'jsonpath={{range .spec.containers[*]}}{{.name}}{{"\n"}}{{end}}')
    main=
    for container in $containers; do
        case "$container" in
        seed-client|client|dfdaemon) main=$container file=dfdaemon.yaml port=4002 ;;
        scheduler) main=$container file=scheduler.yaml port=8000 ;;
        manager) main=$container file=manager.yaml port=8000 ;;
        esac
    done
    [ -n "$main" ] || continue
    mkdir -p "$out/$pod"
    kubectl exec "$pod" {kubectl} -c "$main" -- cat {configuration}/$file > "$out/$pod/$file"
    kubectl get {kubectl} --raw "/api/v1/namespaces/{namespace}/pods/$pod:$port/proxy/metrics" > "$out/$pod/metrics.txt"
    for container in $containers; do
        kubectl logs "$pod" {kubectl} -c "$container"{since} > "$out/$pod/console-$container.log"
        kubectl logs "$pod" {kubectl} -c "$container" --previous > "$out/$pod/console-$container.previous.log" 2>/dev/null
    done
    for log in $(kubectl exec "$pod" {kubectl} -c "$main" -- find {logs} -type f); do
        case "$log" in *.log|*.log.*|*.log-*) ;; *) continue ;; esac
        mkdir -p "$out/$pod/$(dirname "${{log#{logs}/}}")"
        kubectl exec "$pod" {kubectl} -c "$main" -- cat "$log" > "$out/$pod/${{log#{logs}/}}"
    done
done
if command -v helm > /dev/null; then
    mkdir -p "$out/helm"
    helm list {helm} -o json > "$out/helm/releases.json"
    for release in $(helm list {helm} -q); do
        helm get values "$release" {helm} -o yaml > "$out/helm/$release.values.yaml"
    done
fi
find "$out" -type f -empty -delete
# Then, on a machine with dfly-analysis: remove the secrets before you pass the files on, and analyse.
#   dfly-analysis redact "$out" -o cleaned
#   dfly-analysis report cleaned
