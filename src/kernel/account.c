// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is counted and traced: exports, refusals by reason, revocations.
 */
#include <linux/build_bug.h>
#include <linux/device.h>
#include <linux/percpu.h>
#include <linux/sysfs.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PEERVMA_REASONS (PEERVMA_REASON_VFIO + 1)

struct peervma_counts {
	unsigned long exports;
	unsigned long revocations;
	unsigned long refusals[PEERVMA_REASONS];
};

static DEFINE_PER_CPU(struct peervma_counts, peervma_counts);

/**
 * peervma_account_request() - count and trace the end of an EXPORT
 * @export: what was asked for, with the reason
 * @kind: the kind of VMA, as far as it was found out
 * @error: what the caller gets
 *
 * Context: Process context of the caller.
 */
void peervma_account_request(const struct peervma_export *export,
			     enum peervma_vma_kind kind, int error)
{
	if (!error) {
		this_cpu_inc(peervma_counts.exports);
		trace_peervma_export(export, kind, error);
		return;
	}
	if (!WARN_ON_ONCE(export->reason >= PEERVMA_REASONS))
		this_cpu_inc(peervma_counts.refusals[export->reason]);
	trace_peervma_refuse(export, kind, error);
}

/**
 * peervma_account_revoke() - count and trace the end of an export's memory
 * @charge: of an export of this module's own making
 * @cause: what ended it
 *
 * Context: Any.
 */
void peervma_account_revoke(const struct peervma_charge *charge,
			    enum peervma_revoke_cause cause)
{
	this_cpu_inc(peervma_counts.revocations);
	trace_peervma_revoke(charge, cause);
}

/* The sum over all CPUs of the counter at @offset in struct peervma_counts. */
static unsigned long peervma_count(size_t offset)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(unsigned long *)
			((char *)per_cpu_ptr(&peervma_counts, cpu) + offset));
	return sum;
}

static ssize_t peervma_count_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct dev_ext_attribute *ext =
		container_of(attr, struct dev_ext_attribute, attr);

	return sysfs_emit(buf, "%lu\n", peervma_count((size_t)ext->var));
}

static ssize_t held_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%u\n", peervma_exports_held());
}
static DEVICE_ATTR_RO(held);

#define PEERVMA_COUNT(_name, _field) \
	static struct dev_ext_attribute peervma_attr_##_name = { \
		__ATTR(_name, 0444, peervma_count_show, NULL), \
		(void *)offsetof(struct peervma_counts, _field), \
	}

PEERVMA_COUNT(exports, exports);
PEERVMA_COUNT(revocations, revocations);

static struct attribute *peervma_statistics_attrs[] = {
	&peervma_attr_exports.attr.attr,
	&peervma_attr_revocations.attr.attr,
	&dev_attr_held.attr,
	NULL,
};

#define PEERVMA_REFUSAL(_name, _reason) \
	PEERVMA_COUNT(_name, refusals[PEERVMA_REASON_##_reason])

/* Without a reason: wrong arguments, no descriptor left. */
PEERVMA_REFUSAL(none, NONE);
PEERVMA_REFUSAL(unmapped, UNMAPPED);
PEERVMA_REFUSAL(not_device, NOT_DEVICE);
PEERVMA_REFUSAL(crosses_vma, CROSSES_VMA);
PEERVMA_REFUSAL(private, PRIVATE);
PEERVMA_REFUSAL(read_only, READ_ONLY);
PEERVMA_REFUSAL(no_exporter, NO_EXPORTER);
PEERVMA_REFUSAL(not_gem, NOT_GEM);
PEERVMA_REFUSAL(no_prime, NO_PRIME);
PEERVMA_REFUSAL(not_allowed, NOT_ALLOWED);
PEERVMA_REFUSAL(beyond_object, BEYOND_OBJECT);
PEERVMA_REFUSAL(revoked, REVOKED);
PEERVMA_REFUSAL(exporter, EXPORTER);
PEERVMA_REFUSAL(bar_policy, BAR_POLICY);
PEERVMA_REFUSAL(limit, LIMIT);
PEERVMA_REFUSAL(unknown_offset, UNKNOWN_OFFSET);
PEERVMA_REFUSAL(not_revocable, NOT_REVOCABLE);
PEERVMA_REFUSAL(vfio, VFIO);

static struct attribute *peervma_refusals_attrs[] = {
	&peervma_attr_none.attr.attr,
	&peervma_attr_unmapped.attr.attr,
	&peervma_attr_not_device.attr.attr,
	&peervma_attr_crosses_vma.attr.attr,
	&peervma_attr_private.attr.attr,
	&peervma_attr_read_only.attr.attr,
	&peervma_attr_no_exporter.attr.attr,
	&peervma_attr_not_gem.attr.attr,
	&peervma_attr_no_prime.attr.attr,
	&peervma_attr_not_allowed.attr.attr,
	&peervma_attr_beyond_object.attr.attr,
	&peervma_attr_revoked.attr.attr,
	&peervma_attr_exporter.attr.attr,
	&peervma_attr_bar_policy.attr.attr,
	&peervma_attr_limit.attr.attr,
	&peervma_attr_unknown_offset.attr.attr,
	&peervma_attr_not_revocable.attr.attr,
	&peervma_attr_vfio.attr.attr,
	NULL,
};

static_assert(ARRAY_SIZE(peervma_refusals_attrs) == PEERVMA_REASONS + 1);

static const struct attribute_group peervma_statistics_group = {
	.name = "statistics",
	.attrs = peervma_statistics_attrs,
};

static const struct attribute_group peervma_refusals_group = {
	.name = "refusals",
	.attrs = peervma_refusals_attrs,
};

const struct attribute_group *peervma_groups[] = {
	&peervma_statistics_group,
	&peervma_refusals_group,
	NULL,
};
