# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# The nodes' consoles, which hold their kernel logs.

# A kernel's complaints. A stall counts, too: an emulated CPU that others
# keep waiting is late by seconds, and the nodes' kernels wait for 60.
log_complaints='WARNING: |BUG: |BUG at |Oops|Kernel panic|Call Trace:'
log_complaints+='|possible (recursive|circular) locking|inconsistent lock'
log_complaints+='|suspicious RCU|KASAN|UBSAN|KFENCE|refcount_t: '
log_complaints+='|general protection fault,|corruption|x86/PAT: [^C]'
log_complaints+='|blocked for more than|stall(s|ed)? on|detected stall'
log_complaints+='|soft lockup|hard LOCKUP|DMA-API: |ODEBUG: '
log_complaints+='|unreferenced object|new suspected memory leaks'
# What a debug kernel says about itself.
log_harmless='DMA-API: (preallocated|debugging enabled|dma_debug_entry pool)'

# Process 1 before it is init waits for the probing of all devices. In a slow
# node that can take minutes, of ACPI's routing of each device's interrupt: the
# lines that begin the report of that are emptied. No module is loaded yet.
log_boot_wait='/INFO: task swapper\/0:1 blocked for more than/,/<\/TASK>/ {
    /blocked for more than|^(\[ *[0-9.]+\] )?Call Trace:/ s/.*//
}'

# Sets consoles to the files of all nodes that were ever up.
log_find_consoles() {
    mapfile -t consoles < <(find "$instance_folder" -name 'node?.console' \
        2>/dev/null | sort)
    ((${#consoles[@]} > 0)) ||
        die "instance $instance_name has no logs: nothing was up"
}

# log_print [NODE]
log_print() {
    local console consoles
    if (($# == 1)); then
        console=$(node_console "$1")
        [[ -e $console ]] || die "node $1 has no log: it was never up"
        cat "$console"
        return
    fi
    log_find_consoles
    for console in "${consoles[@]}"; do
        sed "s/^/$(basename "$console" .console): /" "$console"
    done
}

log_check() {
    local console consoles bad=
    log_find_consoles
    for console in "${consoles[@]}"; do
        if sed -E "$log_boot_wait" "$console" | grep -anE "$log_complaints" |
            grep -avE "$log_harmless" |
            sed "s/^/$(basename "$console" .console): line /"; then
            bad=yes
        fi
    done
    [[ -z $bad ]] || die "a kernel complained"
}
