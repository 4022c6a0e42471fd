#!/usr/bin/env bash
# Chromium for the report's browser tests: nothing to do where there is one.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    echo "== browser: $(command -v "$name")"
    exit 0
  fi
done
echo "== installing chromium"
if [ "$(id -u)" = 0 ]; then sudo=(); else sudo=(sudo); fi
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
command -v chromium
