// SPDX-License-Identifier: GPL-2.0-only
/* An importer of dma-bufs for the tests of softaccel: see the header. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "probed.h"
#include "softaccel_importer.h"

struct importer {
	struct mutex lock; /* the fields below; reservation locks are inside */
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct iosys_map map;
	struct sg_table *held; /* reservation lock */
	atomic_t told;
};

static struct miscdevice importer_device;

static void importer_let_go(struct importer *imp)
{
	if (!imp->held)
		return;
	dma_resv_assert_held(imp->dmabuf->resv);
	dma_buf_unmap_attachment(imp->attach, imp->held, DMA_BIDIRECTIONAL);
	imp->held = NULL;
}

static void importer_told(struct dma_buf_attachment *attach)
{
	struct importer *imp = attach->importer_priv;

	atomic_inc(&imp->told);
	importer_let_go(imp);
}

/* The callback's name until 7.0. */
#ifndef PEERVMA_HAVE_DMA_BUF_ATTACH_INVALIDATE_MAPPINGS
#define invalidate_mappings move_notify
#endif

static const struct dma_buf_attach_ops importer_host_ops = {
	.invalidate_mappings = importer_told,
};

static const struct dma_buf_attach_ops importer_peer_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = importer_told,
};

static const struct dma_buf_attach_ops *const importer_ops[] = {
	[SOFTACCEL_IMPORTER_STATIC] = NULL,
	[SOFTACCEL_IMPORTER_HOST] = &importer_host_ops,
	[SOFTACCEL_IMPORTER_PEER] = &importer_peer_ops,
	[SOFTACCEL_IMPORTER_DEVICE] = &importer_peer_ops,
};

/*
 * A device without a driver is taken for one that reaches 4 GiB. What stands in
 * for its driver here reaches all, as those that do peer-to-peer.
 */
static void importer_reach(struct device *dev)
{
	if (!dev->driver && dma_set_mask(dev, DMA_BIT_MASK(64)))
		dev_warn(dev, "reaches 4 GiB only\n");
}

/* Who attaches, with a reference. */
static struct device *
importer_device_get(const struct softaccel_importer_attach *args)
{
	struct pci_dev *pdev;

	if (args->kind != SOFTACCEL_IMPORTER_DEVICE)
		return get_device(importer_device.this_device);
	pdev = pci_get_domain_bus_and_slot(0, args->device >> 8,
					   args->device & 0xff);
	if (!pdev)
		return NULL;
	importer_reach(&pdev->dev);
	return &pdev->dev;
}

static long importer_attach(struct importer *imp, void __user *arg)
{
	struct softaccel_importer_attach args;
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	struct device *dev;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.kind >= ARRAY_SIZE(importer_ops))
		return -EINVAL;
	if (imp->attach)
		return -EBUSY;

	dmabuf = dma_buf_get(args.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	dev = importer_device_get(&args);
	attach = dev ? dma_buf_dynamic_attach(dmabuf, dev,
					      importer_ops[args.kind], imp) :
		       ERR_PTR(-ENXIO);
	if (IS_ERR(attach)) {
		put_device(dev);
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}

	imp->dmabuf = dmabuf;
	imp->attach = attach;
	return 0;
}

/*
 * With CONFIG_DMABUF_DEBUG importers see no page as one that none can be: its
 * bits inverted, or a table of the core's own.
 */
static bool importer_names_page(struct scatterlist *sg)
{
	unsigned long page = (unsigned long)sg_page(sg);

	return page && !(IS_ENABLED(CONFIG_DMABUF_DEBUG) && page == ~0xffUL);
}

static void importer_describe(struct sg_table *sgt,
			      struct softaccel_importer_map *args)
{
	struct scatterlist *sg;
	int i;

	args->address = sg_dma_address(sgt->sgl);
	args->contiguous = 1;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (sg_dma_address(sg) != args->address + args->length)
			args->contiguous = 0;
		if (importer_names_page(sg))
			args->pages = 1;
		args->length += sg_dma_len(sg);
	}
}

static long importer_map(struct importer *imp, void __user *arg)
{
	struct softaccel_importer_map args = {};
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment_unlocked(imp->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);

	importer_describe(sgt, &args);
	dma_buf_unmap_attachment_unlocked(imp->attach, sgt, DMA_BIDIRECTIONAL);
	return copy_to_user(arg, &args, sizeof(args)) ? -EFAULT : 0;
}

static long importer_hold(struct importer *imp)
{
	struct sg_table *sgt;
	long ret = -EBUSY;

	dma_resv_lock(imp->dmabuf->resv, NULL);
	if (imp->held)
		goto out_unlock;

	sgt = dma_buf_map_attachment(imp->attach, DMA_BIDIRECTIONAL);
	ret = PTR_ERR_OR_ZERO(sgt);
	if (!ret)
		imp->held = sgt;

out_unlock:
	dma_resv_unlock(imp->dmabuf->resv);
	return ret;
}

