#!/usr/bin/env bash
# Writes the bill of materials of a release, CycloneDX JSON: every crate with version, licence, source and checksum, as
# Cargo.lock pins them. Usage: deploy/image/sbom.sh [DIRECTORY], by default target/sbom.
set -euo pipefail
cd "$(dirname "$0")/../.."
directory="${1:-target/sbom}"

if ! cargo cyclonedx --version >/dev/null 2>&1; then
    echo "cargo-cyclonedx is not here: cargo install --locked cargo-cyclonedx" >&2
    exit 1
fi
# What is built into the program for this platform, and not what only its tests use.
cargo cyclonedx --format json --describe binaries --quiet
mkdir -p "$directory"
mv -- *.cdx.json "$directory/"
ls "$directory"/*.cdx.json
