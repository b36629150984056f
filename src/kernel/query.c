// SPDX-License-Identifier: GPL-2.0-only
/*
 * PEERVMA_IOC_QUERY: what is at an address.
 */
#include <linux/errno.h>

#include "internal.h"

static void peervma_query_set(struct peervma_query *query,
			      const struct peervma_object *object)
{
	query->vma_start = object->vma_start;
	query->vma_end = object->vma_end;
	query->object_offset = object->offset;
	query->object_size = object->size;
	query->kind = object->kind;
	query->prot = object->prot;
	query->reason = object->reason;
	query->pci_valid = object->pci.valid;
	query->pci_domain = object->pci.domain;
	query->pci_bus = object->pci.bus;
	query->pci_devfn = object->pci.devfn;
}

int peervma_query(struct peervma_query *query)
{
	struct peervma_object object = {};
	int ret;

	peervma_query_set(query, &object);
	if (query->flags)
		return -EINVAL;
	ret = peervma_object_get(query->addr, &object);
	if (ret)
		return ret;
	peervma_query_set(query, &object);
	peervma_object_put(&object);

	switch (object.reason) {
	case PEERVMA_REASON_UNMAPPED:
	case PEERVMA_REASON_NOT_DEVICE:
		return peervma_reason_errno(object.reason);
	default:
		return 0;
	}
}
