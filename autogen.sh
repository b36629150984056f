#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Make configure and the Makefile.in files from their sources.
set -e
cd "$(dirname "$0")"
mkdir -p config/aux config/m4
exec autoreconf --install --force
