# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The project, built inside the image's userland, and its files as the tar
# archive that the nodes unpack.

project_source=$(cd "$testbed_folder/../.." && pwd)
project_folder=$cache_folder/project-$(printf '%s' "$project_source" |
    sha256sum | cut -c1-12)-$image_key

project_list() {
    git -c safe.directory="$project_source" -C "$project_source" \
        ls-files -z -co --exclude-standard -- . |
        while IFS= read -r -d '' file; do
            if [[ -e $project_source/$file || -L $project_source/$file ]]; then
                printf '%s\0' "$file"
            fi
        done | sort -zu
}

# The build folder holds the same files as the source, with their times, so
# that make sees what changed; what vanished from the source vanishes there.
project_copy() {
    local build=$project_folder/build
    mkdir -p "$build"
    project_list >"$project_folder/files.new"
    if [[ -e $project_folder/files ]]; then
        comm -z -23 "$project_folder/files" "$project_folder/files.new" |
            (cd "$build" && xargs -0 -r rm -f --)
    fi
    mv "$project_folder/files.new" "$project_folder/files"
    tar -c -C "$project_source" --null -T "$project_folder/files" |
        tar -x -C "$build"
}

project_make() {
    local build=$project_folder/build
    progress "building the project"
    # shellcheck disable=SC2016 # for the inner shell
    in_userland "$build" bash -c '
        set -e
        [[ -e Makefile ]] || {
            ./autogen.sh
            ./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
                --libdir=/usr/lib/x86_64-linux-gnu --enable-testbed
        }
        make -j"$(nproc)"
        rm -rf stage
        make install DESTDIR=/build/stage
        kernel=$(basename /usr/lib/modules/*)
        updates=usr/lib/modules/$kernel/updates
        mkdir -p "stage/$updates"
        [[ ! -d stage/lib/modules ]] ||
            cp -a stage/lib/modules/. stage/usr/lib/modules
        rm -rf stage/lib
        mount --bind "stage/$updates" "/$updates"
        depmod -o /build/stage "$kernel"' \
        >"$project_folder/log" 2>&1 || {
        tail -n 20 "$project_folder/log" >&2
        die "the project does not build (all in $project_folder/log)"
    }
}

# project_pack STAGE ARCHIVE: with the scripts of the node itself. The same
# files give the same archive, byte for byte.
project_pack() {
    local node=$1/usr/lib/peervma-testbed
    mkdir -p "$node"
    install -m 755 "$testbed_folder"/node/* "$node"
    tar -c -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 \
        --numeric-owner -b 2048 -f "$2" .
}

# For nodes that are to have nothing of the project.
project_leave_out() {
    project_archive=$project_folder/bare.tar
    mkdir -p "$project_folder"
    project_pack "$project_folder/bare" "$project_archive"
}

project_build() {
    mkdir -p "$project_folder"
    exec {project_lock}>"$project_folder/lock"
    if ! flock -n "$project_lock"; then
        progress "waiting for another build of the project"
        flock "$project_lock"
    fi
    project_copy
    project_make
    project_archive=$project_folder/stage.tar
    project_pack "$project_folder/build/stage" "$project_archive"
    exec {project_lock}>&-
}
