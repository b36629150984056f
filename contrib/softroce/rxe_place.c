// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where Soft-RoCE is on the machine's buses: it is as near to an accelerator
 * as the network card that it sends through.
 */
#include <linux/netdevice.h>
#include <linux/pci.h>

#include "rxe_place.h"

/**
 * rxe_place - the PCI device below a network device
 * @ndev: the network device
 *
 * A virtio card's network device is on the virtio bus, and that on PCI. There
 * is no DMA by it: rxe's dma_device stays NULL.
 *
 * Return: the device, alive as long as @ndev is registered; NULL: on no PCI.
 */
struct device *rxe_place(const struct net_device *ndev)
{
	struct device *dev = ndev->dev.parent;

	while (dev && !dev_is_pci(dev))
		dev = dev->parent;

	return dev;
}
