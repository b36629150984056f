# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# The project, built from a copy of its source inside the image's userland,
# and the archive of all that the nodes get on top of the image.

project_source=$(cd "$testbed_folder/../.." && pwd)
project_folder=$cache_folder/project-$(printf '%s' "$project_source" |
    sha256sum | cut -c1-12)
[[ $kernel_kind == image ]] || project_folder+=_${kernel_key#*-}
project_folder+=-$image_key
# Set by project_build and project_leave_out.
project_archive=

# The names of the source's files: what git knows or would add, so that what
# was built in the source folder itself stays out; all of a release.
project_list() {
    local -a git=(git -c safe.directory="$project_source" -C "$project_source")
    if "${git[@]}" rev-parse --show-cdup 2>/dev/null | grep -qx ''; then
        "${git[@]}" ls-files -z -co --exclude-standard
    elif [[ -e $project_source/config.status ]]; then
        die "$project_source is no git checkout and was configured:" \
            "make distclean first"
    else
        find "$project_source" ! -type d -printf '%P\0'
    fi
}

# The same without files that git knows but that are gone, in a line each
# with size and time.
project_list_state() {
    local list=$project_folder/list.all
    project_list >"$list"
    (cd "$project_source" &&
        sort -zu "$list" | xargs -0 -r stat -c '%s %y %n' 2>/dev/null) || true
}

# The build folder gets the source's files with their times, so that make
# sees what changed; what vanished from the source vanishes there.
project_copy() {
    local build=$project_folder/build new=$project_folder/list.new
    mkdir -p "$build"
    cut -d ' ' -f 5- "$project_folder/state.new" >"$new"
    if [[ -e $project_folder/list ]]; then
        comm -23 "$project_folder/list" "$new" |
            (cd "$build" && xargs -d '\n' -r rm -f --)
    fi
    mv "$new" "$project_folder/list"
    tar -c -C "$project_source" --verbatim-files-from \
        -T "$project_folder/list" | tar -x -C "$build" --no-same-owner
}

# project_begin STAGE: an empty one, but for what the image does not have: the
# debug kernel's own modules.
project_begin() {
    rm -rf "$1"
    mkdir -p "$1/usr"
    if [[ $kernel_kind == debug ]]; then
        cp -a "$kernel_folder/modules/lib" "$1/usr"
    fi
}

project_compile() {
    local werror=
    # A compiler that still changes would find new things to warn of.
    [[ $suite != trixie ]] || werror=--enable-werror
    # shellcheck disable=SC2016 # for the inner shell
    project_userland bash -c '
        set -e
        if [[ ! -e Makefile ]]; then
            kernel=$(echo /usr/lib/modules/*/build)
            [[ ! -e /kernel/.config ]] || kernel=/kernel
            ./autogen.sh
            ./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
                --libdir=/usr/lib/x86_64-linux-gnu --enable-testbed $1 \
                --with-kernel="$kernel"
        fi
        make -j"$(nproc)"
        make install DESTDIR=/build/stage' bash "$werror"
}

# In a node /lib is /usr/lib: of two files there of one name the later in the
# archive would stay, not the later made.
project_merge_lib() {
    local stage=$project_folder/build/stage
    if [[ -d $stage/lib ]]; then
        cp -a "$stage/lib/." "$stage/usr/lib"
        rm -rf "$stage/lib"
    fi
}

# Here, as an emulated CPU takes half a minute for it. The image's kernel has
# but our modules in the stage.
project_depmod() {
    # shellcheck disable=SC2016 # for the inner shell
    project_userland bash -c '
        set -e
        modules=usr/lib/modules
        kernel=$(basename "stage/$modules"/*)
        ours=$modules/$kernel/updates
        if [[ -d stage/$modules/$kernel/kernel ]]; then
            ours=$modules
        fi
        mount --bind "stage/$ours" "/$ours"
        depmod -o /build/stage "$kernel"'
}

project_make() {
    {
        project_begin "$project_folder/build/stage" &&
            project_compile && project_merge_lib &&
            project_depmod && project_merge_lib
    } >"$project_folder/log" 2>&1 || {
        tail -n 20 "$project_folder/log" >&2
        die "the project does not build (all of it in $project_folder/log)"
    }
}

# The image is not removed while something runs in it.
project_userland() {
    local descriptor status=0 kernel=
    [[ $kernel_kind == image ]] || kernel=$kernel_folder/headers
    exec {descriptor}<"$image_folder"
    flock -s "$descriptor"
    in_userland "$image_folder/rootfs" "$project_folder/build" "$kernel" \
        "$@" || status=$?
    unlock "$descriptor"
    return "$status"
}

# project_pack STAGE ARCHIVE: with the node's own scripts. The same files
# give the same archive, byte for byte.
project_pack() {
    local node=$1/usr/lib/peervma-testbed
    mkdir -p "$node"
    install -m 755 "$testbed_folder"/node/* "$node"
    tar -c -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 \
        --numeric-owner -b 2048 -f "$2.new" .
    mv "$2.new" "$2"
}

# For nodes that are to have nothing of the project.
project_leave_out() {
    project_archive=$project_folder/bare.tar
    mkdir -p "$project_folder"
    project_begin "$project_folder/bare"
    project_pack "$project_folder/bare" "$project_archive"
}

project_build() {
    local descriptor state=$project_folder/state
    project_archive=$project_folder/stage.tar
    mkdir -p "$project_folder"
    lock descriptor "$project_folder/lock" "builds the project"
    project_list_state >"$state.new"
    if ! cmp -s "$state.new" "$state" || [[ ! -e $project_archive ]]; then
        progress "building the project"
        rm -f "$state"
        project_copy
        project_make
        project_pack "$project_folder/build/stage" "$project_archive"
        mv "$state.new" "$state"
    fi
    unlock "$descriptor"
}

# project_run_make ARGUMENTS...: in the build folder.
project_run_make() {
    image_build
    kernel_build
    project_build
    project_userland make "$@"
}
