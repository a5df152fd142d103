"""The commands of a collection as a script, for those who must run them by hand."""

from __future__ import annotations

import shlex

from dfly_analysis.collect.commands import CONFIGURATION_FOLDER, LOG_FOLDER, Cluster

_SCRIPT = """\
#!/bin/sh
# Only reads: get, logs, top, and cat and find inside containers. Nothing is redacted here; see the last lines.
# Which pods there are is asked as it runs, so look it over, then run it with sh.
out={folder}
mkdir -p "$out/kubernetes"
kubectl get pods {kubectl} -o json > "$out/kubernetes/pods.json"
kubectl get events {kubectl} -o json > "$out/kubernetes/events.json"
kubectl get configmaps {kubectl} -o yaml > "$out/kubernetes/configmaps.yaml"
kubectl top pods {kubectl} --containers > "$out/kubernetes/top-pods.txt" 2>/dev/null
for pod in $(kubectl get pods {kubectl} -o 'jsonpath={{range .items[*]}}{{.metadata.name}}{{"\\n"}}{{end}}'); do
    containers=$(kubectl get pod "$pod" {kubectl} -o 'jsonpath={{range .spec.containers[*]}}{{.name}}{{"\\n"}}{{end}}')
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
# Then, where dfly-analysis is installed: take the secrets out before you pass it on, and analyse.
#   dfly-analysis redact "$out" -o cleaned
#   dfly-analysis report cleaned
"""


def collecting_script(cluster: Cluster, folder: str) -> str:
    """Return the commands of a collection as a POSIX shell script.

    Parameters
    ----------
    cluster : Cluster
    folder : str
        Where the script writes to.

    Returns
    -------
    str
        What it writes, `dfly_analysis.collect.collect` writes too, but for the redaction.
    """
    return _SCRIPT.format(
        folder=shlex.quote(folder), kubectl=shlex.join(cluster.flags("--context")), helm=shlex.join(cluster.flags("--kube-context")), namespace=cluster.namespace,
        configuration=CONFIGURATION_FOLDER, logs=LOG_FOLDER,
        since=f" --since={shlex.quote(cluster.since)}" if cluster.since else "",
    )  # fmt: skip
