#!/usr/bin/env bash
# Debian packages that some tests want; without them (or without root) those tests skip and say why.
set -u
PATH=$PATH:/usr/sbin:/sbin

# want COMMAND PACKAGE "the tests that ..."
want() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2") \
      >/dev/null 2>&1 || echo "$2 could not be installed: $3 will skip"
  else
    echo "$2 is absent and cannot be installed here: $3 will skip"
  fi
}

want chromium chromium "the tests that look at reports"
want sshd openssh-server "the tests that run a benchmark over ssh"
want ssh openssh-client "the tests that run a benchmark over ssh"
exit 0
