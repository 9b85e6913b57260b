#!/usr/bin/env bash
# Fetch axe-core, which judges whether a page is accessible, for the test of the status page in a browser.
# It is one file of a wheel of PyPI, unpacked and not installed: that package wants Playwright, and we want its script only.
# Prints the file; without a network it prints nothing and the test skips by count.
set -u
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/motefit-tools/axe}
if [ ! -e "$folder/axe.min.js" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (
    set -e
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
      axe-playwright-python==0.1.8
    cd "$work"
    python3 -m zipfile -e ./*.whl .
    mkdir -p "$folder"
    install -m 644 axe_playwright_python/axe.min.js "$folder/"
  ) >"$work/log" 2>&1 || { echo "axe-core cannot be fetched here; the test that needs it will skip" >&2; exit 0; }
fi
echo "$folder/axe.min.js"
