// SPDX-License-Identifier: GPL-2.0-only
/*
 * peervma.ko: the device /dev/peervma and its ioctls.
 */
#include <linux/build_bug.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "internal.h"

/*
 * One ioctl under way. A handler that gives out a file leaves it here with a
 * reserved descriptor: it is installed when nothing can fail any more.
 */
struct peervma_call {
	union {
		u32 size;
		struct peervma_info info;
		struct peervma_query query;
		struct peervma_export export;
	} arg;
	enum peervma_vma_kind kind;
	struct file *file;
	int fd;
};

/*
 * @finish is called with what the caller gets, when nothing can fail any more.
 */
struct peervma_ioctl {
	unsigned int cmd;
	size_t min_size;
	size_t size;
	int (*execute)(struct peervma_call *call);
	void (*finish)(struct peervma_call *call, int ret);
};

static int peervma_ioctl_info(struct peervma_call *call)
{
	struct peervma_info *info = &call->arg.info;

	info->features = PEERVMA_FEATURE_QUERY | PEERVMA_FEATURE_EXPORT |
			 PEERVMA_FEATURE_DRIVERS | PEERVMA_FEATURE_LIMITS |
			 PEERVMA_FEATURE_PROCESS_LIMIT;
	info->kinds = peervma_kinds();
	peervma_limits(info);
	return info->flags ? -EINVAL : 0;
}

static int peervma_ioctl_query(struct peervma_call *call)
{
	return peervma_query(&call->arg.query);
}

static int peervma_ioctl_export(struct peervma_call *call)
{
	int ret;

	ret = peervma_export(&call->arg.export, &call->kind, &call->file);
	call->fd = call->arg.export.fd;
	return ret;
}

static void peervma_finish_export(struct peervma_call *call, int ret)
{
	peervma_account_request(&call->arg.export, call->kind, ret);
	if (!call->file)
		return;
	if (!ret) {
		fd_install(call->fd, call->file);
		return;
	}
	put_unused_fd(call->fd);
	fput(call->file);
}

static const struct peervma_ioctl peervma_ioctls[] = {
	{ PEERVMA_IOC_INFO, PEERVMA_INFO_SIZE_VER0,
	  sizeof(struct peervma_info), peervma_ioctl_info },
	{ PEERVMA_IOC_QUERY, PEERVMA_QUERY_SIZE_VER0,
	  sizeof(struct peervma_query), peervma_ioctl_query },
	{ PEERVMA_IOC_EXPORT, PEERVMA_EXPORT_SIZE_VER0,
	  sizeof(struct peervma_export), peervma_ioctl_export,
	  peervma_finish_export },
};

static_assert(offsetofend(struct peervma_info, kinds) ==
	      PEERVMA_INFO_SIZE_VER0);
static_assert(offsetofend(struct peervma_info, reserved) ==
	      PEERVMA_INFO_SIZE_VER1);
static_assert(sizeof(struct peervma_info) == PEERVMA_INFO_SIZE_VER2);
static_assert(offsetofend(struct peervma_query, pci_devfn) ==
	      PEERVMA_QUERY_SIZE_VER0);
static_assert(offsetofend(struct peervma_export, reason) ==
	      PEERVMA_EXPORT_SIZE_VER0);

static const struct peervma_ioctl *peervma_ioctl_find(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(peervma_ioctls))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(peervma_ioctls));
	return peervma_ioctls[nr].cmd == cmd ? &peervma_ioctls[nr] : NULL;
}

static int peervma_copy_in(const struct peervma_ioctl *ioctl,
			   struct peervma_call *call, u32 __user *user,
			   u32 *size)
{
	if (get_user(*size, user))
		return -EFAULT;
	if (*size < ioctl->min_size)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(&call->arg, ioctl->size, user, *size);
}

static int peervma_copy_out(const struct peervma_ioctl *ioctl,
			    struct peervma_call *call, u32 __user *user,
			    u32 size)
{
	/* The caller's other threads may have changed it since. */
	call->arg.size = size;
	if (copy_to_user(user, &call->arg, min_t(size_t, size, ioctl->size)))
		return -EFAULT;
	return 0;
}

static long peervma_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	const struct peervma_ioctl *ioctl = peervma_ioctl_find(cmd);
	struct peervma_call call = { .fd = -1 };
	u32 __user *user = (u32 __user *)arg;
	u32 size;
	int ret;

	if (!ioctl)
		return -ENOTTY;
	/* A kernel thread has no memory of its own to ask about. */
	if (!current->mm)
		return -EFAULT;
	ret = peervma_copy_in(ioctl, &call, user, &size);
	if (ret)
		return ret;
	ret = ioctl->execute(&call);
	if (peervma_copy_out(ioctl, &call, user, size))
		ret = -EFAULT;
	if (ioctl->finish)
		ioctl->finish(&call, ret);
	return ret;
}

static const struct file_operations peervma_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = peervma_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice peervma_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "peervma",
	.mode = 0660,
	.fops = &peervma_fops,
	.groups = peervma_groups,
};

static int __init peervma_init(void)
{
	int ret;

	ret = peervma_bar_init();
	if (ret)
		return ret;
	ret = misc_register(&peervma_misc);
	if (ret)
		peervma_bar_exit();
	return ret;
}
module_init(peervma_init);

static void __exit peervma_exit(void)
{
	misc_deregister(&peervma_misc);
	peervma_bar_exit();
}
module_exit(peervma_exit);

MODULE_DESCRIPTION("dma-buf for device memory by its virtual address");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
MODULE_INFO(import_ns, "DMA_BUF");
