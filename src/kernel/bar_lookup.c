// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a mapped address to the BAR of a PCI device, by the physical address in
 * the page table: the one thing that says what the mapping really reaches.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "bar.h"

/**
 * peervma_bar_phys() - the physical address of a mapped page
 * @vma: the VMA, of PFNs
 * @addr: an address in it
 * @phys_p: gets the physical address; left alone if there is none
 * @prot_p: gets how the page is mapped; likewise
 *
 * Context: mmap_lock held. Does not sleep.
 * Return: PEERVMA_REASON_REVOKED if somebody took the page away.
 */
enum peervma_reason peervma_bar_phys(struct vm_area_struct *vma, u64 addr,
				     u64 *phys_p, pgprot_t *prot_p)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };

	mmap_assert_locked(vma->vm_mm);
	if (follow_pfnmap_start(&args))
		return PEERVMA_REASON_REVOKED;
	*phys_p = PFN_PHYS(args.pfn);
	*prot_p = args.pgprot;
	follow_pfnmap_end(&args);
	return PEERVMA_REASON_NONE;
}

/* The memory BAR that contains @phys, or NULL. */
static struct resource *peervma_bar_resource(struct pci_dev *pdev, u64 phys)
{
	struct resource *res;
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		res = pci_resource_n(pdev, i);
		if (resource_type(res) == IORESOURCE_MEM &&
		    !(res->flags & IORESOURCE_UNSET) &&
		    phys >= res->start && phys <= res->end)
			return res;
	}
	return NULL;
}

/**
 * peervma_bar_find() - the device at a physical address
 * @object: has the address in @phys; gets @offset and @size of its BAR
 *
 * Context: May sleep.
 * Return: the device, referenced, or NULL
 */
struct pci_dev *peervma_bar_find(struct peervma_object *object)
{
	struct pci_dev *pdev = NULL;
	struct resource *res;

	for_each_pci_dev(pdev) {
		res = peervma_bar_resource(pdev, object->phys);
		if (!res)
			continue;
		object->offset = object->phys - res->start;
		object->size = resource_size(res);
		return pdev;
	}
	return NULL;
}

static int peervma_bar_child_matches(struct device *dev, void *devt)
{
	return dev->devt == *(dev_t *)devt;
}

/**
 * peervma_bar_has_child() - whether a class device is registered at a device
 * @pdev: the device
 * @devt: number of the class device
 *
 * Context: May sleep.
 */
bool peervma_bar_has_child(struct pci_dev *pdev, dev_t devt)
{
	return device_for_each_child(&pdev->dev, &devt,
				     peervma_bar_child_matches) != 0;
}

static bool peervma_bar_is_write_combine(pgprot_t prot)
{
	return pgprot_val(pgprot_writecombine(prot)) == pgprot_val(prot);
}

/* Whether @vma still maps @bar at @addr, all of it and nothing else. */
static enum peervma_reason peervma_bar_walk_vma(struct peervma_bar *bar,
						struct vm_area_struct *vma,
						u64 addr)
{
	enum peervma_reason reason;
	pgprot_t prot;
	u64 at, phys;

	for (at = 0; at < bar->size; at += PAGE_SIZE) {
		reason = peervma_bar_phys(vma, addr + at, &phys, &prot);
		if (reason != PEERVMA_REASON_NONE)
			return reason;
		if (phys != bar->phys + at)
			return PEERVMA_REASON_REVOKED;
	}
	bar->write_combine = peervma_bar_is_write_combine(prot);
	return PEERVMA_REASON_NONE;
}

/**
 * peervma_bar_walk() - look again at the mapping, now that it is watched
 * @bar: what is to be exported; learns how it is cached
 * @object: where it was found
 *
 * Context: Process context of the memory's owner. Takes mmap_lock for reading.
 */
enum peervma_reason peervma_bar_walk(struct peervma_bar *bar,
				     struct peervma_object *object)
{
	enum peervma_reason reason = PEERVMA_REASON_REVOKED;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, object->addr);
	if (vma && vma->vm_file == object->file &&
	    object->addr + object->length <= vma->vm_end) {
		reason = peervma_vma_rights(vma);
		if (reason == PEERVMA_REASON_NONE)
			reason = peervma_bar_walk_vma(bar, vma, object->addr);
	}
	mmap_read_unlock(mm);
	return reason;
}
