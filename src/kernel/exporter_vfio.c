// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs made by mmap of a VFIO device. VFIO has a dma-buf of its own for a BAR,
 * since 6.19, but gives it only to whoever holds the device's descriptor: so
 * none is given here. What is told is the device, by which a program finds
 * the right one among its descriptors.
 */
#include <linux/cdev.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "bar.h"

/* By VFIO_GROUP_GET_DEVICE_FD. */
static bool peervma_file_is_vfio_anon(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(file_dentry(file)->d_name.name, "[vfio-device]");
}

/* Of /dev/vfio/devices. The major is dynamic, and the class VFIO's own. */
static bool peervma_file_is_vfio_node(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) && inode->i_cdev &&
	       inode->i_cdev->owner &&
	       !strcmp(module_name(inode->i_cdev->owner), "vfio");
}

static bool peervma_vfio_match(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_PFNMAP) &&
	       (peervma_file_is_vfio_anon(vma->vm_file) ||
		peervma_file_is_vfio_node(vma->vm_file));
}

/* VFIO maps a page when it is first accessed: without, the device is unknown. */
static void peervma_vfio_hold(struct vm_area_struct *vma,
			      struct peervma_object *object)
{
	u64 addr = object->addr & PAGE_MASK, phys;
	pgprot_t prot;

	object->reason = PEERVMA_REASON_VFIO;
	if (peervma_bar_phys(vma, addr, &phys, &prot) == PEERVMA_REASON_NONE)
		object->phys = phys - (addr - vma->vm_start);
}

static void peervma_vfio_resolve(struct peervma_object *object)
{
	struct pci_dev *pdev;

	pdev = object->phys ? peervma_bar_find(object) : NULL;
	if (!pdev)
		return;
	object->priv = pdev;
	peervma_pci_set(&object->pci, &pdev->dev);
}

static void peervma_vfio_release(struct peervma_object *object)
{
	pci_dev_put(object->priv);
}

/* Without an export: hold always gives the reason for it. */
const struct peervma_exporter peervma_vfio_exporter = {
	.kind = PEERVMA_VMA_VFIO,
	.match = peervma_vfio_match,
	.hold = peervma_vfio_hold,
	.resolve = peervma_vfio_resolve,
	.release = peervma_vfio_release,
};
