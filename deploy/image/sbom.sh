#!/usr/bin/env bash
# Prints the bill of materials of the program for this platform, as CycloneDX 1.5 in JSON: every crate with version, licence,
# checksum and what it depends on, as Cargo resolves them, and the C library and Rust's own, which no scanner can find in a
# static program. Crates that only build it, such as macros, are in it with the scope `excluded`; those of its tests are not.
# Usage: deploy/image/sbom.sh. Needs nothing but cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

tree() {
    cargo tree --locked --color never --target "$(compiler host)" "$@"
}

compiler() {
    rustc --version --verbose | sed -n "s/^$1: //p"
}

# Debian repairs its C library without another version of it, so that its own number is the one to look up.
c_library() {
    local version
    if version="$(dpkg-query --show --showformat '${Version}' libc6-dev 2>/dev/null)"; then
        echo "glibc|$version|LGPL-2.1-or-later|pkg:deb/debian/glibc@${version//+/%2B}?arch=source"
    elif version="$(getconf GNU_LIBC_VERSION 2>/dev/null)"; then
        echo "glibc|${version#glibc }|LGPL-2.1-or-later|pkg:generic/glibc@${version#glibc }"
    else
        echo "musl||MIT|pkg:generic/musl"
    fi
}

{
    tree --edges normal,no-proc-macro --prefix none --format 'linked|{p}'
    tree --edges normal,build --prefix depth --format '|{p}|{l}|{r}|'
    echo "system|$(c_library)"
    echo "system|rust-std|$(compiler release)|MIT OR Apache-2.0|pkg:generic/rust@$(compiler release)"
} | awk -v time="$(date --utc --date="@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)" '
    function quoted(text) {
        gsub(/\\/, "\\\\", text)
        gsub(/"/, "\\\"", text)
        return "\"" text "\""
    }
    # `name v1.2.3 (proc-macro)` as `name@1.2.3`.
    function known(package, words) {
        split(package, words, " ")
        sub(/^v/, "", words[2])
        return words[1] "@" words[2]
    }
    function address(id) {
        gsub(/\+/, "%2B", id)
        return "pkg:cargo/" id
    }
    # A component without its end, so that more can follow.
    function component(kind, reference, name, version, licence) {
        # An older way to write a choice.
        gsub(/ *\/ */, " OR ", licence)
        return "{\"type\":" quoted(kind) ",\"bom-ref\":" quoted(reference) ",\"name\":" quoted(name) ",\"version\":" \
            quoted(version) ",\"licenses\":[{\"expression\":" quoted(licence) "}]"
    }
    function sort(list, count, i, j, one) {
        for (i = 2; i <= count; i++) {
            one = list[i]
            for (j = i - 1; j > 0 && list[j] > one; j--) list[j + 1] = list[j]
            list[j + 1] = one
        }
    }
    FILENAME != "-" {
        if ($1 == "[[package]]") id = ""
        if ($1 == "name") name = $3
        if ($1 == "version") id = name "@" $3
        if ($1 == "source") source[id] = $3
        if ($1 == "checksum") checksum[id] = $3
        next
    }
    { split($0, field, "|") }
    field[1] == "linked" { linked[known(field[2])] = 1; next }
    field[1] == "system" { systems++; system_name[systems] = field[2]; system_version[systems] = field[3]
        system_licence[systems] = field[4]; system_address[systems] = field[5]; next }
    {
        depth = field[1]
        id = known(field[2])
        above[depth] = id
        if (!(id in licence)) { licence[id] = field[3]; repository[id] = field[4]; ids[++count] = id }
        if (depth == 0) own = id
        else if (!((above[depth - 1], id) in edge)) {
            edge[above[depth - 1], id] = 1
            uses[above[depth - 1]] = uses[above[depth - 1]] " " id
        }
    }
    END {
        sort(ids, count)
        split(own, part, "@")
        print "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"version\":1,"
        print "\"metadata\":{\"timestamp\":" quoted(time) ",\"component\":" \
            component("application", own, part[1], part[2], licence[own]) "}},"
        print "\"components\":["
        for (i = 1; i <= count; i++) {
            id = ids[i]
            if (id == own) continue
            split(id, part, "@")
            line = component("library", address(id), part[1], part[2], licence[id])
            line = line ",\"scope\":" quoted(id in linked ? "required" : "excluded") ",\"purl\":" quoted(address(id))
            line = line ",\"hashes\":[{\"alg\":\"SHA-256\",\"content\":" quoted(checksum[id]) "}]"
            if (repository[id] != "") line = line ",\"externalReferences\":[{\"type\":\"vcs\",\"url\":" quoted(repository[id]) "}]"
            print line "},"
        }
        for (i = 1; i <= systems; i++)
            print component("library", system_address[i], system_name[i], system_version[i], system_licence[i]) \
                ",\"scope\":\"required\",\"purl\":" quoted(system_address[i]) "}" (i < systems ? "," : "")
        print "],"
        print "\"dependencies\":["
        for (i = 1; i <= count; i++) {
            id = ids[i]
            used = split(uses[id], other, " ")
            sort(other, used)
            line = "{\"ref\":" quoted(id == own ? own : address(id)) ",\"dependsOn\":["
            for (j = 1; j <= used; j++) line = line (j > 1 ? "," : "") quoted(address(other[j]))
            if (id == own) for (j = 1; j <= systems; j++) line = line (used || j > 1 ? "," : "") quoted(system_address[j])
            print line "]}" (i < count ? "," : "")
        }
        print "]}"
    }
' FS='[ "]+' Cargo.lock FS=' ' -
