// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking a BAR back: from the mapping's side (munmap, mremap, mprotect, exit,
 * a driver that claims the BAR) and from the device's (a driver bound or
 * unbound, removal, sleep, a stricter policy).
 *
 * An MMU notifier must not wait for a reservation lock: the kernel takes them
 * the other way round. It forbids new access, and leaves telling the importers
 * to a work item. That suffices, for the memory is there as long as the device.
 * Who takes the device away waits until all importers have let go.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pm_runtime.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "bar.h"

/* When to say who keeps a device from going. */
#define PEERVMA_BAR_PATIENCE (10 * HZ)

static LIST_HEAD(peervma_bars);
static DEFINE_MUTEX(peervma_bars_lock); /* the list, asleep */
/* Between preparing for system sleep and its end. */
static bool peervma_bars_asleep;

DECLARE_WAIT_QUEUE_HEAD(peervma_bar_idle);

static void peervma_bar_forbid_locked(struct peervma_bar *bar,
				      enum peervma_revoke_cause cause)
{
	lockdep_assert_held(&bar->lock);
	if (bar->published && !bar->revoked)
		peervma_account_revoke(&bar->charge, cause);
	WRITE_ONCE(bar->revoked, true);
}

static void peervma_bar_forbid(struct peervma_bar *bar,
			       enum peervma_revoke_cause cause)
{
	spin_lock(&bar->lock);
	peervma_bar_forbid_locked(bar, cause);
	spin_unlock(&bar->lock);
}

/**
 * peervma_bar_settle() - give back what importers needed of the device
 * @bar: stopped, and without users
 *
 * Context: Reservation lock held.
 */
void peervma_bar_settle(struct peervma_bar *bar)
{
	dma_resv_assert_held(bar->dmabuf->resv);
	peervma_p2pdma_unpin(bar);
	if (bar->awake)
		pm_runtime_put(&bar->pdev->dev);
	bar->awake = false;
}

/* Tell the importers, once, and wait for the work of those that add fences. */
static void peervma_bar_stop(struct peervma_bar *bar)
{
	struct dma_resv *resv = bar->dmabuf->resv;

	lockdep_assert_not_held(&peervma_bars_lock);
	dma_resv_lock(resv, NULL);
	if (!bar->stopped) {
		bar->stopped = true;
		peervma_invalidate_mappings(bar->dmabuf);
		dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      MAX_SCHEDULE_TIMEOUT);
		if (!bar->users)
			peervma_bar_settle(bar);
	}
	dma_resv_unlock(resv);
}

static void peervma_bar_stop_work(struct work_struct *work)
{
	peervma_bar_stop(container_of(work, struct peervma_bar, stop));
}

void peervma_bar_stop_init(struct peervma_bar *bar)
{
	INIT_WORK(&bar->stop, peervma_bar_stop_work);
}

static bool peervma_bar_invalidate(struct mmu_interval_notifier *notifier,
				   const struct mmu_notifier_range *range,
				   unsigned long seq)
{
	struct peervma_bar *bar = container_of(notifier, struct peervma_bar,
					       notifier);

	/* Of the whole address space, and leaves the mapping what it is. */
	if (range->event == MMU_NOTIFY_SOFT_DIRTY)
		return true;
	spin_lock(&bar->lock);
	mmu_interval_set_seq(notifier, seq);
	peervma_bar_forbid_locked(bar, PEERVMA_REVOKE_UNMAP);
	spin_unlock(&bar->lock);
	/* It may wait long, for fences of importers. */
	queue_work(system_long_wq, &bar->stop);
	return true;
}

static const struct mmu_interval_notifier_ops peervma_bar_notifier_ops = {
	.invalidate = peervma_bar_invalidate,
};

