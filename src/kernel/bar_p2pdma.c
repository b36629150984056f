// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory in BARs that has struct pages: its driver gave it to the PCI p2pdma
 * pool for others to use, which is its consent, and user space allocated it by
 * mmap of p2pmem/allocate.
 *
 * An unmapped page goes back to the pool, and to somebody else. So the pages of
 * an export are pinned, until the importers have let go. That is for no longer
 * than the mapping lives and they need to stop, which is why FOLL_LONGTERM,
 * refused for such pages, is not needed.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bar.h"

/**
 * peervma_vma_is_p2pdma() - whether a VMA maps an allocation of p2pdma memory
 * @vma: it maps a file
 */
bool peervma_vma_is_p2pdma(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_MIXEDMAP) &&
	       file_inode(vma->vm_file)->i_sb->s_magic == SYSFS_MAGIC &&
	       !strcmp(file_dentry(vma->vm_file)->d_name.name, "allocate");
}

/**
 * peervma_p2pdma_phys() - the physical address of a page of the caller
 * @addr: its address
 *
 * Context: May sleep.
 * Return: zero if it is no p2pdma memory, or not any more
 */
u64 peervma_p2pdma_phys(u64 addr)
{
	struct page *page;
	u64 phys = 0;

	if (pin_user_pages_fast(addr, 1, FOLL_PCI_P2PDMA, &page) != 1)
		return 0;
	if (is_pci_p2pdma_page(page))
		phys = page_to_phys(page);
	unpin_user_page(page);
	return phys;
}

static bool peervma_p2pdma_is(struct page *page, u64 phys)
{
	return is_pci_p2pdma_page(page) && page_to_phys(page) == phys;
}

/**
 * peervma_p2pdma_pin() - pin the pages of an export
 * @bar: what is to be exported, watched
 * @addr: where the caller has it mapped
 *
 * Context: Process context of the memory's owner. May sleep.
 * Return: 0; -ENOMEM; -ESTALE if they are not (any more) those of @bar
 */
int peervma_p2pdma_pin(struct peervma_bar *bar, u64 addr)
{
	unsigned long i, count = bar->size >> PAGE_SHIFT;
	int pinned;

	bar->pages = kvcalloc(count, sizeof(*bar->pages), GFP_KERNEL_ACCOUNT);
	if (!bar->pages)
		return -ENOMEM;
	pinned = pin_user_pages_fast(addr, count, FOLL_WRITE | FOLL_PCI_P2PDMA,
				     bar->pages);
	bar->pinned = max(pinned, 0);
	if (bar->pinned != count)
		return pinned == -ENOMEM ? -ENOMEM : -ESTALE;
	for (i = 0; i < count; i++)
		if (!peervma_p2pdma_is(bar->pages[i], bar->phys + PFN_PHYS(i)))
			return -ESTALE;
	return 0;
}

/**
 * peervma_p2pdma_unpin() - let the pages go back to their pool
 * @bar: it has no users, and will not have any; pinned or not
 */
void peervma_p2pdma_unpin(struct peervma_bar *bar)
{
	if (bar->pinned)
		unpin_user_pages(bar->pages, bar->pinned);
	bar->pinned = 0;
	kvfree(bar->pages);
	bar->pages = NULL;
}