static long importer_held(struct importer *imp)
{
	long held;

	dma_resv_lock(imp->dmabuf->resv, NULL);
	held = !!imp->held;
	dma_resv_unlock(imp->dmabuf->resv);
	return held;
}

static long importer_vmap(struct importer *imp)
{
	int ret;

	if (iosys_map_is_set(&imp->map))
		return -EBUSY;

	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = dma_buf_pin(imp->attach);
	if (ret)
		goto out_unlock;

	ret = dma_buf_vmap(imp->dmabuf, &imp->map);
	if (ret)
		dma_buf_unpin(imp->attach);

out_unlock:
	dma_resv_unlock(imp->dmabuf->resv);
	return ret;
}

static long importer_read(struct importer *imp, void __user *arg)
{
	struct softaccel_importer_read args;
	u8 value;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (iosys_map_is_null(&imp->map))
		return -ENXIO;
	if (args.offset >= imp->dmabuf->size)
		return -EINVAL;

	iosys_map_memcpy_from(&value, &imp->map, args.offset, sizeof(value));
	args.value = value;
	return copy_to_user(arg, &args, sizeof(args)) ? -EFAULT : 0;
}

static long importer_register(struct importer *imp, void __user *arg,
			      bool write)
{
	struct softaccel_importer_register args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (iosys_map_is_null(&imp->map))
		return -ENXIO;
	if (args.offset >= imp->dmabuf->size || args.offset % sizeof(u32))
		return -EINVAL;

	if (write) {
		iosys_map_wr(&imp->map, args.offset, u32, args.value);
		return 0;
	}
	args.value = iosys_map_rd(&imp->map, args.offset, u32);
	return copy_to_user(arg, &args, sizeof(args)) ? -EFAULT : 0;
}

static long importer_ioctl_locked(struct importer *imp, unsigned int cmd,
				  void __user *arg)
{
	if (cmd == SOFTACCEL_IMPORTER_ATTACH)
		return importer_attach(imp, arg);
	if (!imp->attach)
		return -ENXIO;

	switch (cmd) {
	case SOFTACCEL_IMPORTER_MAP:
		return importer_map(imp, arg);
	case SOFTACCEL_IMPORTER_VMAP:
		return importer_vmap(imp);
	case SOFTACCEL_IMPORTER_READ:
		return importer_read(imp, arg);
	case SOFTACCEL_IMPORTER_TOLD:
		return atomic_read(&imp->told);
	case SOFTACCEL_IMPORTER_HOLD:
		return importer_hold(imp);
	case SOFTACCEL_IMPORTER_HELD:
		return importer_held(imp);
	case SOFTACCEL_IMPORTER_READ_REGISTER:
		return importer_register(imp, arg, false);
	case SOFTACCEL_IMPORTER_WRITE_REGISTER:
		return importer_register(imp, arg, true);
	default:
		return -ENOTTY;
	}
}

static long importer_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct importer *imp = file->private_data;
	long ret;

	mutex_lock(&imp->lock);
	ret = importer_ioctl_locked(imp, cmd, (void __user *)arg);
	mutex_unlock(&imp->lock);
	return ret;
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *imp;

	imp = kzalloc(sizeof(*imp), GFP_KERNEL);
	if (!imp)
		return -ENOMEM;

	mutex_init(&imp->lock);
	file->private_data = imp;
	return 0;
}

static void importer_detach(struct importer *imp)
{
	struct device *dev;

	dma_resv_lock(imp->dmabuf->resv, NULL);
	if (iosys_map_is_set(&imp->map)) {
		dma_buf_vunmap(imp->dmabuf, &imp->map);
		dma_buf_unpin(imp->attach);
	}
	importer_let_go(imp);
	dma_resv_unlock(imp->dmabuf->resv);
	dev = imp->attach->dev;
	dma_buf_detach(imp->dmabuf, imp->attach);
	put_device(dev);
	dma_buf_put(imp->dmabuf);
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *imp = file->private_data;

	if (imp->attach)
		importer_detach(imp);
	kfree(imp);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "softaccel_importer",
	.fops = &importer_fops,
	.mode = 0600,
};

static int __init importer_init(void)
{
	int ret;

	ret = misc_register(&importer_device);
	if (ret)
		return ret;

	ret = dma_coerce_mask_and_coherent(importer_device.this_device,
					   DMA_BIT_MASK(64));
	if (ret)
		misc_deregister(&importer_device);
	return ret;
}
module_init(importer_init);

static void __exit importer_exit(void)
{
	misc_deregister(&importer_device);
}
module_exit(importer_exit);

MODULE_DESCRIPTION("Importer of dma-bufs for the tests of softaccel");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
MODULE_INFO(import_ns, "DMA_BUF");
