#!/bin/sh
# Install Debian's Chromium, and pdftoppm, which turns its printed pages into pictures; or say what to install.
set -eu
missing=""
command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null || missing="chromium"
command -v pdftoppm > /dev/null || missing="$missing poppler-utils"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "make browser needs $missing, which it installs by itself only as root on Debian: install it by your package manager" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q -q
# shellcheck disable=SC2086 # two words are two packages
apt-get install -q -q --yes --no-install-recommends $missing fonts-dejavu-core > /dev/null
