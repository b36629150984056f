/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of peervma.ko share.
 *
 * Locks, outermost first. No two groups are held together, but for that of the
 * MMU notifiers, which memory management enters under any lock that may sleep:
 *
 *	mmap_lock of current->mm, for reading
 *		the offset manager's vm_lock and the node's (DRM)
 *		RCU, over the list of drivers and a driver's match
 *
 *	the DRM device's unplug section (drm_dev_enter)
 *		what the exporter's own export takes: prime.lock,
 *		object_name_lock, the driver's locks
 *
 *	a device's lock, by who binds, unbinds or removes it
 *		the lock over the list of exported BARs, a mutex; not held over
 *		what follows
 *		a dma-buf's reservation lock
 *			what importers take when they are told to stop
 *
 *	the kernel's MMU notifiers
 *		an exported BAR's lock, a spinlock; nothing inside
 *
 *	the lock over the list of drivers, to change it; nothing inside
 *	the lock over the charges, a spinlock; nothing inside
 *
 * mmap_lock is dropped before an exporter exports: the driver may allocate,
 * sleep, or take locks that it also holds over a page fault. What was found
 * under mmap_lock is kept by references, so what is exported is the object that
 * was mapped then, whatever becomes of the VMA meanwhile.
 */
#ifndef PEERVMA_INTERNAL_H
#define PEERVMA_INTERNAL_H

#include <linux/peervma.h>
#include <linux/peervma-exporter.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct attribute_group;
struct device;
struct dma_buf;
struct file;
struct vm_area_struct;
struct peervma_holder;
struct peervma_object;

/**
 * struct peervma_exporter - one way from a VMA to a dma-buf
 * @kind: the kind of VMA
 * @match: whether a VMA that maps a file is of this kind
 * @hold: describe what a matching VMA maps in the object's @offset, @size and
 *	@pci, and keep it alive by a reference in @priv; or set @reason
 * @claim: instead of both, match and hold in one
 * @resolve: optional: what @hold could not find out under mmap_lock. It may set
 *	@priv, but no @reason where there is one already.
 * @export: a reference to the dma-buf of what @hold found, or an ERR_PTR; it
 *	may set @reason, which then decides the errno. None where @hold always
 *	sets one.
 * @release: drop the reference in @priv; not called where there is none
 *
 * Context: @match, @hold and @claim are called with mmap_lock held for reading
 * and may neither sleep nor allocate; the others without it, and may sleep.
 */
struct peervma_exporter {
	enum peervma_vma_kind kind;
	bool (*match)(struct vm_area_struct *vma);
	void (*hold)(struct vm_area_struct *vma, struct peervma_object *object);
	bool (*claim)(struct vm_area_struct *vma,
		      struct peervma_object *object);
	void (*resolve)(struct peervma_object *object);
	struct dma_buf *(*export)(struct peervma_object *object);
	void (*release)(struct peervma_object *object);
};

struct peervma_pci {
	bool valid;
	u32 domain;
	u16 bus;
	u16 devfn;
};

/**
 * struct peervma_object - what a VMA mapped when it was looked up
 * @exporter: who can export it, or NULL
 * @file: the VMA's file, held; NULL if nothing is held
 * @priv: what @exporter holds
 * @vma_start: first address of the VMA
 * @vma_end: first address after the VMA; zero if nothing is mapped
 * @addr: the address asked about, the first one of a range to export
 * @length: its bytes; zero for a query
 * @offset: offset in bytes of @vma_start in the object
 * @size: size in bytes of the object
 * @export_start: offset in bytes in the object at which its dma-buf begins
 * @phys: physical address at @vma_start, which only the exporter of BARs knows
 * @pages: p2pdma memory, which has pages, likewise
 * @pci: the object's device
 * @mapping: what a registered driver says
 * @kind: kind of the VMA, which may have no exporter
 * @prot: PEERVMA_PROT_*
 * @reason: why it cannot be exported
 */
struct peervma_object {
	const struct peervma_exporter *exporter;
	struct file *file;
	void *priv;
	u64 vma_start;
	u64 vma_end;
	u64 addr;
	u64 length;
	u64 offset;
	u64 size;
	u64 export_start;
	u64 phys;
	bool pages;
	struct peervma_pci pci;
	struct peervma_mapping mapping;
	enum peervma_vma_kind kind;
	u32 prot;
	enum peervma_reason reason;
};

