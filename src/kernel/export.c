// SPDX-License-Identifier: GPL-2.0-only
/*
 * PEERVMA_IOC_EXPORT: a dma-buf for a range of the caller's memory.
 */
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>

#include "internal.h"

static int peervma_export_check(const struct peervma_export *export, u64 *end)
{
	if (export->flags || !export->length ||
	    !IS_ALIGNED(export->addr | export->length, PAGE_SIZE))
		return -EINVAL;
	if (check_add_overflow(export->addr, export->length, end) ||
	    *end > TASK_SIZE)
		return -EOVERFLOW;
	return 0;
}

/* Of the whole object; the VMA it was found by may be gone by now. */
static struct dma_buf *peervma_object_export(struct peervma_object *object)
{
	struct dma_buf *dmabuf;

	lockdep_assert_not_held(&current->mm->mmap_lock);
	might_sleep();
	dmabuf = object->exporter->export(object);
	if (IS_ERR(dmabuf) && object->reason == PEERVMA_REASON_NONE)
		object->reason = PEERVMA_REASON_EXPORTER;
	return dmabuf;
}

/* Where the range lies in the dma-buf, which may be no longer than that. */
static bool peervma_range_set(struct peervma_export *export,
			      const struct peervma_object *object,
			      const struct dma_buf *dmabuf)
{
	u64 offset = object->offset + (export->addr - object->vma_start) -
		     object->export_start;
	u64 end;

	if (check_add_overflow(offset, export->length, &end) ||
	    end > dmabuf->size)
		return false;
	export->offset = offset;
	export->object_size = dmabuf->size;
	return true;
}

static int peervma_object_to_fd(struct peervma_export *export,
				struct peervma_object *object,
				struct file **file_p)
{
	struct dma_buf *dmabuf;
	int fd, ret;

	/* Reserved first: an export that nobody gets is work for nothing. */
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	dmabuf = peervma_object_export(object);
	if (IS_ERR(dmabuf)) {
		ret = object->reason == PEERVMA_REASON_EXPORTER ?
		      PTR_ERR(dmabuf) : peervma_reason_errno(object->reason);
		goto err_fd;
	}
	if (!peervma_range_set(export, object, dmabuf)) {
		object->reason = PEERVMA_REASON_BEYOND_OBJECT;
		ret = peervma_reason_errno(object->reason);
		goto err_dmabuf;
	}
	export->fd = fd;
	*file_p = dmabuf->file;
	return 0;

err_dmabuf:
	dma_buf_put(dmabuf);
err_fd:
	put_unused_fd(fd);
	return ret;
}

/**
 * peervma_export() - the work of PEERVMA_IOC_EXPORT
 * @export: the range; gets the result
 * @kind_p: the kind of VMA, left alone as long as none was found
 * @file_p: the dma-buf's file, held, for the reserved descriptor @export->fd;
 *	written on success only
 *
 * Context: Process context of the memory's owner. May sleep.
 * Return: 0 or an errno, as the uAPI header says.
 */
int peervma_export(struct peervma_export *export, enum peervma_vma_kind *kind_p,
		   struct file **file_p)
{
	struct peervma_object object;
	u64 end;
	int ret;

	export->offset = 0;
	export->object_size = 0;
	export->fd = -1;
	export->reason = PEERVMA_REASON_NONE;
	ret = peervma_export_check(export, &end);
	if (ret)
		return ret;
	ret = peervma_object_get(export->addr, &object);
	if (ret)
		return ret;
	*kind_p = object.kind;
	object.length = export->length;
	if (object.vma_end && end > object.vma_end)
		object.reason = PEERVMA_REASON_CROSSES_VMA;
	ret = peervma_reason_errno(object.reason);
	if (!ret)
		ret = peervma_object_to_fd(export, &object, file_p);
	export->reason = object.reason;
	peervma_object_put(&object);
	return ret;
}
