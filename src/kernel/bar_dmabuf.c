// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-buf of a range of a PCI BAR. The memory never moves, but it can go:
 * every importer must be one that can be told, and must then stop.
 *
 * It cannot be mmapped: who may map a BAR has done so to export it, and another
 * process gets the device's access to it, not the CPU's.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "bar.h"

/* Lengths in a scatterlist are 32 bits wide. */
#define PEERVMA_BAR_SEGMENT SZ_1G

static void peervma_bar_use(struct peervma_bar *bar)
{
	dma_resv_assert_held(bar->dmabuf->resv);
	WRITE_ONCE(bar->users, bar->users + 1);
}

static void peervma_bar_unuse(struct peervma_bar *bar)
{
	dma_resv_assert_held(bar->dmabuf->resv);
	WRITE_ONCE(bar->users, bar->users - 1);
	if (bar->users)
		return;
	if (bar->stopped)
		peervma_bar_settle(bar);
	wake_up_all(&peervma_bar_idle);
}

/* A kernel without P2PDMA does not know; its IOMMU code still has its say. */
static bool peervma_bar_reaches(struct peervma_bar *bar, struct device *dev)
{
	if (!IS_ENABLED(CONFIG_PCI_P2PDMA))
		return true;
	return pci_p2pdma_distance_many(bar->pdev, &dev, 1, false) >= 0;
}

static int peervma_bar_attach(struct dma_buf *dmabuf,
			      struct dma_buf_attachment *attach)
{
	struct peervma_bar *bar = dmabuf->priv;

	if (!peervma_attach_revocable(attach))
		return -EOPNOTSUPP;
	if (peervma_bar_is_revoked(bar))
		return -ENODEV;
	/* Without, it may still look through the kernel's mapping. */
	if (attach->peer2peer && !peervma_bar_reaches(bar, attach->dev))
		attach->peer2peer = false;
	return 0;
}

static int peervma_bar_pin(struct dma_buf_attachment *attach)
{
	struct peervma_bar *bar = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	return peervma_bar_is_revoked(bar) ? -ENODEV : 0;
}

/* Nothing to undo; the dma-buf core wants both or none. */
static void peervma_bar_unpin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
}

/* A table of DMA addresses only: there are no pages to name. */
static struct sg_table *peervma_bar_table(dma_addr_t addr, size_t size)
{
	struct scatterlist *sg;
	struct sg_table *sgt;
	size_t length;
	int i;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;
	if (sg_alloc_table(sgt, DIV_ROUND_UP(size, PEERVMA_BAR_SEGMENT),
			   GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}
	for_each_sgtable_dma_sg(sgt, sg, i) {
		length = min_t(size_t, size, PEERVMA_BAR_SEGMENT);
		sg_set_page(sg, NULL, length, 0);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = length;
		addr += length;
		size -= length;
	}
	return sgt;
}

static struct sg_table *peervma_bar_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct peervma_bar *bar = attach->dmabuf->priv;
	struct sg_table *sgt;
	dma_addr_t addr;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (peervma_bar_is_revoked(bar))
		return ERR_PTR(-ENODEV);
	if (!attach->peer2peer)
		return ERR_PTR(-EOPNOTSUPP);
	addr = dma_map_resource(attach->dev, bar->phys, bar->size, dir,
				DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(attach->dev, addr))
		return ERR_PTR(-EIO);
	sgt = peervma_bar_table(addr, bar->size);
	if (!sgt) {
		dma_unmap_resource(attach->dev, addr, bar->size, dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
		return ERR_PTR(-ENOMEM);
	}
	peervma_bar_use(bar);
	return sgt;
}

static void peervma_bar_unmap(struct dma_buf_attachment *attach,
			      struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct peervma_bar *bar = attach->dmabuf->priv;

	dma_unmap_resource(attach->dev, sg_dma_address(sgt->sgl), bar->size,
			   dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
	peervma_bar_unuse(bar);
}

/*
 * The dma-buf core warns when this fails, and a VMA may go at any moment. So
 * who was let in by pin, under this same lock, is let in here too, and told
 * when the lock is free.
 */
static int peervma_bar_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct peervma_bar *bar = dmabuf->priv;
	void __iomem *io;

	dma_resv_assert_held(dmabuf->resv);
	if (bar->stopped)
		return -ENODEV;
	/* Who maps without being attached could not be told to stop. */
	if (list_empty(&dmabuf->attachments))
		return -EOPNOTSUPP;
	io = bar->write_combine ? ioremap_wc(bar->phys, bar->size) :
				  ioremap(bar->phys, bar->size);
	if (!io)
		return -ENOMEM;
	iosys_map_set_vaddr_iomem(map, io);
	peervma_bar_use(bar);
	return 0;
}

static void peervma_bar_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct peervma_bar *bar = dmabuf->priv;

	iounmap(map->vaddr_iomem);
	peervma_bar_unuse(bar);
}

static void peervma_bar_free(struct peervma_bar *bar)
{
	pci_dev_put(bar->pdev);
	peervma_uncharge(&bar->charge);
	kfree(bar);
}

static void peervma_bar_dmabuf_release(struct dma_buf *dmabuf)
{
	struct peervma_bar *bar = dmabuf->priv;

	peervma_bar_forget(bar);
	peervma_bar_free(bar);
}

static const struct dma_buf_ops peervma_bar_ops = {
	.attach = peervma_bar_attach,
	.pin = peervma_bar_pin,
	.unpin = peervma_bar_unpin,
	.map_dma_buf = peervma_bar_map,
	.unmap_dma_buf = peervma_bar_unmap,
	.vmap = peervma_bar_vmap,
	.vunmap = peervma_bar_vunmap,
	.release = peervma_bar_dmabuf_release,
};

/**
 * peervma_bar_create() - a dma-buf that nobody knows of yet
 * @object: the VMA, its range and the device, charged to the caller
 *
 * Return: what dma_buf_put() of its @dmabuf frees, or an ERR_PTR
 */
struct peervma_bar *peervma_bar_create(struct peervma_object *object)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct peervma_bar *bar;
	int ret;

	bar = kzalloc(sizeof(*bar), GFP_KERNEL_ACCOUNT);
	if (!bar)
		return ERR_PTR(-ENOMEM);
	ret = peervma_charge(&bar->charge, object);
	if (ret) {
		kfree(bar);
		return ERR_PTR(ret);
	}
	bar->pdev = pci_dev_get(object->priv);
	bar->phys = object->phys + (object->addr - object->vma_start);
	bar->size = object->length;
	INIT_LIST_HEAD(&bar->entry);
	spin_lock_init(&bar->lock);
	peervma_bar_stop_init(bar);
	info.ops = &peervma_bar_ops;
	info.size = bar->size;
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = bar;
	bar->dmabuf = dma_buf_export(&info);
	if (IS_ERR(bar->dmabuf)) {
		ret = PTR_ERR(bar->dmabuf);
		peervma_bar_free(bar);
		return ERR_PTR(ret);
	}
	return bar;
}
