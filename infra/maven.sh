#!/usr/bin/env bash
# Maven on infra/jvm, with this machine's settings. A download that failed is tried again (-U: Maven remembers failures);
# any other failure is final.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/jvm"

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
again=()
for attempt in 1 2 3; do
    mvn -B -ntp "${again[@]}" "$@" </dev/null 2>&1 | tee "$log" && exit 0
    grep -q -E 'Could not transfer|failure was cached' "$log" || exit 1
    echo "download failed (attempt $attempt of 3)" >&2
    again=(-U)
    sleep "$((attempt * 5))"
done
exit 1
