#!/usr/bin/env bash
# Debian packages that some tests want; without them (or without root) those tests skip and say why.
set -u
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) \
    >/dev/null 2>&1 || echo "chromium could not be installed: the tests that look at reports will skip"
else
  echo "chromium is absent and cannot be installed here: the tests that look at reports will skip"
fi
exit 0
