/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the exporter of PCI BARs share.
 */
#ifndef PEERVMA_BAR_H
#define PEERVMA_BAR_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"

struct dma_buf;

/* Who let user space map the BAR. */
enum peervma_bar_source {
	PEERVMA_BAR_SYSFS,
	PEERVMA_BAR_UIO,
	PEERVMA_BAR_P2PDMA,
};

/**
 * struct peervma_bar - a mapped range of a BAR, and the dma-buf of it
 * @dmabuf: the dma-buf, which owns this
 * @charge: who is charged for it
 * @pdev: the device, referenced
 * @phys: physical address of the range
 * @size: its bytes
 * @source: what kind of file the VMA maps
 * @write_combine: the VMA maps it so
 * @watched: @notifier was inserted
 * @awake: @pdev is kept from runtime suspend; reservation lock
 * @stopped: importers were told to stop; reservation lock
 * @users: mappings for DMA, and one for the kernel mapping; reservation lock to
 *	change it
 * @pages: p2pdma memory's pages; reservation lock once published
 * @pinned: how many of them are
 * @entry: in the list of all of them, or empty; the list's mutex
 * @revokers: how many are taking it back by the list, and keep it; the list's
 *	mutex
 * @quiet: @stopped, and there are no @users any more; the list's mutex
 * @lock: innermost, for it is taken in MMU notifiers
 * @published: it was given out; under @lock
 * @revoked: nobody gets access any more. Never reset; set under @lock, read
 *	without.
 * @notifier: watches the range of the VMA; its sequence changes under @lock
 * @stop: tells importers, for a notifier that cannot
 */
struct peervma_bar {
	struct dma_buf *dmabuf;
	struct peervma_charge charge;
	struct pci_dev *pdev;
	phys_addr_t phys;
	size_t size;
	enum peervma_bar_source source;
	bool write_combine;
	bool watched;
	bool awake;
	bool stopped;
	unsigned int users;
	struct page **pages;
	unsigned long pinned;
	struct list_head entry;
	unsigned int revokers;
	bool quiet;
	spinlock_t lock; /* published, revoked, the notifier's sequence */
	bool published;
	bool revoked;
	struct mmu_interval_notifier notifier;
	struct work_struct stop;
};

static inline bool peervma_bar_is_revoked(const struct peervma_bar *bar)
{
	return READ_ONCE(bar->revoked);
}

/* exporter_bar.c */
bool peervma_bar_allowed(struct pci_dev *pdev, enum peervma_bar_source source);

/* bar_lookup.c */
enum peervma_reason peervma_bar_phys(struct vm_area_struct *vma, u64 addr,
				     u64 *phys_p, pgprot_t *prot_p);
struct pci_dev *peervma_bar_find(struct peervma_object *object);
bool peervma_bar_has_child(struct pci_dev *pdev, dev_t devt);
enum peervma_reason peervma_bar_walk(struct peervma_bar *bar,
				     struct peervma_object *object);

/* bar_p2pdma.c */
#if IS_ENABLED(CONFIG_PCI_P2PDMA)
bool peervma_vma_is_p2pdma(struct vm_area_struct *vma);
u64 peervma_p2pdma_phys(u64 addr);
int peervma_p2pdma_pin(struct peervma_bar *bar, u64 addr);
void peervma_p2pdma_unpin(struct peervma_bar *bar);
#else
static inline bool peervma_vma_is_p2pdma(struct vm_area_struct *vma)
{
	return false;
}

static inline u64 peervma_p2pdma_phys(u64 addr)
{
	return 0;
}

static inline int peervma_p2pdma_pin(struct peervma_bar *bar, u64 addr)
{
	return -EOPNOTSUPP;
}

static inline void peervma_p2pdma_unpin(struct peervma_bar *bar)
{
}
#endif

/* bar_dmabuf.c */
struct peervma_bar *peervma_bar_create(struct peervma_object *object);

/* bar_revoke.c */
extern struct wait_queue_head peervma_bar_idle;
void peervma_bar_settle(struct peervma_bar *bar);
void peervma_bar_stop_init(struct peervma_bar *bar);
int peervma_bar_watch(struct peervma_bar *bar, u64 addr, unsigned long *seq_p);
bool peervma_bar_publish(struct peervma_bar *bar, unsigned long seq);
void peervma_bar_forget(struct peervma_bar *bar);
void peervma_bar_revoke_forbidden(void);

#endif /* PEERVMA_BAR_H */
