#!/usr/bin/env bash
# Installs what the end-to-end tests need and npm does not bring: browsers, coturn and its tools, NAT in network
# namespaces. For Debian 12 and newer, as root; running it again changes nothing.
set -euo pipefail

packages=(
  chromium firefox-esr            # the browsers of the calls
  coturn                          # turnutils_uclient, turnutils_peer; turnserver checks our credentials
  redis-server                    # what several nodes share
  haproxy                         # a proxy that says whose connections it passes on
  libnss3-tools openssl           # an authority of the tests that browsers trust
  gcc libc6-dev musl-tools        # what C makes of the structures that we lay out ourselves
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  ethtool                         # a network device that does less than others
  iproute2 nftables conntrack     # namespaces and the NATs between them
  fonts-dejavu-core               # a headless browser without any font is slow to start
)

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup-debian: everything is there: ${packages[*]}"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "setup-debian: missing: ${missing[*]}; run this as root to install them" >&2
  exit 1
fi

# Debian starts a service when it installs one, and coturn would take port 3478. A policy-rc.d that says 101 forbids
# it for as long as this installation runs; where the machine has a policy of its own, that one decides.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"

# Nor at the next boot, when it was this script that brought it.
for service in coturn haproxy redis-server; do
  if [[ " ${missing[*]} " == *" $service "* ]] && [ -d /run/systemd/system ]; then
    systemctl disable --quiet "$service.service"
  fi
done
echo "setup-debian: installed: ${missing[*]}"
