#!/usr/bin/env bash
# What must come from the system: Python 3.11 with venv, OpenMP for LightGBM, a JDK of 17 or later, Maven, openssl; and for
# the tests redis-server and PostgreSQL.
# As root on Debian they are installed when missing; otherwise one sentence says what to install. Chromium, in which the
# tests look at the report page, is installed likewise, but nothing else needs it: without it those tests are skipped.
set -euo pipefail

python="${PYTHON:-python3.11}"
jdk_at_least=17

has_python() { "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

has_jdk() {
    local javac version
    javac="${JAVA_HOME:+$JAVA_HOME/bin/}javac"
    version="$("$javac" -version 2>&1)" || return 1
    version="${version#javac }"
    [[ "${version%%.*}" -ge "$jdk_at_least" ]]
}

has_openmp() { "$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; }

# Debian keeps the server's own programs in no PATH
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }

has() { command -v "$1" >/dev/null; }

missing=()
has_python || missing+=(python3.11 python3.11-venv)
has_openmp || missing+=(libgomp1)
has_jdk || missing+=(default-jdk-headless)
has mvn || missing+=(maven)
has redis-server || missing+=(redis-server)
has_postgres || missing+=(postgresql)
has openssl || missing+=(openssl)
can_install() { [[ "$(id -u)" -eq 0 ]] && has apt-get; }
! has chromium && ! has google-chrome && can_install && missing+=(chromium)
[[ ${#missing[@]} -eq 0 ]] && exit 0

if ! can_install; then
    echo "Please install what is missing (Debian's packages: ${missing[*]}), then run make again." >&2
    exit 1
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if ! apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null </dev/null; then
    echo "apt-get could not install ${missing[*]}: please install them in another way, then run make again." >&2
    exit 1
fi
