#!/bin/sh
# Install Debian's Chromium for `make browser`, where that is possible without asking anybody: with apt-get, as root or
# by a sudo that needs no password. Where it is not, say so and succeed: the tests then skip, naming what is missing.
set -u
say() { echo "make browser: $*" >&2; }

command -v apt-get >/dev/null || { say 'chromium is missing, and there is no apt-get to install it with'; exit 0; }
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif sudo -n true 2>/dev/null; then
    as_root='sudo -n env'
else
    say 'chromium is missing; install it: sudo apt-get install chromium'
    exit 0
fi
say 'installing chromium (once)'
$as_root apt-get update -qq &&
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
    say 'chromium could not be installed; install it by hand, or give CHROMIUM=/path/to/it'
