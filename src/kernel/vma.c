// SPDX-License-Identifier: GPL-2.0-only
/*
 * From an address to the object that its VMA maps.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched.h>

#include "internal.h"

/* In the order in which they are asked: a driver's own word before DRM's. */
static const struct peervma_exporter * const peervma_exporters[] = {
	&peervma_dmabuf_exporter,
	&peervma_driver_exporter,
#if IS_ENABLED(CONFIG_DRM)
	&peervma_drm_exporter,
#endif
#if IS_ENABLED(CONFIG_PCI) && IS_ENABLED(CONFIG_MMU_NOTIFIER)
	&peervma_bar_exporter,
	&peervma_vfio_exporter,
#endif
};

/* The kinds that can be exported, as a mask. */
u64 peervma_kinds(void)
{
	u64 kinds = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(peervma_exporters); i++)
		if (peervma_exporters[i]->export)
			kinds |= BIT_ULL(peervma_exporters[i]->kind);
	if (!peervma_driver_registered())
		kinds &= ~BIT_ULL(PEERVMA_VMA_DRIVER);
	if (!peervma_bar_enabled())
		kinds &= ~BIT_ULL(PEERVMA_VMA_BAR);
	return kinds;
}

/* The errno for a refusal that is not the exporter's own. */
int peervma_reason_errno(enum peervma_reason reason)
{
	switch (reason) {
	case PEERVMA_REASON_NONE:
		return 0;
	case PEERVMA_REASON_UNMAPPED:
		return -ENXIO;
	case PEERVMA_REASON_NOT_DEVICE:
		return -ENODEV;
	case PEERVMA_REASON_CROSSES_VMA:
	case PEERVMA_REASON_BEYOND_OBJECT:
		return -ERANGE;
	case PEERVMA_REASON_PRIVATE:
		return -EPERM;
	case PEERVMA_REASON_READ_ONLY:
	case PEERVMA_REASON_NOT_ALLOWED:
		return -EACCES;
	case PEERVMA_REASON_REVOKED:
		return -ESTALE;
	case PEERVMA_REASON_LIMIT:
		return -EDQUOT;
	default:
		return -EOPNOTSUPP;
	}
}

void peervma_pci_set(struct peervma_pci *pci, struct device *dev)
{
	struct pci_dev *pdev;

	if (!dev || !dev_is_pci(dev))
		return;
	pdev = to_pci_dev(dev);
	pci->valid = true;
	pci->domain = pci_domain_nr(pdev->bus);
	pci->bus = pdev->bus->number;
	pci->devfn = pdev->devfn;
}

static u32 peervma_vma_prot(struct vm_area_struct *vma)
{
	u32 prot = 0;

	if (vma->vm_flags & VM_READ)
		prot |= PEERVMA_PROT_READ;
	if (vma->vm_flags & VM_WRITE)
		prot |= PEERVMA_PROT_WRITE;
	return prot;
}

/* Whoever holds the dma-buf can read and write: so must the mapping. */
enum peervma_reason peervma_vma_rights(struct vm_area_struct *vma)
{
	const vm_flags_t need = VM_SHARED | VM_READ | VM_WRITE;

	/* A shared mapping of a read-only file has lost its VM_SHARED. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return PEERVMA_REASON_PRIVATE;
	if ((vma->vm_flags & need) != need)
		return PEERVMA_REASON_READ_ONLY;
	return PEERVMA_REASON_NONE;
}

/* The kind of a VMA that no exporter knows. */
static enum peervma_vma_kind peervma_vma_kind(struct vm_area_struct *vma)
{
	if (!vma->vm_file || !(vma->vm_flags & VM_IO))
		return PEERVMA_VMA_NONE;
	if (file_inode(vma->vm_file)->i_sb->s_magic == SYSFS_MAGIC)
		return PEERVMA_VMA_BAR;
	return PEERVMA_VMA_OTHER;
}

static bool peervma_exporter_claim(const struct peervma_exporter *exporter,
				   struct vm_area_struct *vma,
				   struct peervma_object *object)
{
	if (exporter->claim)
		return exporter->claim(vma, object);
	if (!exporter->match(vma))
		return false;
	exporter->hold(vma, object);
	return true;
}

/* Find who exports the VMA, and have it hold what is mapped. */
static bool peervma_object_hold(struct vm_area_struct *vma,
				struct peervma_object *object)
{
	size_t i;

	if (!vma->vm_file)
		return false;
	object->file = get_file(vma->vm_file);
	for (i = 0; i < ARRAY_SIZE(peervma_exporters); i++) {
		object->exporter = peervma_exporters[i];
		object->kind = object->exporter->kind;
		if (peervma_exporter_claim(object->exporter, vma, object))
			return true;
	}
	object->exporter = NULL;
	return false;
}

static void peervma_object_fill(struct vm_area_struct *vma,
				struct peervma_object *object)
{
	enum peervma_reason rights = peervma_vma_rights(vma);

	mmap_assert_locked(vma->vm_mm);
	object->vma_start = vma->vm_start;
	object->vma_end = vma->vm_end;
	object->prot = peervma_vma_prot(vma);
	if (!peervma_object_hold(vma, object)) {
		object->kind = peervma_vma_kind(vma);
		object->reason = object->kind == PEERVMA_VMA_NONE ?
				 PEERVMA_REASON_NOT_DEVICE :
				 PEERVMA_REASON_NO_EXPORTER;
	}
	/* remap_pfn_range() leaves a page frame in a private mapping's place. */
	if (rights == PEERVMA_REASON_PRIVATE)
		object->offset = 0;
	if (rights != PEERVMA_REASON_NONE &&
	    object->reason != PEERVMA_REASON_NOT_DEVICE)
		object->reason = rights;
}

/**
 * peervma_object_get() - look up what is mapped at an address of the caller
 * @addr: the address
 * @object: what is there; says in its @reason if it cannot be exported
 *
 * Context: Process context of the memory's owner. Takes mmap_lock for reading.
 * Return: 0, after which peervma_object_put() releases @object; -EOVERFLOW if
 *	there is no such user address; -EINTR if the caller is being killed.
 */
int peervma_object_get(u64 addr, struct peervma_object *object)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	*object = (struct peervma_object){ .addr = addr };
	if (addr >= TASK_SIZE)
		return -EOVERFLOW;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, addr);
	if (vma)
		peervma_object_fill(vma, object);
	else
		object->reason = PEERVMA_REASON_UNMAPPED;
	mmap_read_unlock(mm);
	if (object->exporter && object->exporter->resolve)
		object->exporter->resolve(object);
	return 0;
}

/* Drop what is held; a driver's release may sleep. */
void peervma_object_put(struct peervma_object *object)
{
	might_sleep();
	if (object->priv)
		object->exporter->release(object);
	if (object->file)
		fput(object->file);
}
