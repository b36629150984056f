// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs made by mmap of a dma-buf: that dma-buf.
 */
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>

#include "internal.h"

/*
 * The kernel's own test, by the file's operations, is not exported. All files
 * of the dma-buf file system are dma-bufs, and nothing else carries its magic.
 */
static bool peervma_dmabuf_match(struct vm_area_struct *vma)
{
	return file_inode(vma->vm_file)->i_sb->s_magic == DMA_BUF_MAGIC;
}

/* Whether the VMA lies inside @size bytes that begin at page @start. */
static bool peervma_vma_inside(struct vm_area_struct *vma, u64 start,
			       u64 size)
{
	u64 pages = size >> PAGE_SHIFT;
	u64 first = vma->vm_pgoff;

	return first >= start && first - start < pages &&
	       vma_pages(vma) <= pages - (first - start);
}

/*
 * Exporters see the file offset in vm_pgoff, and most leave it there. PRIME's
 * mmap adds the GEM object's fake offset, and some drivers take it off again.
 * Fake offsets begin at 4 GiB, so only an object larger than that can leave
 * both possible: then no guess is made.
 */
static void peervma_dmabuf_place(struct vm_area_struct *vma,
				 struct peervma_object *object, u64 fake)
{
	bool plain = peervma_vma_inside(vma, 0, object->size);

	if (fake && peervma_vma_inside(vma, fake, object->size)) {
		object->offset = (vma->vm_pgoff - fake) << PAGE_SHIFT;
		if (plain)
			object->reason = PEERVMA_REASON_UNKNOWN_OFFSET;
		return;
	}
	object->offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	if (plain)
		return;
	if (object->offset < object->size) {
		object->reason = PEERVMA_REASON_BEYOND_OBJECT;
		return;
	}
	/* A number of the driver's own, an address even: nobody's business. */
	object->offset = 0;
	object->reason = PEERVMA_REASON_UNKNOWN_OFFSET;
}

static void peervma_dmabuf_hold(struct vm_area_struct *vma,
				struct peervma_object *object)
{
	struct dma_buf *dmabuf = vma->vm_file->private_data;

	/* The VMA's file is the dma-buf's, so it is held already. */
	object->size = dmabuf->size;
	peervma_dmabuf_place(vma, object,
			     peervma_drm_dmabuf_describe(dmabuf, &object->pci));
}

static struct dma_buf *peervma_dmabuf_export(struct peervma_object *object)
{
	struct dma_buf *dmabuf = object->file->private_data;

	get_dma_buf(dmabuf);
	return dmabuf;
}

const struct peervma_exporter peervma_dmabuf_exporter = {
	.kind = PEERVMA_VMA_DMABUF,
	.match = peervma_dmabuf_match,
	.hold = peervma_dmabuf_hold,
	.export = peervma_dmabuf_export,
};
