#!/usr/bin/env bash
# Builds what the image has, and nothing else: the static program, its bill of materials, licences and certificate
# authorities, as the root of a file system. The Dockerfile runs this, and so does `cargo test`, which judges what comes out.
# Usage: deploy/image/build.sh [DIRECTORY], by default target/image. The root is DIRECTORY/root, the rest is Cargo's cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
name=threat-protection-operator
directory="${1:-target/image}"
mkdir -p "$directory"
directory="$(cd "$directory" && pwd -P)"
root="$directory/root"

say() {
    echo "deploy/image/build.sh: $*" >&2
}

compiler() {
    rustc --version --verbose | sed -n "s/^$1: //p"
}

# Nothing is loaded at run time, so the C library has to be there as an archive. The compiler knows where.
if [[ "$(compiler host)" == *-gnu && ! -e "$("${CC:-cc}" -print-file-name=libc.a)" ]]; then
    say "libc.a is not here, the C library for static programs: Debian and Ubuntu have it in libc6-dev, Fedora in" \
        "glibc-static, openSUSE in glibc-devel-static"
    exit 1
fi

authorities=
for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
    if [[ -s "$file" ]]; then
        authorities="$file"
        break
    fi
done
if [[ -z "$authorities" ]]; then
    say "there are no certificate authorities, which most systems have in the package ca-certificates; or name a file of" \
        "them in SSL_CERT_FILE"
    exit 1
fi

# Nothing of this machine gets into the program: neither its clock nor its paths nor what its user has set for other builds.
# Where the sources of the standard library are installed, rustc would name them by their path.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}" CARGO_INCREMENTAL=0
unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER ${!CARGO_PROFILE_*} ${!CARGO_TARGET_*}
here="$(pwd -P)"
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
library="$(rustc --print sysroot)/lib/rustlib/src/rust"
flags=(
    -C target-feature=+crt-static
    -C link-arg=-Wl,--build-id=none
    "--remap-path-prefix=$here=."
    "--remap-path-prefix=$directory=target"
    "--remap-path-prefix=$cargo_home=cargo"
    "--remap-path-prefix=$library=/rustc/$(compiler commit-hash)"
)
CARGO_ENCODED_RUSTFLAGS="$(IFS=$'\x1f' && printf '%s' "${flags[*]}")"
maps="-ffile-prefix-map=$here=. -ffile-prefix-map=$directory=target -ffile-prefix-map=$cargo_home=cargo"
export CARGO_ENCODED_RUSTFLAGS CFLAGS="$maps" CXXFLAGS="$maps"
# jemalloc works with pages up to the size that it was built for, and there are kernels for arm64 with pages of 64 KiB.
if [[ "$(compiler host)" == aarch64-* ]]; then
    export JEMALLOC_SYS_WITH_LG_PAGE=16
fi

# With a target, even if it is this machine, the flags are those of the program and not of what only builds it. Cargo tells
# what it has built, which is more than anybody's word on what the program is made of.
cargo build --release --locked --target host-tuple --target-dir "$directory" --bin "$name" \
    --message-format json-render-diagnostics >"$directory/built.json"
deploy/image/sbom.sh >"$directory/sbom.json"

rm -rf "$root"
install -D -m 0555 "$directory/$(compiler host)/release/$name" "$root/usr/local/bin/$name"
install -D -m 0444 "$authorities" "$root/etc/ssl/certs/ca-certificates.crt"
install -D -m 0444 LICENSE "$root/licenses/LICENSE"
install -D -m 0444 deploy/image/licenses/LGPL-2.1 "$root/licenses/glibc/LGPL-2.1"
install -D -m 0444 "$directory/sbom.json" "$root/sbom/$name.cdx.json"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
du --apparent-size --bytes --summarize "$root"
