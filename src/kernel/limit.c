// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many dma-bufs of this module's own making may be held: by a process, by
 * a user and in all.
 *
 * A process is a thread group, known by its struct pid: that stays the same
 * over exec, is another one after fork, and is not given to a later process as
 * long as a charge holds it.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "internal.h"

static unsigned int max_exports = 16384;
module_param(max_exports, uint, 0644);
MODULE_PARM_DESC(max_exports,
		 "exports of the module's own making (BARs) that all users may hold together (default 16384)");

static unsigned int max_exports_per_user = 1024;
module_param(max_exports_per_user, uint, 0644);
MODULE_PARM_DESC(max_exports_per_user,
		 "the same for each user (default 1024)");

static unsigned int max_exports_per_process = 512;
module_param(max_exports_per_process, uint, 0644);
MODULE_PARM_DESC(max_exports_per_process,
		 "the same for each process (default 512)");

/**
 * struct peervma_holder - a user or a process that is charged for exports
 * @node: in peervma_holders
 * @uid: the user; of a process, the one of its first export
 * @tgid: the process, held; NULL for a user
 * @exports: how many are charged, never zero
 */
struct peervma_holder {
	struct hlist_node node;
	kuid_t uid;
	struct pid *tgid;
	unsigned int exports;
};

static DEFINE_HASHTABLE(peervma_holders, 8);
static unsigned int peervma_exports;
static DEFINE_SPINLOCK(peervma_holders_lock);

static unsigned long peervma_holder_key(kuid_t uid, const struct pid *tgid)
{
	return tgid ? (unsigned long)tgid : __kuid_val(uid);
}

/* The process @tgid, or without one the user @uid, if it is charged. */
static struct peervma_holder *peervma_holder_find(kuid_t uid,
						  const struct pid *tgid)
{
	struct peervma_holder *holder;

	lockdep_assert_held(&peervma_holders_lock);
	hash_for_each_possible(peervma_holders, holder, node,
			       peervma_holder_key(uid, tgid))
		if (holder->tgid == tgid && (tgid || uid_eq(holder->uid, uid)))
			return holder;
	return NULL;
}

static unsigned int peervma_holder_exports(kuid_t uid, const struct pid *tgid)
{
	struct peervma_holder *holder = peervma_holder_find(uid, tgid);

	return holder ? holder->exports : 0;
}

/* Count one export more; @fresh is taken for a holder that has none yet. */
static struct peervma_holder *
peervma_holder_charge(kuid_t uid, struct pid *tgid,
		      struct peervma_holder **fresh)
{
	struct peervma_holder *holder = peervma_holder_find(uid, tgid);

	if (!holder) {
		holder = *fresh;
		*fresh = NULL;
		holder->uid = uid;
		holder->tgid = get_pid(tgid);
		hash_add(peervma_holders, &holder->node,
			 peervma_holder_key(uid, tgid));
	}
	holder->exports++;
	return holder;
}

/* The holder, if it is to be freed once the lock is. */
static struct peervma_holder *
peervma_holder_uncharge(struct peervma_holder *holder)
{
	lockdep_assert_held(&peervma_holders_lock);
	if (--holder->exports)
		return NULL;
	hash_del(&holder->node);
	return holder;
}

static void peervma_holder_free(struct peervma_holder *holder)
{
	if (!holder)
		return;
	put_pid(holder->tgid);
	kfree(holder);
}

static bool peervma_limit_reached(void)
{
	const kuid_t uid = current_uid();

	return peervma_exports >= READ_ONCE(max_exports) ||
	       peervma_holder_exports(uid, NULL) >=
		       READ_ONCE(max_exports_per_user) ||
	       peervma_holder_exports(uid, task_tgid(current)) >=
		       READ_ONCE(max_exports_per_process);
}

/* Charge the caller, or say that a limit is reached. */
static int peervma_charge_caller(struct peervma_charge *charge,
				 struct peervma_holder **user,
				 struct peervma_holder **process)
{
	struct pid *tgid = task_tgid(current);
	int ret = -EDQUOT;

	spin_lock(&peervma_holders_lock);
	if (!peervma_limit_reached()) {
		charge->user = peervma_holder_charge(charge->uid, NULL, user);
		charge->process = peervma_holder_charge(charge->uid, tgid,
							process);
		peervma_exports++;
		ret = 0;
	}
	spin_unlock(&peervma_holders_lock);
	return ret;
}

/**
 * peervma_charge() - charge an export to the caller before it is made
 * @charge: what peervma_uncharge() needs
 * @object: what is to be exported; gets the reason for a refusal
 *
 * Context: Process context of the caller. May sleep.
 * Return: 0; -EDQUOT with PEERVMA_REASON_LIMIT if a limit is reached; -ENOMEM.
 */
int peervma_charge(struct peervma_charge *charge, struct peervma_object *object)
{
	struct peervma_holder *user, *process;
	int ret = -ENOMEM;

	*charge = (struct peervma_charge){
		.uid = current_uid(),
		.tgid = task_tgid_nr(current),
		.kind = object->kind,
		.addr = object->addr,
		.length = object->length,
	};
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	process = kzalloc(sizeof(*process), GFP_KERNEL_ACCOUNT);
	if (user && process)
		ret = peervma_charge_caller(charge, &user, &process);
	kfree(user);
	kfree(process);
	if (ret == -EDQUOT)
		object->reason = PEERVMA_REASON_LIMIT;
	return ret;
}

/**
 * peervma_uncharge() - the export is gone
 * @charge: as peervma_charge() left it; does nothing if nobody is charged
 *
 * Context: Process context, of any process. Does not sleep.
 */
void peervma_uncharge(struct peervma_charge *charge)
{
	struct peervma_holder *user, *process;

	if (!charge->user)
		return;
	spin_lock(&peervma_holders_lock);
	peervma_exports--;
	user = peervma_holder_uncharge(charge->user);
	process = peervma_holder_uncharge(charge->process);
	spin_unlock(&peervma_holders_lock);
	peervma_holder_free(user);
	peervma_holder_free(process);
	charge->user = NULL;
	charge->process = NULL;
}

/* How many exports of this module's own making are held. */
unsigned int peervma_exports_held(void)
{
	return READ_ONCE(peervma_exports);
}

/* Tell the caller's limits. */
void peervma_limits(struct peervma_info *info)
{
	const kuid_t uid = current_uid();

	info->max_exports = READ_ONCE(max_exports);
	info->max_exports_per_user = READ_ONCE(max_exports_per_user);
	info->max_exports_per_process = READ_ONCE(max_exports_per_process);
	info->reserved = 0;
	spin_lock(&peervma_holders_lock);
	info->exports = peervma_holder_exports(uid, NULL);
	info->process_exports = peervma_holder_exports(uid, task_tgid(current));
	spin_unlock(&peervma_holders_lock);
}
