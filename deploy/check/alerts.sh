#!/usr/bin/env bash
# What Prometheus and Grafana are given: the configuration and the rules are well formed, each alert fires when it should and
# not before, and the queries of the dashboard can be read. promtool comes from Debian's package; deploy/local.sh test gets it.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
readonly CACHED=${XDG_CACHE_HOME:-$HOME/.cache}/daybook/prometheus/usr/bin/promtool
SCRATCH=

main() {
    local promtool
    promtool=$(type -P promtool) || promtool=$CACHED
    if [[ ! -x $promtool ]]; then
        echo 'promtool is not there: deploy/local.sh test gets it' >&2
        exit 1
    fi
    trap 'rm -rf -- "$SCRATCH"' EXIT
    SCRATCH=$(mktemp -d)
    "$promtool" check config deploy/prometheus/prometheus.yaml
    "$promtool" test rules deploy/prometheus/alerts_test.yaml
    queries_as_rules >"$SCRATCH/queries.yaml"
    "$promtool" check rules "$SCRATCH/queries.yaml"
}

# The queries of the dashboard as rules, which promtool can check; Grafana's variables are filled in. JSON is YAML.
queries_as_rules() {
    python3 - deploy/grafana/daybook.json <<'PYTHON'
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
filled = [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in queries]
rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(filled)]
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
}

main
