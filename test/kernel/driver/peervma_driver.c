// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that registers exporters, see driver.h.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/peervma-exporter.h>

#include "driver.h"

/* How many mappings are held by peervma.ko, and how often that was asked. */
static atomic_t held = ATOMIC_INIT(0);
static atomic_t exports = ATOMIC_INIT(0);

static vm_fault_t testdrv_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct testdrv_vm_ops = {
	.fault = testdrv_fault,
};

static int testdrv_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &testdrv_vm_ops;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static const struct file_operations testdrv_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.mmap = testdrv_mmap,
};

static struct miscdevice testdrv_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.mode = 0666,
	.fops = &testdrv_fops,
};

/* A dma-buf without memory. */
static struct sg_table *testdrv_dmabuf_map(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void testdrv_dmabuf_unmap(struct dma_buf_attachment *attach,
				 struct sg_table *sgt,
				 enum dma_data_direction dir)
{
}

static int testdrv_dmabuf_pin(struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

static void testdrv_dmabuf_unpin(struct dma_buf_attachment *attach)
{
}

static void testdrv_dmabuf_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops testdrv_dmabuf_ops = {
	.map_dma_buf = testdrv_dmabuf_map,
	.unmap_dma_buf = testdrv_dmabuf_unmap,
	.pin = testdrv_dmabuf_pin,
	.unpin = testdrv_dmabuf_unpin,
	.release = testdrv_dmabuf_release,
};

static const struct dma_buf_ops testdrv_static_ops = {
	.map_dma_buf = testdrv_dmabuf_map,
	.unmap_dma_buf = testdrv_dmabuf_unmap,
	.release = testdrv_dmabuf_release,
};

static enum driver_behaviour testdrv_behaviour(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff / DRIVER_PAGES;
}

static bool testdrv_match(struct vm_area_struct *vma,
			  struct peervma_mapping *mapping, bool second)
{
	enum driver_behaviour behaviour = testdrv_behaviour(vma);
	bool seconds = behaviour == DRIVER_SECOND;

	if (vma->vm_ops != &testdrv_vm_ops || behaviour >= DRIVER_NOBODYS ||
	    seconds != second)
		return false;
	mapping->offset %= DRIVER_PAGES * PAGE_SIZE;
	mapping->size = DRIVER_PAGES * PAGE_SIZE;
	mapping->priv = (void *)(unsigned long)behaviour;
	atomic_inc(&held);
	return true;
}

static bool testdrv_match_first(struct vm_area_struct *vma,
				struct peervma_mapping *mapping)
{
	return testdrv_match(vma, mapping, false);
}

static bool testdrv_match_second(struct vm_area_struct *vma,
				 struct peervma_mapping *mapping)
{
	return testdrv_match(vma, mapping, true);
}

static struct dma_buf *testdrv_export(struct peervma_mapping *mapping)
{
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = &testdrv_dmabuf_ops,
		.size = mapping->size,
		.flags = O_CLOEXEC | O_RDWR,
		.priv = &testdrv_misc,
	};

	atomic_inc(&exports);
	switch ((unsigned long)mapping->priv) {
	case DRIVER_NOT_DYNAMIC:
		info.ops = &testdrv_static_ops;
		break;
	case DRIVER_GONE:
		return ERR_PTR(-ENODEV);
	case DRIVER_FAILS:
		return ERR_PTR(-EIO);
	case DRIVER_SLOW:
		msleep(DRIVER_SLOW_MS);
		break;
	}
	return dma_buf_export(&info);
}

static void testdrv_release(struct peervma_mapping *mapping)
{
	atomic_dec(&held);
}

#define DRIVER_EXPORTER(_name, _flags, _match, _export) { \
	.owner = THIS_MODULE, \
	.name = _name, \
	.flags = _flags, \
	.match = _match, \
	.export = _export, \
	.release = testdrv_release, \
}

static const struct peervma_exporter_ops testdrv_exporters[] = {
	[DRIVER_FIRST_EXPORTER] =
		DRIVER_EXPORTER("first", PEERVMA_EXPORTER_REVOKES,
				testdrv_match_first, testdrv_export),
	[DRIVER_SECOND_EXPORTER] =
		DRIVER_EXPORTER("second", PEERVMA_EXPORTER_REVOKES,
				testdrv_match_second, testdrv_export),
	[DRIVER_SAME_NAME] =
		DRIVER_EXPORTER("first", PEERVMA_EXPORTER_REVOKES,
				testdrv_match_second, testdrv_export),
	[DRIVER_NO_PROMISE] =
		DRIVER_EXPORTER("odd", 0, testdrv_match_first, testdrv_export),
	[DRIVER_UNKNOWN_FLAG] =
		DRIVER_EXPORTER("odd", PEERVMA_EXPORTER_REVOKES | BIT(31),
				testdrv_match_first, testdrv_export),
	[DRIVER_NO_MATCH] =
		DRIVER_EXPORTER("odd", PEERVMA_EXPORTER_REVOKES, NULL,
				testdrv_export),
	[DRIVER_NO_EXPORT] =
		DRIVER_EXPORTER("odd", PEERVMA_EXPORTER_REVOKES,
				testdrv_match_first, NULL),
	[DRIVER_NO_NAME] =
		DRIVER_EXPORTER(NULL, PEERVMA_EXPORTER_REVOKES,
				testdrv_match_first, testdrv_export),
};

/* Parameters are written one at a time, under the module's parameter lock. */
static unsigned long registered;

static int testdrv_register(const char *text, const struct kernel_param *param)
{
	unsigned int which;
	int ret;

	ret = kstrtouint(text, 0, &which);
	if (ret)
		return ret;
	if (which >= ARRAY_SIZE(testdrv_exporters))
		return -ERANGE;
	ret = peervma_register_exporter(&testdrv_exporters[which]);
	if (!ret)
		registered |= BIT(which);
	return ret;
}

static int testdrv_unregister(const char *text,
			      const struct kernel_param *param)
{
	unsigned int which;
	int ret;

	ret = kstrtouint(text, 0, &which);
	if (ret)
		return ret;
	if (which >= ARRAY_SIZE(testdrv_exporters) ||
	    !(registered & BIT(which)))
		return -ENOENT;
	peervma_unregister_exporter(&testdrv_exporters[which]);
	registered &= ~BIT(which);
	return 0;
}

static int testdrv_count(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(param->arg));
}

static const struct kernel_param_ops testdrv_register_ops = {
	.set = testdrv_register,
};

static const struct kernel_param_ops testdrv_unregister_ops = {
	.set = testdrv_unregister,
};

static const struct kernel_param_ops testdrv_count_ops = {
	.get = testdrv_count,
};

module_param_cb(register, &testdrv_register_ops, NULL, 0200);
module_param_cb(unregister, &testdrv_unregister_ops, NULL, 0200);
module_param_cb(held, &testdrv_count_ops, &held, 0444);
module_param_cb(exports, &testdrv_count_ops, &exports, 0444);

static int __init testdrv_init(void)
{
	return misc_register(&testdrv_misc);
}
module_init(testdrv_init);

static void __exit testdrv_exit(void)
{
	unsigned int which;

	for (which = 0; which < ARRAY_SIZE(testdrv_exporters); which++)
		if (registered & BIT(which))
			peervma_unregister_exporter(&testdrv_exporters[which]);
	misc_deregister(&testdrv_misc);
}
module_exit(testdrv_exit);

MODULE_DESCRIPTION("A driver with odd exporters, to test peervma.ko");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
MODULE_INFO(import_ns, "DMA_BUF");
