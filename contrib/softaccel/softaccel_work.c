// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the accelerator computes. "The device" is this code: it goes through
 * device memory a page at a time, each page between drm_dev_enter() and
 * drm_dev_exit(), so that unbinding waits for one page and not for the work.
 */
#include <linux/crc32.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>

#include "softaccel.h"

static int softaccel_work_enter(struct softaccel_object *obj, int *idx)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;

	return drm_dev_enter(obj->gem.dev, idx) ? 0 : -ENODEV;
}

static int softaccel_work_read(struct softaccel_object *obj, u64 offset,
			       void *data, size_t length)
{
	int idx, ret;

	ret = softaccel_work_enter(obj, &idx);
	if (ret)
		return ret;

	memcpy_fromio(data, softaccel_object_io(obj) + offset, length);
	drm_dev_exit(idx);
	return 0;
}

static int softaccel_work_write(struct softaccel_object *obj, u64 offset,
				const void *data, size_t length)
{
	int idx, ret;

	ret = softaccel_work_enter(obj, &idx);
	if (ret)
		return ret;

	memcpy_toio(softaccel_object_io(obj) + offset, data, length);
	drm_dev_exit(idx);
	return 0;
}

/* Zero all of @obj. Returns 0, -EINTR or -ENODEV. */
int softaccel_work_clear(struct softaccel_object *obj)
{
	u64 offset;
	int idx, ret;

	for (offset = 0; offset < obj->gem.size; offset += PAGE_SIZE) {
		ret = softaccel_work_enter(obj, &idx);
		if (ret)
			return ret;
		memset_io(softaccel_object_io(obj) + offset, 0, PAGE_SIZE);
		drm_dev_exit(idx);
	}

	/* Out of the write-combining buffers, before anybody else looks. */
	wmb();
	return 0;
}

/* The object of @handle, a reference of it, if @length bytes at @offset are. */
static struct softaccel_object *
softaccel_work_lookup(struct drm_file *file, u32 handle, u64 offset, u64 length)
{
	struct drm_gem_object *gem;
	u64 end;

	gem = drm_gem_object_lookup(file, handle);
	if (!gem)
		return ERR_PTR(-ENOENT);

	if (check_add_overflow(offset, length, &end) || end > gem->size) {
		drm_gem_object_put(gem);
		return ERR_PTR(-EINVAL);
	}
	return to_softaccel_object(gem);
}

/* lowbias32 of Chris Wellons' hash-prospector, as the uAPI says. */
static u32 softaccel_mix(u32 x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	x ^= x >> 16;
	return x;
}

static int softaccel_work_fill(struct softaccel_object *obj, u64 offset,
			       u64 length, u32 seed)
{
	__le32 *page;
	size_t i, n;
	u64 done;
	int ret = 0;

	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;

	for (done = 0; done < length && !ret; done += n) {
		n = min_t(u64, length - done, PAGE_SIZE);
		for (i = 0; i < DIV_ROUND_UP(n, 4); i++)
			page[i] = cpu_to_le32(softaccel_mix(seed++));
		ret = softaccel_work_write(obj, offset + done, page, n);
	}

	wmb(); /* as in softaccel_work_clear() */
	kfree(page);
	return ret;
}

int softaccel_ioctl_fill(struct drm_device *drm, void *data,
			 struct drm_file *file)
{
	struct softaccel_fill *args = data;
	struct softaccel_object *obj;
	int ret;

	if (args->pad || args->pad2)
		return -EINVAL;

	obj = softaccel_work_lookup(file, args->handle, args->offset,
				    args->length);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = softaccel_work_fill(obj, args->offset, args->length, args->seed);
	drm_gem_object_put(&obj->gem);
	return ret;
}

static int softaccel_work_checksum(struct softaccel_object *obj, u64 offset,
				   u64 length, u32 *checksum)
{
	u32 crc = ~0;
	u64 done;
	size_t n;
	void *page;
	int ret = 0;

	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;

	/* What the caller stored may be in write-combining buffers yet. */
	mb();
	for (done = 0; done < length && !ret; done += n) {
		n = min_t(u64, length - done, PAGE_SIZE);
		ret = softaccel_work_read(obj, offset + done, page, n);
		if (!ret)
			crc = crc32_le(crc, page, n);
	}

	kfree(page);
	*checksum = ~crc;
	return ret;
}

int softaccel_ioctl_checksum(struct drm_device *drm, void *data,
			     struct drm_file *file)
{
	struct softaccel_checksum *args = data;
	struct softaccel_object *obj;
	int ret;

	if (args->pad || args->pad2)
		return -EINVAL;

