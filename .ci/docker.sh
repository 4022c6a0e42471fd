#!/bin/sh
# A Docker engine and a base image for the sandbox's tests, on a Debian machine where there is none.
#
#   sh .ci/docker.sh            engine running, image forge-base:bookworm there; says how long it took
#
# It changes nothing where both are there. No image is pulled: the base is made from Debian's packages.
# Output of the tools goes to the log that is named when something fails. Run it as root.
set -eu

BASE=${FORGE_DOCKER_BASE:-forge-base:bookworm}
LOG=$(mktemp -t forge-docker.XXXXXX.log)
begin=$(date +%s)

fail() {
    echo "docker: $1; the log's end ($LOG):" >&2
    tail -n 20 "$LOG" >&2
    exit 1
}

answers() {
    docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

install_engine() {
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends docker.io iptables; } >>"$LOG" 2>&1 ||
        fail "the engine cannot be installed"
}

install_gvisor() {
    command -v runsc >/dev/null 2>&1 ||
        apt-get install -y --no-install-recommends runsc >>"$LOG" 2>&1 ||
        echo "docker: no gVisor here (runsc); its tests will say so" >&2
}

register_gvisor() {
    runsc=$(command -v runsc) || return 0
    [ ! -e /etc/docker/daemon.json ] || return 0
    mkdir -p /etc/docker
    printf '{"runtimes": {"runsc": {"path": "%s", "runtimeArgs": ["--network=none", "--platform=ptrace"]}}}\n' \
        "$runsc" >/etc/docker/daemon.json
}

start_engine() {
    command -v dockerd >/dev/null 2>&1 || install_engine
    install_gvisor
    register_gvisor
    setsid nohup dockerd >>"$LOG" 2>&1 </dev/null &
    for _ in $(seq 60); do
        answers && return 0
        sleep 0.5
    done
    fail "dockerd does not answer after 30 s"
}

mirror() {
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1
}

make_base() {
    command -v debootstrap >/dev/null 2>&1 ||
        apt-get install -y --no-install-recommends debootstrap >>"$LOG" 2>&1 ||
        fail "debootstrap cannot be installed"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    where=$(mirror)
    debootstrap --variant=minbase --include=python3 bookworm "$root" ${where:+"$where"} \
        >>"$LOG" 2>&1 || fail "debootstrap failed"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import --change 'CMD ["python3"]' - "$BASE" >>"$LOG" 2>&1 ||
        fail "the base image cannot be imported"
}

answers || start_engine
docker image inspect "$BASE" >/dev/null 2>&1 || make_base
echo "docker: engine $(docker version --format '{{.Server.Version}}'), base image $BASE, $(($(date +%s) - begin)) s"
