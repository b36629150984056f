# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# Debian userlands as folders, made by mmdebstrap.

suite=${PEERVMA_TESTBED_SUITE:-trixie}
[[ $suite =~ ^[a-z]+$ ]] ||
    die "PEERVMA_TESTBED_SUITE=$suite: not the name of a suite, like sid"

# debian_list FILE: the words of a list, without its comments.
debian_list() {
    sed 's/#.*//' "$1" | xargs -n 1
}

# How the host's apt gets at archives: through a proxy, or from a mirror that
# is late, where the site does not check that.
debian_host_settings() {
    apt-config dump |
        grep -E '^Acquire::(https?::Proxy|Check-(Date|Valid-Until)) "..*";$' ||
        true
}

# debian_install ROOT LIST OPTION...: the packages of LIST, a file; mmdebstrap
# gets the OPTIONs, too.
debian_install() {
    local root=$1 list=$2 setting
    local -a options=("${@:3}")
    while read -r setting; do
        options+=(--aptopt="$setting")
    done < <(debian_host_settings)
    in_namespace mmdebstrap --mode=root --format=directory --variant=apt \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt=force-unsafe-io "${options[@]}" \
        --include="$(debian_list "$list" | paste -sd ,)" "$suite" "$root"
}

# debian_log FILE: what an installation says goes there; its steps are shown.
debian_log() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        case $line in
        "I: downloading"* | "I: extracting"* | "I: installing"*)
            progress "${line#I: }" ;;
        esac
    done
}

# debian_reason LOG: what a failed installation's log says, in one line.
debian_reason() {
    local network='Could not (resolve|connect)|Temporary fail|Failed to fetch'
    if grep -qE "$network" "$1"; then
        printf "Debian's archive can't be reached: "
        grep -m 1 -E "$network" "$1"
    else
        grep -m 1 '^E:' "$1" || tail -n 1 "$1"
    fi
}