	obj = softaccel_work_lookup(file, args->handle, args->offset,
				    args->length);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = softaccel_work_checksum(obj, args->offset, args->length,
				      &args->checksum);
	drm_gem_object_put(&obj->gem);
	return ret;
}

/* Bytes of an element of @type, 0 if there is no such type. */
static size_t softaccel_type_size(u32 type)
{
	switch (type) {
	case SOFTACCEL_TYPE_U8:
		return sizeof(u8);
	case SOFTACCEL_TYPE_U32:
		return sizeof(u32);
	case SOFTACCEL_TYPE_U64:
		return sizeof(u64);
	default:
		return 0;
	}
}

/* a[i] += b[i] for the elements of @type in @length bytes. */
static void softaccel_add_elements(void *a, const void *b, size_t length,
				   u32 type)
{
	size_t count = length / softaccel_type_size(type);
	size_t i;

	switch (type) {
	case SOFTACCEL_TYPE_U8:
		for (i = 0; i < count; i++)
			((u8 *)a)[i] += ((const u8 *)b)[i];
		break;
	case SOFTACCEL_TYPE_U32:
		for (i = 0; i < count; i++)
			((u32 *)a)[i] += ((const u32 *)b)[i];
		break;
	case SOFTACCEL_TYPE_U64:
		for (i = 0; i < count; i++)
			((u64 *)a)[i] += ((const u64 *)b)[i];
		break;
	}
}

/* The operands of an addition: the sum and the two summands. */
struct softaccel_operand {
	struct softaccel_object *obj;
	u64 offset;
};

enum { SOFTACCEL_DST, SOFTACCEL_A, SOFTACCEL_B, SOFTACCEL_OPERANDS };

static int softaccel_work_add(const struct softaccel_operand *op, u64 length,
			      u32 type)
{
	void *a, *b;
	u64 done;
	size_t n;
	int ret = 0;

	a = kmalloc(2 * PAGE_SIZE, GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	b = a + PAGE_SIZE;

	mb(); /* as in softaccel_work_checksum() */
	for (done = 0; done < length && !ret; done += n) {
		n = min_t(u64, length - done, PAGE_SIZE);
		ret = softaccel_work_read(op[SOFTACCEL_A].obj,
					  op[SOFTACCEL_A].offset + done, a, n);
		if (ret)
			break;
		ret = softaccel_work_read(op[SOFTACCEL_B].obj,
					  op[SOFTACCEL_B].offset + done, b, n);
		if (ret)
			break;
		softaccel_add_elements(a, b, n, type);
		ret = softaccel_work_write(op[SOFTACCEL_DST].obj,
					   op[SOFTACCEL_DST].offset + done,
					   a, n);
	}

	wmb(); /* as in softaccel_work_clear() */
	kfree(a);
	return ret;
}

/* Would writing the sum change summands that were not read yet? */
static bool softaccel_operands_clash(const struct softaccel_operand *dst,
				     const struct softaccel_operand *src,
				     u64 length)
{
	return dst->obj == src->obj && dst->offset != src->offset &&
	       dst->offset < src->offset + length &&
	       src->offset < dst->offset + length;
}

int softaccel_ioctl_add(struct drm_device *drm, void *data,
			struct drm_file *file)
{
	struct softaccel_add *args = data;
	const u32 handles[] = { args->dst, args->a, args->b };
	struct softaccel_operand op[SOFTACCEL_OPERANDS] = {
		{ .offset = args->dst_offset },
		{ .offset = args->a_offset },
		{ .offset = args->b_offset },
	};
	size_t size = softaccel_type_size(args->type);
	int i, ret = 0;
	u64 length;

	if (!size || check_mul_overflow(args->count, (u64)size, &length))
		return -EINVAL;

	for (i = 0; i < SOFTACCEL_OPERANDS; i++) {
		if (!IS_ALIGNED(op[i].offset, size)) {
			ret = -EINVAL;
			goto out_put;
		}
		op[i].obj = softaccel_work_lookup(file, handles[i],
						  op[i].offset, length);
		if (IS_ERR(op[i].obj)) {
			ret = PTR_ERR(op[i].obj);
			goto out_put;
		}
	}

	if (softaccel_operands_clash(&op[SOFTACCEL_DST], &op[SOFTACCEL_A],
				     length) ||
	    softaccel_operands_clash(&op[SOFTACCEL_DST], &op[SOFTACCEL_B],
				     length))
		ret = -EINVAL;
	else
		ret = softaccel_work_add(op, length, args->type);

out_put:
	while (--i >= 0)
		drm_gem_object_put(&op[i].obj->gem);
	return ret;
}