/**
 * peervma_bar_watch() - be told of what happens to the mapping and the device
 * @bar: as peervma_bar_create() left it
 * @addr: where the caller has it mapped
 * @seq_p: for peervma_bar_publish(). What is looked up between the two calls is
 *	not older than the watch.
 *
 * Context: Process context of the memory's owner. Waits for changes of the
 *	address space that are under way.
 * Return: 0; -ESTALE if the device is asleep or going; or another errno
 */
int peervma_bar_watch(struct peervma_bar *bar, u64 addr, unsigned long *seq_p)
{
	int ret;

	ret = pm_runtime_resume_and_get(&bar->pdev->dev);
	if (ret < 0)
		return -ESTALE;
	bar->awake = true;
	mutex_lock(&peervma_bars_lock);
	list_add(&bar->entry, &peervma_bars);
	if (peervma_bars_asleep)
		peervma_bar_forbid(bar, PEERVMA_REVOKE_POWER);
	mutex_unlock(&peervma_bars_lock);
	ret = mmu_interval_notifier_insert(&bar->notifier, current->mm, addr,
					   bar->size,
					   &peervma_bar_notifier_ops);
	if (ret)
		return ret;
	bar->watched = true;
	*seq_p = mmu_interval_read_begin(&bar->notifier);
	return 0;
}

/**
 * peervma_bar_publish() - whether what was looked up still holds
 * @bar: watched
 * @seq: of peervma_bar_watch()
 *
 * Return: whether the dma-buf may be given out. A later change revokes it.
 */
bool peervma_bar_publish(struct peervma_bar *bar, unsigned long seq)
{
	bool good;

	spin_lock(&bar->lock);
	good = !bar->revoked && !mmu_interval_read_retry(&bar->notifier, seq);
	bar->published = good;
	spin_unlock(&bar->lock);
	return good;
}

/**
 * peervma_bar_forget() - the dma-buf has no reference any more
 * @bar: in whatever state
 *
 * Context: Process context, without a reservation lock: waits for the work item
 *	and for who takes it back meanwhile.
 */
void peervma_bar_forget(struct peervma_bar *bar)
{
	mutex_lock(&peervma_bars_lock);
	list_del_init(&bar->entry);
	mutex_unlock(&peervma_bars_lock);
	/* Pairs with the release in peervma_bar_revoked(). */
	wait_event(peervma_bar_idle, !smp_load_acquire(&bar->revokers));
	if (bar->watched)
		mmu_interval_notifier_remove(&bar->notifier);
	cancel_work_sync(&bar->stop);
	peervma_bar_stop(bar);
}

static bool peervma_bar_is_of(struct peervma_bar *bar, struct pci_dev *pdev)
{
	return bar->pdev == pdev;
}

static bool peervma_bar_is_forbidden(struct peervma_bar *bar,
				     struct pci_dev *pdev)
{
	return !peervma_bar_allowed(bar->pdev, bar->source);
}

static bool peervma_bar_is_any(struct peervma_bar *bar, struct pci_dev *pdev)
{
	return true;
}

typedef bool (*peervma_bar_match)(struct peervma_bar *bar,
				  struct pci_dev *pdev);

/*
 * The next that matches and may have users, for peervma_bar_revoked(). The
 * dma-buf's file cannot keep it, for that is gone before the dma-buf is: a path
 * that leads to it, as of an O_PATH descriptor, keeps the dma-buf without.
 */
static struct peervma_bar *peervma_bar_next(peervma_bar_match match,
					    struct pci_dev *pdev)
{
	struct peervma_bar *bar, *found = NULL;

	mutex_lock(&peervma_bars_lock);
	list_for_each_entry(bar, &peervma_bars, entry) {
		if (bar->quiet || !match(bar, pdev))
			continue;
		found = bar;
		bar->revokers++;
		break;
	}
	mutex_unlock(&peervma_bars_lock);
	return found;
}

