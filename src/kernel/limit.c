// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many dma-bufs of this module's own making may be held, by a user and in
 * all.
 */
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/module.h>
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

/**
 * struct peervma_user - a user who holds exports
 * @node: in peervma_users
 * @uid: the user
 * @exports: how many are held, never zero
 */
struct peervma_user {
	struct list_head node;
	kuid_t uid;
	unsigned int exports;
};

static LIST_HEAD(peervma_users);
static unsigned int peervma_exports;
static DEFINE_SPINLOCK(peervma_users_lock);

static struct peervma_user *peervma_user_find(kuid_t uid)
{
	struct peervma_user *user;

	lockdep_assert_held(&peervma_users_lock);
	list_for_each_entry(user, &peervma_users, node)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Count one export of @uid; @fresh becomes the user if it has none yet. */
static struct peervma_user *peervma_user_charge(kuid_t uid,
						struct peervma_user *fresh)
{
	struct peervma_user *user = peervma_user_find(uid);
	unsigned int exports = user ? user->exports : 0;

	if (peervma_exports >= READ_ONCE(max_exports) ||
	    exports >= READ_ONCE(max_exports_per_user))
		return ERR_PTR(-EDQUOT);
	if (!user) {
		user = fresh;
		user->uid = uid;
		list_add(&user->node, &peervma_users);
	}
	user->exports++;
	peervma_exports++;
	return user;
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
	struct peervma_user *fresh, *user;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return -ENOMEM;
	spin_lock(&peervma_users_lock);
	user = peervma_user_charge(current_uid(), fresh);
	spin_unlock(&peervma_users_lock);
	if (user != fresh)
		kfree(fresh);
	if (IS_ERR(user)) {
		object->reason = PEERVMA_REASON_LIMIT;
		return PTR_ERR(user);
	}
	*charge = (struct peervma_charge){
		.user = user,
		.uid = user->uid,
		.tgid = task_tgid_nr(current),
		.kind = object->kind,
		.addr = object->addr,
		.length = object->length,
	};
	return 0;
}

/**
 * peervma_uncharge() - the export is gone
 * @charge: as peervma_charge() left it; does nothing if nobody is charged
 *
 * Context: Process context, of any process. Does not sleep.
 */
void peervma_uncharge(struct peervma_charge *charge)
{
	struct peervma_user *user = charge->user;

	if (!user)
		return;
	charge->user = NULL;
	spin_lock(&peervma_users_lock);
	peervma_exports--;
	if (--user->exports)
		user = NULL;
	else
		list_del(&user->node);
	spin_unlock(&peervma_users_lock);
	kfree(user);
}

/* How many exports of this module's own making are held. */
unsigned int peervma_exports_held(void)
{
	return READ_ONCE(peervma_exports);
}

/* Tell the caller's limits. */
void peervma_limits(struct peervma_info *info)
{
	struct peervma_user *user;

	info->max_exports = READ_ONCE(max_exports);
	info->max_exports_per_user = READ_ONCE(max_exports_per_user);
	info->reserved = 0;
	spin_lock(&peervma_users_lock);
	user = peervma_user_find(current_uid());
	info->exports = user ? user->exports : 0;
	spin_unlock(&peervma_users_lock);
}
