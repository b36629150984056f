// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs of drivers that have registered an exporter.
 *
 * Readers walk the list under RCU and mmap_lock, and take a driver by its count
 * of users before they call it. Unregistering takes it off the list and waits
 * until the count has gone, so that no other driver's call delays it.
 */
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/peervma-exporter.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

/**
 * struct peervma_driver - a registered exporter
 * @ops: the driver's
 * @node: in peervma_drivers
 * @users: one for being registered, one for each object that it holds
 * @unused: completed when @users has become zero
 * @rcu: to free it after the last reader of the list
 */
struct peervma_driver {
	const struct peervma_exporter_ops *ops;
	struct list_head node;
	refcount_t users;
	struct completion unused;
	struct rcu_head rcu;
};

static LIST_HEAD(peervma_drivers);
static DEFINE_MUTEX(peervma_drivers_lock);

/*
 * Fails when the driver is being unregistered or its module unloaded. Its ops
 * may be gone until it is counted: only @driver itself waits for RCU.
 */
static bool peervma_driver_get(struct peervma_driver *driver)
{
	if (!refcount_inc_not_zero(&driver->users))
		return false;
	if (try_module_get(driver->ops->owner))
		return true;
	if (refcount_dec_and_test(&driver->users))
		complete(&driver->unused);
	return false;
}

/* The module last: @driver and its ops may be gone with the count. */
static void peervma_driver_put(struct peervma_driver *driver)
{
	struct module *owner = driver->ops->owner;

	if (refcount_dec_and_test(&driver->users))
		complete(&driver->unused);
	module_put(owner);
}

/* The driver whose VMA it is, held, with its mapping in @object; or NULL. */
static struct peervma_driver *
peervma_driver_find(struct vm_area_struct *vma, struct peervma_object *object)
{
	struct peervma_driver *driver;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "the list may change");
	list_for_each_entry_rcu(driver, &peervma_drivers, node) {
		if (!peervma_driver_get(driver))
			continue;
		object->mapping = (struct peervma_mapping){
			.file = object->file,
			.offset = (u64)vma->vm_pgoff << PAGE_SHIFT,
		};
		if (driver->ops->match(vma, &object->mapping))
			return driver;
		peervma_driver_put(driver);
	}
	return NULL;
}

static bool peervma_driver_claim(struct vm_area_struct *vma,
				 struct peervma_object *object)
{
	struct peervma_driver *driver;

	rcu_read_lock();
	driver = peervma_driver_find(vma, object);
	rcu_read_unlock();
	if (!driver)
		return false;
	object->priv = driver;
	object->offset = object->mapping.offset;
	object->size = object->mapping.size;
	peervma_pci_set(&object->pci, object->mapping.dev);
	return true;
}

/* A dma-buf without pin and unpin cannot be taken back from its importers. */
static struct dma_buf *
peervma_driver_revocable(struct peervma_object *object, struct dma_buf *dmabuf)
{
	if (dmabuf->ops->pin)
		return dmabuf;
	object->reason = PEERVMA_REASON_NOT_REVOCABLE;
	dma_buf_put(dmabuf);
	return ERR_PTR(-EOPNOTSUPP);
}

static struct dma_buf *peervma_driver_export(struct peervma_object *object)
{
	struct peervma_driver *driver = object->priv;
	struct dma_buf *dmabuf = driver->ops->export(&object->mapping);

	if (WARN_ON_ONCE(!dmabuf))
		return ERR_PTR(-EIO);
	if (!IS_ERR(dmabuf))
		return peervma_driver_revocable(object, dmabuf);
	if (PTR_ERR(dmabuf) == -ENODEV)
		object->reason = PEERVMA_REASON_REVOKED;
	return dmabuf;
}

static void peervma_driver_release(struct peervma_object *object)
{
	struct peervma_driver *driver = object->priv;

	if (driver->ops->release)
		driver->ops->release(&object->mapping);
	peervma_driver_put(driver);
}

const struct peervma_exporter peervma_driver_exporter = {
	.kind = PEERVMA_VMA_DRIVER,
	.claim = peervma_driver_claim,
	.export = peervma_driver_export,
	.release = peervma_driver_release,
};

/* Whether there is a driver to ask. */
bool peervma_driver_registered(void)
{
	return !list_empty(&peervma_drivers);
}

static struct peervma_driver *
peervma_driver_same(const struct peervma_exporter_ops *ops)
{
	struct peervma_driver *driver;

	lockdep_assert_held(&peervma_drivers_lock);
	list_for_each_entry(driver, &peervma_drivers, node)
		if (driver->ops == ops || !strcmp(driver->ops->name, ops->name))
			return driver;
	return NULL;
}

/**
 * peervma_register_exporter() - have a driver asked about VMAs
 * @ops: the driver's, which stays until it is unregistered
 *
 * The drivers are asked in the order of registration, after the mappings of
 * dma-bufs, which are their own exporters', and before those of DRM nodes.
 *
 * Context: Process context; may sleep. Calls may begin before it returns.
 * Return: 0; -EINVAL if @ops lacks a name, match, export or the promise to
 *	revoke, or has unknown flags; -EEXIST if these ops or this name are
 *	registered; -ENOMEM.
 */
int peervma_register_exporter(const struct peervma_exporter_ops *ops)
{
	struct peervma_driver *driver;
	int ret = 0;

	if (!ops->name || !ops->match || !ops->export ||
	    ops->flags != PEERVMA_EXPORTER_REVOKES)
		return -EINVAL;
	driver = kzalloc(sizeof(*driver), GFP_KERNEL);
	if (!driver)
		return -ENOMEM;
	driver->ops = ops;
	refcount_set(&driver->users, 1);
	init_completion(&driver->unused);

	mutex_lock(&peervma_drivers_lock);
	if (peervma_driver_same(ops))
		ret = -EEXIST;
	else
		list_add_tail_rcu(&driver->node, &peervma_drivers);
	mutex_unlock(&peervma_drivers_lock);
	if (ret)
		kfree(driver);
	return ret;
}
EXPORT_SYMBOL_GPL(peervma_register_exporter);

/**
 * peervma_unregister_exporter() - have a driver asked no more
 * @ops: as it was registered
 *
 * Waits for the calls to the driver that are under way; there are none when it
 * returns. What was exported stays, as does the promise to revoke it.
 *
 * Context: Process context; sleeps. The caller holds no lock that its match,
 *	export or release take, and is in none of them.
 */
void peervma_unregister_exporter(const struct peervma_exporter_ops *ops)
{
	struct peervma_driver *driver;

	might_sleep();
	mutex_lock(&peervma_drivers_lock);
	driver = peervma_driver_same(ops);
	if (WARN_ON(!driver || driver->ops != ops)) {
		mutex_unlock(&peervma_drivers_lock);
		return;
	}
	list_del_rcu(&driver->node);
	mutex_unlock(&peervma_drivers_lock);

	if (!refcount_dec_and_test(&driver->users))
		wait_for_completion(&driver->unused);
	kfree_rcu(driver, rcu);
}
EXPORT_SYMBOL_GPL(peervma_unregister_exporter);
