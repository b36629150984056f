// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs made by mmap of a PCI BAR, through sysfs (resourceN, resourceN_wc,
 * p2pmem/allocate) or a UIO device: a dma-buf of ours, for the range asked for
 * alone.
 *
 * But for p2pmem no driver is there to consent, so the administrator does, by
 * the parameter bar_export, for devices whose BARs no driver moves around.
 */
#include <linux/cdev.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "bar.h"

enum peervma_bar_policy {
	PEERVMA_BAR_OFF,
	PEERVMA_BAR_UNBOUND,
	PEERVMA_BAR_ANY,
};

static const char * const peervma_bar_policies[] = {
	[PEERVMA_BAR_OFF] = "off",
	[PEERVMA_BAR_UNBOUND] = "unbound",
	[PEERVMA_BAR_ANY] = "any",
};

static int peervma_bar_policy = PEERVMA_BAR_OFF;

static int peervma_bar_policy_set(const char *val,
				  const struct kernel_param *kp)
{
	int policy = sysfs_match_string(peervma_bar_policies, val);

	if (policy < 0)
		return policy;
	WRITE_ONCE(peervma_bar_policy, policy);
	peervma_bar_revoke_forbidden();
	return 0;
}

static int peervma_bar_policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  peervma_bar_policies[READ_ONCE(peervma_bar_policy)]);
}

static const struct kernel_param_ops peervma_bar_policy_ops = {
	.set = peervma_bar_policy_set,
	.get = peervma_bar_policy_get,
};

module_param_cb(bar_export, &peervma_bar_policy_ops, NULL, 0644);
MODULE_PARM_DESC(bar_export,
		 "Whose PCI BARs may be exported: off (default), unbound (devices without a driver, or given out by a UIO driver), any");

/* Whether any BAR may be exported. */
bool peervma_bar_enabled(void)
{
	return IS_ENABLED(CONFIG_PCI_P2PDMA) ||
	       READ_ONCE(peervma_bar_policy) != PEERVMA_BAR_OFF;
}

/**
 * peervma_bar_allowed() - whether the policy allows to export a BAR
 * @pdev: the device
 * @source: who lets user space map it
 */
bool peervma_bar_allowed(struct pci_dev *pdev, enum peervma_bar_source source)
{
	if (source == PEERVMA_BAR_P2PDMA)
		return true;
	switch (READ_ONCE(peervma_bar_policy)) {
	case PEERVMA_BAR_UNBOUND:
		return source == PEERVMA_BAR_UIO || !READ_ONCE(pdev->dev.driver);
	case PEERVMA_BAR_ANY:
		return true;
	default:
		return false;
	}
}

/* UIO's major is dynamic, and all its devices are of one cdev. */
static bool peervma_file_is_uio(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) && inode->i_cdev &&
	       !strcmp(kobject_name(&inode->i_cdev->kobj), "uio");
}

static bool peervma_bar_match(struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_PFNMAP))
		return peervma_vma_is_p2pdma(vma);
	return file_inode(vma->vm_file)->i_sb->s_magic == SYSFS_MAGIC ||
	       peervma_file_is_uio(vma->vm_file);
}

static void peervma_bar_hold(struct vm_area_struct *vma,
			     struct peervma_object *object)
{
	pgprot_t prot;

	if (peervma_vma_is_p2pdma(vma)) {
		object->pages = true;
		return;
	}
	object->reason = peervma_bar_phys(vma, vma->vm_start, &object->phys,
					  &prot);
}

/*
 * Whether what the VMA's file stands for is still there, and @pdev's. It is not
 * known of a UIO device at something else than a BAR.
 */
static bool peervma_bar_is_live(struct peervma_object *object,
				struct pci_dev *pdev)
{
	if (peervma_file_is_uio(object->file))
		return !pdev ||
		       peervma_bar_has_child(pdev,
					     file_inode(object->file)->i_rdev);
	/* Asks for the position only: ENODEV once the device left sysfs. */
	return vfs_llseek(object->file, 0, SEEK_CUR) >= 0;
}

static enum peervma_bar_source
peervma_bar_source(const struct peervma_object *object)
{
	if (object->pages)
		return PEERVMA_BAR_P2PDMA;
	return peervma_file_is_uio(object->file) ? PEERVMA_BAR_UIO :
						   PEERVMA_BAR_SYSFS;
}

static enum peervma_reason peervma_bar_refusal(struct peervma_object *object,
					       struct pci_dev *pdev)
{
	if (!peervma_bar_allowed(pdev, peervma_bar_source(object)))
		return PEERVMA_REASON_BAR_POLICY;
	if (!peervma_bar_is_live(object, pdev))
		return PEERVMA_REASON_REVOKED;
	return PEERVMA_REASON_NONE;
}

/* Which device has its memory there; takes locks that mmap_lock is taken in. */
static void peervma_bar_resolve(struct peervma_object *object)
{
	struct pci_dev *pdev;

	if (object->pages)
		object->phys = peervma_p2pdma_phys(object->vma_start);
	pdev = object->phys ? peervma_bar_find(object) : NULL;
	if (!pdev) {
		if (object->reason == PEERVMA_REASON_NONE)
			object->reason = peervma_bar_is_live(object, NULL) ?
					 PEERVMA_REASON_NO_EXPORTER :
					 PEERVMA_REASON_REVOKED;
		return;
	}
	object->priv = pdev;
	peervma_pci_set(&object->pci, &pdev->dev);
	if (object->reason == PEERVMA_REASON_NONE)
		object->reason = peervma_bar_refusal(object, pdev);
}

static int peervma_bar_prepare(struct peervma_bar *bar,
			       struct peervma_object *object)
{
	unsigned long seq;
	int ret;

	bar->source = peervma_bar_source(object);
	ret = peervma_bar_watch(bar, object->addr, &seq);
	/* Only now can nothing that happens to either be missed. */
	if (!ret && object->pages)
		ret = peervma_p2pdma_pin(bar, object->addr);
	else if (!ret)
		object->reason = peervma_bar_walk(bar, object);
	if (ret == -ESTALE)
		object->reason = PEERVMA_REASON_REVOKED;
	if (ret)
		return ret;
	if (object->reason == PEERVMA_REASON_NONE)
		object->reason = peervma_bar_refusal(object, bar->pdev);
	if (object->reason == PEERVMA_REASON_NONE &&
	    !peervma_bar_publish(bar, seq))
		object->reason = PEERVMA_REASON_REVOKED;
	return peervma_reason_errno(object->reason);
}

static struct dma_buf *peervma_bar_export(struct peervma_object *object)
{
	u64 offset = object->offset + (object->addr - object->vma_start);
	struct peervma_bar *bar;
	int ret;

	if (offset > object->size || object->length > object->size - offset) {
		object->reason = PEERVMA_REASON_BEYOND_OBJECT;
		return ERR_PTR(-ERANGE);
	}
	bar = peervma_bar_create(object);
	if (IS_ERR(bar))
		return ERR_CAST(bar);
	ret = peervma_bar_prepare(bar, object);
	if (ret) {
		dma_buf_put(bar->dmabuf);
		return ERR_PTR(ret);
	}
	object->export_start = offset;
	return bar->dmabuf;
}

static void peervma_bar_release(struct peervma_object *object)
{
	pci_dev_put(object->priv);
}

const struct peervma_exporter peervma_bar_exporter = {
	.kind = PEERVMA_VMA_BAR,
	.match = peervma_bar_match,
	.hold = peervma_bar_hold,
	.resolve = peervma_bar_resolve,
	.export = peervma_bar_export,
	.release = peervma_bar_release,
};