static void peervma_bar_wait(struct peervma_bar *bar)
{
	if (!wait_event_timeout(peervma_bar_idle, !READ_ONCE(bar->users),
				PEERVMA_BAR_PATIENCE)) {
		pci_warn(bar->pdev,
			 "an importer of its BAR does not let go, waiting\n");
		wait_event(peervma_bar_idle, !READ_ONCE(bar->users));
	}
}

/* It is quiet, and may be gone when this returns. */
static void peervma_bar_revoked(struct peervma_bar *bar)
{
	mutex_lock(&peervma_bars_lock);
	bar->quiet = true;
	/* Pairs with the acquire in peervma_bar_forget(). */
	smp_store_release(&bar->revokers, bar->revokers - 1);
	mutex_unlock(&peervma_bars_lock);
	wake_up_all(&peervma_bar_idle);
}

/* No lock is held over the wait: whom it waits for may need them. */
static void peervma_bars_revoke(peervma_bar_match match, struct pci_dev *pdev,
				enum peervma_revoke_cause cause)
{
	struct peervma_bar *bar;

	while ((bar = peervma_bar_next(match, pdev))) {
		peervma_bar_forbid(bar, cause);
		peervma_bar_stop(bar);
		peervma_bar_wait(bar);
		peervma_bar_revoked(bar);
	}
}

/**
 * peervma_bar_revoke_forbidden() - take back what the policy no longer allows
 *
 * Context: Process context. Waits for the importers.
 */
void peervma_bar_revoke_forbidden(void)
{
	peervma_bars_revoke(peervma_bar_is_forbidden, NULL,
			    PEERVMA_REVOKE_POLICY);
}

/*
 * Each way to export is closed between two of these: a file in sysfs goes
 * before or after DEL_DEVICE, by kernel, and before REMOVED_DEVICE; a UIO
 * device between UNBIND_DRIVER and UNBOUND_DRIVER.
 */
static int peervma_bar_bus_event(struct notifier_block *block,
				 unsigned long event, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	switch (event) {
	case BUS_NOTIFY_BIND_DRIVER:
		peervma_bar_revoke_forbidden();
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
	case BUS_NOTIFY_UNBOUND_DRIVER:
		peervma_bars_revoke(peervma_bar_is_of, pdev,
				    PEERVMA_REVOKE_UNBIND);
		break;
	case BUS_NOTIFY_DEL_DEVICE:
	case BUS_NOTIFY_REMOVED_DEVICE:
		peervma_bars_revoke(peervma_bar_is_of, pdev,
				    PEERVMA_REVOKE_REMOVE);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block peervma_bar_bus_block = {
	.notifier_call = peervma_bar_bus_event,
};

/* Runtime suspend is kept away as long as there is an export. */
static int peervma_bar_sleep_event(struct notifier_block *block,
				   unsigned long event, void *data)
{
	bool asleep = event == PM_SUSPEND_PREPARE ||
		      event == PM_HIBERNATION_PREPARE ||
		      event == PM_RESTORE_PREPARE;

	mutex_lock(&peervma_bars_lock);
	peervma_bars_asleep = asleep;
	mutex_unlock(&peervma_bars_lock);
	if (asleep)
		peervma_bars_revoke(peervma_bar_is_any, NULL,
				    PEERVMA_REVOKE_POWER);
	return NOTIFY_DONE;
}

static struct notifier_block peervma_bar_sleep_block = {
	.notifier_call = peervma_bar_sleep_event,
};

int peervma_bar_init(void)
{
	int ret;

	ret = bus_register_notifier(&pci_bus_type, &peervma_bar_bus_block);
	if (ret)
		return ret;
	ret = register_pm_notifier(&peervma_bar_sleep_block);
	if (ret)
		bus_unregister_notifier(&pci_bus_type, &peervma_bar_bus_block);
	return ret;
}

/* There is no export any more: each holds the module. */
void peervma_bar_exit(void)
{
	unregister_pm_notifier(&peervma_bar_sleep_block);
	bus_unregister_notifier(&pci_bus_type, &peervma_bar_bus_block);
}
