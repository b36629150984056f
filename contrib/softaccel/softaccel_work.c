// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the accelerator computes. "The device" is this code: it goes through
 * device memory a page at a time, each page between softaccel_work_enter() and
 * softaccel_work_exit(), so that unbinding and a reset wait for one page and not
 * for the work.
 */
#include <linux/crc32.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>

#include "softaccel.h"

/*
 * A page of the work that was begun when the device had seen @resets resets:
 * 0, after which softaccel_work_exit() is due, -EINTR, -ENODEV or -ECANCELED.
 */
static int softaccel_work_enter(struct softaccel_object *obj, u64 resets,
				int *idx)
{
	struct softaccel_device *sdev = to_softaccel(obj->gem.dev);

	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;

	if (!drm_dev_enter(&sdev->drm, idx))
		return -ENODEV;

	down_read(&sdev->reset_lock);
	if (sdev->resets == resets)
		return 0;

	up_read(&sdev->reset_lock);
	drm_dev_exit(*idx);
	return -ECANCELED;
}

static void softaccel_work_exit(struct softaccel_object *obj, int idx)
{
	up_read(&to_softaccel(obj->gem.dev)->reset_lock);
	drm_dev_exit(idx);
}

static u64 softaccel_work_resets(struct drm_device *drm)
{
	struct softaccel_device *sdev = to_softaccel(drm);
	u64 resets;

	down_read(&sdev->reset_lock);
	resets = sdev->resets;
	up_read(&sdev->reset_lock);
	return resets;
}

static int softaccel_work_read(struct softaccel_object *obj, u64 resets,
			       u64 offset, void *data, size_t length)
{
	int idx, ret;

	ret = softaccel_work_enter(obj, resets, &idx);
	if (ret)
		return ret;

	memcpy_fromio(data, softaccel_object_io(obj) + offset, length);
	softaccel_work_exit(obj, idx);
	return 0;
}

static int softaccel_work_write(struct softaccel_object *obj, u64 resets,
				u64 offset, const void *data, size_t length)
{
	int idx, ret;

	ret = softaccel_work_enter(obj, resets, &idx);
	if (ret)
		return ret;

	memcpy_toio(softaccel_object_io(obj) + offset, data, length);
	softaccel_work_exit(obj, idx);
	return 0;
}

/* What the device sees at @offset. Returns 0, -EINTR or -ENODEV. */
int softaccel_work_read_word(struct softaccel_object *obj, u64 offset,
			     u64 *word)
{
	int ret;

	do
		ret = softaccel_work_read(obj,
					  softaccel_work_resets(obj->gem.dev),
					  offset, word, sizeof(*word));
	while (ret == -ECANCELED);
	return ret;
}

/* Zero all of @obj. Returns 0, -EINTR or -ENODEV. */
int softaccel_work_clear(struct softaccel_object *obj)
{
	u64 offset, resets = softaccel_work_resets(obj->gem.dev);
	int idx, ret = 0;

	for (offset = 0; offset < obj->gem.size; offset += PAGE_SIZE) {
		ret = softaccel_work_enter(obj, resets, &idx);
		if (ret)
			break;
		memset_io(softaccel_object_io(obj) + offset, 0, PAGE_SIZE);
		softaccel_work_exit(obj, idx);
	}

	/* Out of the write-combining buffers, before anybody else looks. */
	wmb();
	/* A reset does the same. */
	return ret == -ECANCELED ? 0 : ret;
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

/**
 * struct softaccel_range - a range of a buffer that the device goes through
 * @obj: the buffer
 * @resets: resets when the work was begun
 * @page: room for a page
 * @value: what is carried from page to page: FILL's seed, CHECKSUM's checksum
 */
struct softaccel_range {
	struct softaccel_object *obj;
	u64 resets;
	void *page;
	u32 value;
};

/* What is done with the @length bytes, at most a page, at @offset. */
typedef int (*softaccel_step)(struct softaccel_range *range, u64 offset,
			      size_t length);

static int softaccel_fill_step(struct softaccel_range *range, u64 offset,
			       size_t length)
{
	__le32 *words = range->page;
	size_t i;

	for (i = 0; i < DIV_ROUND_UP(length, 4); i++)
		words[i] = cpu_to_le32(softaccel_mix(range->value++));
	return softaccel_work_write(range->obj, range->resets, offset, words,
				    length);
}

static int softaccel_checksum_step(struct softaccel_range *range, u64 offset,
				   size_t length)
{
	int ret;

	ret = softaccel_work_read(range->obj, range->resets, offset,
				  range->page, length);
	if (!ret)
		range->value = crc32_le(range->value, range->page, length);
	return ret;
}

static int softaccel_work_steps(struct softaccel_range *range, u64 offset,
				u64 length, softaccel_step step)
{
	size_t n;
	int ret = 0;

	range->page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!range->page)
		return -ENOMEM;

	/* What the caller stored may be in write-combining buffers yet. */
	mb();
	for (; length && !ret; offset += n, length -= n) {
		n = min_t(u64, length, PAGE_SIZE);
		ret = step(range, offset, n);
	}

	wmb(); /* as in softaccel_work_clear() */
	kfree(range->page);
	return ret;
}

/* Go through @length bytes at @offset of the buffer @handle by @step. */
static int softaccel_work_range(struct drm_file *file, u32 handle, u64 offset,
				u64 length, softaccel_step step, u32 *value)
{
	struct softaccel_range range = { .value = *value };
	int ret;

	range.obj = softaccel_work_lookup(file, handle, offset, length);
	if (IS_ERR(range.obj))
		return PTR_ERR(range.obj);

	range.resets = softaccel_work_resets(range.obj->gem.dev);
	ret = softaccel_work_steps(&range, offset, length, step);
	*value = range.value;
	drm_gem_object_put(&range.obj->gem);
	return ret;
}

int softaccel_ioctl_fill(struct drm_device *drm, void *data,
			 struct drm_file *file)
{
	struct softaccel_fill *args = data;
	u32 seed = args->seed;

	if (args->pad || args->pad2)
		return -EINVAL;

	return softaccel_work_range(file, args->handle, args->offset,
				    args->length, softaccel_fill_step, &seed);
}

int softaccel_ioctl_checksum(struct drm_device *drm, void *data,
			     struct drm_file *file)
{
	struct softaccel_checksum *args = data;
	u32 crc = ~0;
	int ret;

	if (args->pad || args->pad2)
		return -EINVAL;

	ret = softaccel_work_range(file, args->handle, args->offset,
				   args->length, softaccel_checksum_step, &crc);
	args->checksum = ~crc;
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
	u64 done, resets = softaccel_work_resets(op->obj->gem.dev);
	void *a, *b;
	size_t n;
	int ret = 0;

	a = kmalloc(2 * PAGE_SIZE, GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	b = a + PAGE_SIZE;

	mb(); /* as in softaccel_work_steps() */
	for (done = 0; done < length && !ret; done += n) {
		n = min_t(u64, length - done, PAGE_SIZE);
		ret = softaccel_work_read(op[SOFTACCEL_A].obj, resets,
					  op[SOFTACCEL_A].offset + done, a, n);
		if (ret)
			break;
		ret = softaccel_work_read(op[SOFTACCEL_B].obj, resets,
					  op[SOFTACCEL_B].offset + done, b, n);
		if (ret)
			break;
		softaccel_add_elements(a, b, n, type);
		ret = softaccel_work_write(op[SOFTACCEL_DST].obj, resets,
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
