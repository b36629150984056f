/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * peervma_driver: a driver that registers exporters with peervma.ko, for the
 * tests of that. What is mapped of its device at page n * DRIVER_PAGES behaves
 * as behaviour n.
 */
#ifndef DRIVER_H
#define DRIVER_H

#define DRIVER_DEVICE		"/dev/peervma_driver"
#define DRIVER_PARAMETERS	"/sys/module/peervma_driver/parameters/"
#define DRIVER_PAGES		16
#define DRIVER_SLOW_MS		1000

enum driver_behaviour {
	DRIVER_GOOD,		/* a dma-buf of DRIVER_PAGES pages */
	DRIVER_NOT_DYNAMIC,	/* a dma-buf without pin */
	DRIVER_GONE,		/* export says ENODEV */
	DRIVER_FAILS,		/* export says EIO */
	DRIVER_SLOW,		/* good, but export takes DRIVER_SLOW_MS */
	DRIVER_SECOND,		/* the second exporter's */
	DRIVER_NOBODYS,		/* no exporter's */
};

/*
 * What the parameter "register" does when it is written; a refusal is the
 * write's errno. The parameter "unregister" takes the first two back.
 */
enum driver_exporter {
	DRIVER_FIRST_EXPORTER,		/* all but the last two behaviours */
	DRIVER_SECOND_EXPORTER,		/* DRIVER_SECOND */
	DRIVER_SAME_NAME,		/* other ops of the first's name */
	DRIVER_NO_PROMISE,		/* no promise to revoke */
	DRIVER_UNKNOWN_FLAG,
	DRIVER_NO_MATCH,
	DRIVER_NO_EXPORT,
	DRIVER_NO_NAME,
};

#endif