/* vma.c */
int peervma_object_get(u64 addr, struct peervma_object *object);
enum peervma_reason peervma_vma_rights(struct vm_area_struct *vma);
void peervma_object_put(struct peervma_object *object);
int peervma_reason_errno(enum peervma_reason reason);
void peervma_pci_set(struct peervma_pci *pci, struct device *dev);
u64 peervma_kinds(void);

/* query.c, export.c */
int peervma_query(struct peervma_query *query);
int peervma_export(struct peervma_export *export, enum peervma_vma_kind *kind_p,
		   struct file **file_p);

/* registry.c */
extern const struct peervma_exporter peervma_driver_exporter;
bool peervma_driver_registered(void);

/**
 * struct peervma_charge - an export of this module's own making, as long as it
 *	is held
 * @user: the user who is charged; NULL if nobody is
 * @process: the process that is charged
 * @uid: the same user
 * @tgid: the same process
 * @kind: what was exported
 * @addr: where the exported range was mapped in that process
 * @length: its bytes
 *
 * A dma-buf that its driver makes is not charged: there is one per object, and
 * its driver's own limits hold. An exporter in this module that makes dma-bufs
 * embeds one of these in what it allocates, with GFP_KERNEL_ACCOUNT, for each.
 */
struct peervma_charge {
	struct peervma_holder *user;
	struct peervma_holder *process;
	kuid_t uid;
	pid_t tgid;
	enum peervma_vma_kind kind;
	u64 addr;
	u64 length;
};

/* limit.c */
int peervma_charge(struct peervma_charge *charge,
		   struct peervma_object *object);
void peervma_uncharge(struct peervma_charge *charge);
unsigned int peervma_exports_held(void);
void peervma_limits(struct peervma_info *info);

/**
 * enum peervma_revoke_cause - what ended the memory behind an export
 * @PEERVMA_REVOKE_UNMAP: the mapping: munmap, mremap, exit
 * @PEERVMA_REVOKE_UNBIND: a driver was bound to the device or unbound
 * @PEERVMA_REVOKE_REMOVE: the device was removed
 * @PEERVMA_REVOKE_POWER: the device left D0
 * @PEERVMA_REVOKE_POLICY: a parameter forbids it now
 */
enum peervma_revoke_cause {
	PEERVMA_REVOKE_UNMAP,
	PEERVMA_REVOKE_UNBIND,
	PEERVMA_REVOKE_REMOVE,
	PEERVMA_REVOKE_POWER,
	PEERVMA_REVOKE_POLICY,
};

/* account.c */
void peervma_account_request(const struct peervma_export *export,
			     enum peervma_vma_kind kind, int error);
void peervma_account_revoke(const struct peervma_charge *charge,
			    enum peervma_revoke_cause cause);
extern const struct attribute_group *peervma_groups[];

/* exporter_dmabuf.c */
extern const struct peervma_exporter peervma_dmabuf_exporter;

/* exporter_drm.c */

#if IS_ENABLED(CONFIG_DRM)
extern const struct peervma_exporter peervma_drm_exporter;
u64 peervma_drm_dmabuf_describe(const struct dma_buf *dmabuf,
				struct peervma_pci *pci);
#else
static inline u64 peervma_drm_dmabuf_describe(const struct dma_buf *dmabuf,
					      struct peervma_pci *pci)
{
	return 0;
}
#endif

/* exporter_bar.c, exporter_vfio.c, bar_revoke.c */
#if IS_ENABLED(CONFIG_PCI) && IS_ENABLED(CONFIG_MMU_NOTIFIER)
extern const struct peervma_exporter peervma_bar_exporter;
extern const struct peervma_exporter peervma_vfio_exporter;
bool peervma_bar_enabled(void);
int peervma_bar_init(void);
void peervma_bar_exit(void);
#else
static inline bool peervma_bar_enabled(void)
{
	return false;
}

static inline int peervma_bar_init(void)
{
	return 0;
}

static inline void peervma_bar_exit(void)
{
}
#endif

#endif /* PEERVMA_INTERNAL_H */
