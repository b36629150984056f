/* SPDX-License-Identifier: BSD-3-Clause */
#include "status.h"

#include <errno.h>

ucs_status_t uct_peervma_status(int error)
{
    switch (-error) {
    case 0:
        return UCS_OK;
    case ENOENT: /* not device memory: for UCX, not ours */
        return UCS_ERR_INVALID_ADDR;
    case ERANGE:
        return UCS_ERR_OUT_OF_RANGE;
    case EINVAL:
        return UCS_ERR_INVALID_PARAM;
    case ENOMEM:
    case ENOSPC:
        return UCS_ERR_NO_MEMORY;
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return UCS_ERR_EXCEEDS_LIMIT;
    case ENODEV:
    case ENXIO:
    case ESTALE:
        return UCS_ERR_NO_DEVICE;
    case EACCES:
    case EPERM:
    case EOPNOTSUPP:
    case ENOTTY:
    case ENOSYS:
        return UCS_ERR_UNSUPPORTED;
    case EBUSY:
    case EAGAIN:
        return UCS_ERR_BUSY;
    default:
        return UCS_ERR_IO_ERROR;
    }
}
