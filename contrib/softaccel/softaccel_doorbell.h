/* SPDX-License-Identifier: GPL-2.0-only */
/* What softaccel's module offers to others: its doorbells as dma-bufs. */
#ifndef SOFTACCEL_DOORBELL_H
#define SOFTACCEL_DOORBELL_H

struct dma_buf;
struct drm_gem_object;
struct vm_area_struct;

struct drm_gem_object *softaccel_doorbell_get(struct vm_area_struct *vma);
struct dma_buf *softaccel_prime_export(struct drm_gem_object *gem, int flags);

#endif
