/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where Soft-RoCE is on the machine's buses.
 */
#ifndef RXE_PLACE_H
#define RXE_PLACE_H

struct device;
struct net_device;

struct device *rxe_place(const struct net_device *ndev);

#endif /* RXE_PLACE_H */
