#!/usr/bin/env bash
# Debian packages that some tests want; without them (or without root) those tests skip and say why.
set -u
wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
PATH=$PATH:/usr/sbin command -v sshd >/dev/null || wanted+=(openssh-server)
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
command -v ssh >/dev/null || wanted+=(openssh-client)
PATH=$PATH:/usr/sbin command -v mosquitto >/dev/null || wanted+=(mosquitto)
command -v redis-server >/dev/null || wanted+=(redis-server)
command -v openssl >/dev/null || wanted+=(openssl)
PATH=$PATH:/usr/sbin command -v ip >/dev/null || wanted+=(iproute2)
[ ${#wanted[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}") \
    >/dev/null 2>&1 || echo "could not be installed: ${wanted[*]}; the tests that need them will skip"
else
  echo "absent, and cannot be installed here: ${wanted[*]}; the tests that need them will skip"
fi
exit 0
