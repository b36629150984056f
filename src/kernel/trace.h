/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an auditor wants to know: who asked for which of his memory, and what
 * became of it. Addresses are virtual ones of the process that is named.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM peervma

#if !defined(PEERVMA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PEERVMA_TRACE_H

#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/user_namespace.h>

#include "internal.h"

#define peervma_show_kind(kind) \
	__print_symbolic(kind, \
		{ PEERVMA_VMA_NONE, "none" }, \
		{ PEERVMA_VMA_DMABUF, "dmabuf" }, \
		{ PEERVMA_VMA_DRM, "drm" }, \
		{ PEERVMA_VMA_BAR, "bar" }, \
		{ PEERVMA_VMA_DRIVER, "driver" }, \
		{ PEERVMA_VMA_VFIO, "vfio" }, \
		{ PEERVMA_VMA_OTHER, "other" })

#define peervma_show_cause(cause) \
	__print_symbolic(cause, \
		{ PEERVMA_REVOKE_UNMAP, "unmap" }, \
		{ PEERVMA_REVOKE_UNBIND, "unbind" }, \
		{ PEERVMA_REVOKE_REMOVE, "remove" }, \
		{ PEERVMA_REVOKE_POWER, "power" }, \
		{ PEERVMA_REVOKE_POLICY, "policy" })

DECLARE_EVENT_CLASS(peervma_request,
		    TP_PROTO(const struct peervma_export *export,
			     enum peervma_vma_kind kind, int error),
		    TP_ARGS(export, kind, error),
		    TP_STRUCT__entry(__field(u64, addr)
				     __field(u64, length)
				     __field(pid_t, tgid)
				     __field(uid_t, uid)
				     __array(char, comm, TASK_COMM_LEN)
				     __field(u32, kind)
				     __field(u32, reason)
				     __field(int, error)),
		    TP_fast_assign(__entry->addr = export->addr;
				   __entry->length = export->length;
				   __entry->tgid = task_tgid_nr(current);
				   __entry->uid = from_kuid(&init_user_ns, current_uid());
				   memcpy(__entry->comm, current->comm, TASK_COMM_LEN);
				   __entry->kind = kind;
				   __entry->reason = export->reason;
				   __entry->error = error;),
		    TP_printk("tgid=%d uid=%u comm=%s addr=%#llx length=%llu kind=%s reason=%u error=%d",
			      __entry->tgid, __entry->uid, __entry->comm,
			      __entry->addr, __entry->length,
			      peervma_show_kind(__entry->kind), __entry->reason,
			      __entry->error)
);

DEFINE_EVENT(peervma_request, peervma_export,
	     TP_PROTO(const struct peervma_export *export,
		      enum peervma_vma_kind kind, int error),
	     TP_ARGS(export, kind, error)
);

DEFINE_EVENT(peervma_request, peervma_refuse,
	     TP_PROTO(const struct peervma_export *export,
		      enum peervma_vma_kind kind, int error),
	     TP_ARGS(export, kind, error)
);

/* The process named is the one that exported; any may be the current one. */
TRACE_EVENT(peervma_revoke,
	    TP_PROTO(const struct peervma_charge *charge,
		     enum peervma_revoke_cause cause),
	    TP_ARGS(charge, cause),
	    TP_STRUCT__entry(__field(u64, addr)
			     __field(u64, length)
			     __field(pid_t, tgid)
			     __field(uid_t, uid)
			     __field(u32, kind)
			     __field(u32, cause)),
	    TP_fast_assign(__entry->addr = charge->addr;
			   __entry->length = charge->length;
			   __entry->tgid = charge->tgid;
			   __entry->uid = from_kuid(&init_user_ns, charge->uid);
			   __entry->kind = charge->kind;
			   __entry->cause = cause;),
	    TP_printk("tgid=%d uid=%u addr=%#llx length=%llu kind=%s cause=%s",
		      __entry->tgid, __entry->uid, __entry->addr,
		      __entry->length,
		      peervma_show_kind(__entry->kind),
		      peervma_show_cause(__entry->cause))
);

#endif /* PEERVMA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
